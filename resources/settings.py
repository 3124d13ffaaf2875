"""The settings as a Dagster resource, so that the configuration of a run can override settings."""

from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from text2graph_dagster.settings import Settings


class SettingsResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The defaults, overridden in this order by the profile, the YAML file and the run's `overrides`."""

    path: str = Field(default="", description="YAML file (TEXT2GRAPH_CONFIG)")
    profile_defaults: dict[str, Any] = Field(default_factory=dict, description="what the profile changes")
    overrides: dict[str, Any] = Field(
        default_factory=dict, description="for this run, e.g. {'sft': {'max_steps': 100}}"
    )

    def load(self) -> Settings:
        """Return the merged settings.

        Raises:
            UserError: a key is unknown, a value is out of range, or the file cannot be read.
        """
        return Settings.load(Path(self.path) if self.path else None, self.overrides, self.profile_defaults)
