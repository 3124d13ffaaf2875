"""The code location: everything meets here.

Loading it must stay light: no torch, no transformers, no trl (a test asserts it).
"""

import warnings

import dagster as dg

# Checks with partitions are a preview feature; without them a gate would judge one corpus by another's data.
warnings.filterwarnings("ignore", category=dg.PreviewWarning)

from assets.user_errors import end_plainly  # noqa: E402

end_plainly()  # before settings are read: they may be wrong

from assets import (  # noqa: E402
    cot_traces,
    eval_report,
    filtered_dataset,
    grpo_checkpoint,
    raw_corpus,
    reward_model,
    sft_checkpoint,
    teacher_graphs,
)
from resources.profiles import resources, settings  # noqa: E402
from text2graph_dagster import automation  # noqa: E402
from text2graph_dagster.settings import Settings  # noqa: E402

MODULES = [raw_corpus, teacher_graphs, cot_traces, filtered_dataset, sft_checkpoint, grpo_checkpoint, eval_report]


def definitions(settings: Settings) -> dg.Definitions:
    """Return the code location; the reward model is part of it only where it is enabled."""
    modules = [*MODULES, reward_model] if settings.reward_model.enabled else MODULES
    assets = dg.load_assets_from_modules(modules)
    return dg.Definitions(
        assets=grpo_checkpoint.after_reward_model(assets) if settings.reward_model.enabled else assets,
        asset_checks=dg.load_asset_checks_from_modules(modules),
        jobs=[automation.data_half, automation.lineage],
        sensors=[automation.corpora_folder, automation.failures, automation.conditions],
        schedules=[automation.nightly],
        resources=resources(),
        # One process a run: training runs in processes of its own, and a process per step would cost seconds each.
        executor=dg.in_process_executor,
    )


defs = definitions(settings().load())
