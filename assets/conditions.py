"""When the daemon carries changed data on to the next asset."""

import dagster as dg

# New content upstream (not merely a new run), nothing missing or under way, and no gate upstream closed. It is strict:
# Dagster's own `all_deps_blocking_checks_passed` lets an unpartitioned asset through as soon as *any* corpus passes.
when_data_changed = dg.AutomationCondition.eager().replace(
    "newly_updated", dg.AutomationCondition.data_version_changed()
) & ~dg.AutomationCondition.any_deps_match(
    dg.AutomationCondition.any_checks_match(dg.AutomationCondition.check_failed(), blocking_only=True)
)
