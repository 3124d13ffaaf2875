"""When the daemon carries data on to the next asset: when it has changed, and once a night in any case."""

import dagster as dg

from resources.profiles import settings

AUTOMATION = settings().load().automation

# New content upstream (not merely a new run), nothing missing or under way.
_changed = dg.AutomationCondition.eager().replace("newly_updated", dg.AutomationCondition.data_version_changed())
# After the nightly schedule has run the data half again, changed or not: what failed last night is tried again, and
# what was made costs nothing.
_nightly = (
    dg.AutomationCondition.on_cron(AUTOMATION.cron, AUTOMATION.timezone)
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
)
# No gate upstream closed. It is strict: Dagster's own `all_deps_blocking_checks_passed` lets an unpartitioned asset
# through as soon as *any* corpus passes.
_closed = dg.AutomationCondition.any_deps_match(
    dg.AutomationCondition.any_checks_match(dg.AutomationCondition.check_failed(), blocking_only=True)
)
when_data_changed = (_changed | _nightly) & ~_closed
