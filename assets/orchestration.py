"""What assets tell Dagster about themselves: owners, partitions, and when automation materialises them."""

from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg

from resources.profiles import build_settings

OWNERS = ["team:text2graph"]
AUTOMATION = build_settings().load().automation

# A corpus is a partition: `text2graph corpora add` and the sensor register its name.
corpora = dg.DynamicPartitionsDefinition(name="corpora")

# New content upstream (not merely a new run), nothing missing or in progress.
_changed = dg.AutomationCondition.eager().replace("newly_updated", dg.AutomationCondition.data_version_changed())
# Once the nightly schedule has run the data half again, changed or not: what failed last night is tried again, and
# what exists already costs nothing.
_nightly = (
    dg.AutomationCondition.on_cron(AUTOMATION.cron, AUTOMATION.timezone)
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
)
# An upstream gate has failed. This is strict: Dagster's own `all_deps_blocking_checks_passed` lets an unpartitioned
# asset through as soon as *any* corpus passes.
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
