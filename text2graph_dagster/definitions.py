"""The code location: everything meets here.

Loading it must stay light: no torch, no transformers, no trl (a test asserts it).
"""

import warnings

import dagster as dg

# Checks with partitions are a preview feature; without them a gate would judge one corpus by another's data.
warnings.filterwarnings("ignore", category=dg.PreviewWarning)

from assets.plain import end_plainly  # noqa: E402

end_plainly()  # before settings are read: they may be wrong

from assets import (  # noqa: E402
    cot_traces,
    eval_report,
    filtered_dataset,
    grpo_checkpoint,
    raw_corpus,
    sft_checkpoint,
    teacher_graphs,
)
from resources.profiles import resources  # noqa: E402
from text2graph_dagster import automation  # noqa: E402

MODULES = [raw_corpus, teacher_graphs, cot_traces, filtered_dataset, sft_checkpoint, grpo_checkpoint, eval_report]

defs = dg.Definitions(
    assets=dg.load_assets_from_modules(MODULES),
    asset_checks=dg.load_asset_checks_from_modules(MODULES),
    jobs=[automation.data_half, automation.lineage],
    sensors=[automation.corpora_folder, automation.failures, automation.conditions],
    schedules=[automation.nightly],
    resources=resources(),
    # One process a run: training runs in processes of its own, and a process per step would cost seconds each.
    executor=dg.in_process_executor,
)
