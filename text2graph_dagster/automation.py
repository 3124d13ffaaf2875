"""Jobs, sensors and the schedule: they start runs without a user.

The sensor and the schedule start one run per corpus for the data half; a failed gate stops the run. If the data has
changed, declarative automation then materialises the model half (`assets/orchestration.py`).
"""

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from assets.orchestration import AUTOMATION, corpora
from resources.home import Home
from text2graph_dagster.corpus.folder import check_name, fingerprint
from text2graph_dagster.errors import UserError

DATA_HALF = dg.AssetSelection.assets("raw_corpus", "teacher_graphs", "cot_traces")

data_half = dg.define_asset_job("data_half", selection=DATA_HALF, description="One corpus, from documents to traces.")
lineage = dg.define_asset_job(
    "lineage", selection=dg.AssetSelection.all(), description="One corpus's data, then the model from all corpora."
)


@dg.sensor(
    job=data_half,
    minimum_interval_seconds=AUTOMATION.sensor_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def corpora_folder(context: dg.SensorEvaluationContext, home: Home) -> dg.SensorResult:
    """Register a corpus that appears in the corpora folder, and run every new or changed corpus.

    The cursor records the fingerprints of the corpora. Runs have no run key, because Dagster skips a run key that was
    used before. But a corpus that is restored to an earlier state, or added again, must run again.
    """
    seen: dict[str, str] = json.loads(context.cursor or "{}")
    present: dict[str, str] = {}
    for folder in _folders(context, home.corpora):
        try:
            present[folder.name] = fingerprint(folder)
        except UserError as error:  # a folder that cannot be listed must not block the other corpora
            context.log.warning(str(error))
            present |= {name: stamp for name, stamp in seen.items() if name == folder.name}
    changed = [name for name, stamp in present.items() if seen.get(name) != stamp]
    cursor = json.dumps(present)
    if not changed:
        return dg.SensorResult(skip_reason=f"{len(present)} corpora, none new or changed", cursor=cursor)
    known = set(context.instance.get_dynamic_partitions(str(corpora.name)))
    new = [name for name in changed if name not in known]
    return dg.SensorResult(
        run_requests=[dg.RunRequest(partition_key=name) for name in changed],
        dynamic_partitions_requests=[corpora.build_add_request(new)] if new else [],
        cursor=cursor,
    )


def _folders(context: dg.SensorEvaluationContext, root: Path) -> Iterator[Path]:
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        if not folder.is_dir() or folder.name.startswith("."):
            continue
        try:
            check_name(folder.name)
        except UserError as error:
            context.log.warning(str(error))
        else:
            yield folder


@dg.schedule(
    job=data_half,
    cron_schedule=AUTOMATION.cron,
    execution_timezone=AUTOMATION.timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def nightly(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """Run the data half of every corpus; automation then runs the model half. Existing results are reused."""
    for name in sorted(context.instance.get_dynamic_partitions(str(corpora.name))):
        yield dg.RunRequest(partition_key=name, run_key=None)


@dg.run_failure_sensor(default_status=dg.DefaultSensorStatus.RUNNING)
def failures(context: dg.RunFailureSensorContext) -> None:
    """Log every failed run as one JSON line."""
    line = {
        "run": context.dagster_run.run_id,
        "job": context.dagster_run.job_name,
        "why": context.failure_event.message,
    }
    context.log.error(json.dumps(line, ensure_ascii=False))


conditions = dg.AutomationConditionSensorDefinition(
    "automation",
    target=dg.AssetSelection.all(),
    minimum_interval_seconds=AUTOMATION.sensor_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
