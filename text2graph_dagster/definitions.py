"""The code location: assets, gates, jobs, sensors, schedules and resources.

Loading it must stay light: no torch, no transformers, no trl (a test asserts it).
"""

import warnings
from typing import Any

import dagster as dg

# Partitioned checks are a preview feature; without them a gate would evaluate one corpus on another's data.
warnings.filterwarnings("ignore", category=dg.PreviewWarning)

from assets.user_errors import install_excepthook  # noqa: E402

install_excepthook()  # before the settings are read: they may be wrong

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
    """Return assets and gates; the reward model is among them only where it is enabled."""
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
        # One process per run: training runs in processes of its own, and a process per step would cost seconds each.
        executor=dg.in_process_executor,
    )


defs = build_definitions(build_settings().load())
