"""The Dagster code location: assets, gates, jobs, sensors, schedules and resources.

It must not import heavy packages such as torch, transformers or trl; a test asserts this.
"""

import warnings
from typing import Any

import dagster as dg

# Partitioned checks are a preview feature. They are needed because each corpus has its own gate results.
warnings.filterwarnings("ignore", category=dg.PreviewWarning)

from assets.user_errors import install_excepthook  # noqa: E402

install_excepthook()  # must precede the imports below, which read the settings, as settings may be invalid

from assets import (  # noqa: E402
    cot_traces,
    eval_report,
    filtered_dataset,
    gates,
    grpo_checkpoint,
    raw_corpus,
    reward_model,
    sft_checkpoint,
    teacher_graphs,
)
from resources.profiles import build_resources, build_settings  # noqa: E402
from text2graph_dagster import automation  # noqa: E402
from text2graph_dagster.settings import Settings  # noqa: E402

MODULES = [raw_corpus, teacher_graphs, cot_traces, filtered_dataset, sft_checkpoint, grpo_checkpoint, eval_report]


def load_lineage(settings: Settings) -> tuple[list[Any], list[Any]]:
    """Return (assets, gates); the reward model and its gate are included only if the reward model is enabled."""
    enabled = settings.reward_model.enabled
    assets = list(dg.load_assets_from_modules([*MODULES, reward_model] if enabled else MODULES))
    if enabled:
        assets = grpo_checkpoint.depend_on_reward_model(assets)
    keys = {key for asset in assets if isinstance(asset, dg.AssetsDefinition) for key in asset.keys}
    checks = dg.load_asset_checks_from_package_module(gates)
    return assets, [check for check in checks if {key.asset_key for key in check.check_keys} <= keys]


def build_definitions(settings: Settings) -> dg.Definitions:
    """Return the code location for these settings."""
    assets, checks = load_lineage(settings)
    return dg.Definitions(
        assets=assets,
        asset_checks=checks,
        jobs=[automation.data_half, automation.lineage],
        sensors=[automation.corpora_folder, automation.failures, automation.conditions],
        schedules=[automation.nightly],
        resources=build_resources(),
        # The steps share a process, because starting one per step takes seconds. Training runs in its own process.
        executor=dg.in_process_executor,
    )


defs = build_definitions(build_settings().load())
