"""Settings of what the Dagster daemon runs by itself."""

from pydantic import Field

from text2graph_dagster.settings.section import Section


class AutomationSettings(Section):
    """What the daemon does by itself."""

    cron: str = Field("0 3 * * *", description="when the whole lineage is run again, as a cron expression")
    timezone: str = Field("UTC", description="time zone of the cron expression")
    sensor_seconds: int = Field(30, ge=5, description="seconds between two checks of the corpora folder")
