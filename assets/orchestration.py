"""What assets tell Dagster about themselves: owners, partitions, and when automation materialises them."""

from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg

from resources.profiles import build_settings

OWNERS = ["team:text2graph"]
AUTOMATION = build_settings().load().automation

# Each corpus is a partition, registered by `text2graph corpora add` or by the sensor.
corpora = dg.DynamicPartitionsDefinition(name="corpora")

# True if the content upstream has changed (a new run alone is not enough) and nothing is missing or in progress.
_changed = dg.AutomationCondition.eager().replace("newly_updated", dg.AutomationCondition.data_version_changed())
# True once per night, after the scheduled run of the data half, even if no data changed. This retries failed assets;
# existing results are reused at no cost.
_nightly = (
    dg.AutomationCondition.on_cron(AUTOMATION.cron, AUTOMATION.timezone)
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
)
# True if an upstream gate has failed for any corpus. Dagster's own `all_deps_blocking_checks_passed` is not used,
# because an unpartitioned asset satisfies it as soon as *one* corpus passes.
_gate_failed = dg.AutomationCondition.any_deps_match(
    dg.AutomationCondition.any_checks_match(dg.AutomationCondition.check_failed(), blocking_only=True)
)
when_data_changed = (_changed | _nightly) & ~_gate_failed


def corpus_asset(
    code_version: str, kinds: set[str], deps: Sequence[str] = (), pool: str | None = None
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Return the decorator of an asset of the data half: one partition per corpus."""
    return dg.asset(
        deps=deps,
        partitions_def=corpora,
        code_version=code_version,
        group_name="data",
        kinds=kinds,
        owners=OWNERS,
        pool=pool,
    )


def checkpoint_asset(deps: Sequence[str], code_version: str) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Return the decorator of an asset that trains a model."""
    return dg.asset(
        deps=deps,
        code_version=code_version,
        group_name="model",
        kinds={"pytorch", "huggingface"},
        owners=OWNERS,
        pool="gpu",
        automation_condition=when_data_changed,
    )
