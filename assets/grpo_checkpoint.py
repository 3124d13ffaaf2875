"""grpo_checkpoint: the SFT student after group relative policy optimisation (GRPO)."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from assets.gates.verdicts import require_reward_model, require_sft_checkpoint
from assets.metadata import describe_checkpoint, summarise_alarms
from assets.model_context import ModelContext
from assets.orchestration import checkpoint_asset
from assets.training_steps import train_checkpoint
from assets.user_errors import fail_on_user_error
from resources.home import Home
from resources.launcher import Launcher
from resources.settings import SettingsResource
from resources.warehouse import Replace, Warehouse
from text2graph_dagster.contracts import CONTRACTS

SECTIONS = {"student", "grpo", "decoding", "evaluation"}
CHARTS = ["reward", "dev_relation_f1", "reward_relation_f1", "reward_entity_f1", "entropy", "kl"]
ROLLOUTS = "rollouts.jsonl"  # written by the training program into its output directory
ROLLOUT_ROWS = 5_000  # rows per insert


def build_asset(*upstream: str) -> dg.AssetsDefinition:
    """Return the asset; `upstream` are the keys of the assets whose models it uses."""

    @checkpoint_asset(deps=upstream, code_version="4")
    def grpo_checkpoint(
        context: dg.AssetExecutionContext,
        home: Home,
        warehouse: Warehouse,
        settings: SettingsResource,
        launcher: Launcher,
    ) -> dg.MaterializeResult[None]:
        """A model directory: the GRPO student, or the SFT student if GRPO brought no gain on dev gold."""
        with fail_on_user_error():
            model_context = ModelContext(context, home, warehouse, launcher, settings.load())
            refusal = "GRPO does not start from the SFT checkpoint"
            parent = require_sft_checkpoint(warehouse, model_context.settings, refusal)
            reward_model = require_reward_model(warehouse, model_context.settings)
            checkpoint = train_checkpoint(model_context, "grpo", SECTIONS, parent, reward_model)
            return dg.MaterializeResult(
                metadata={
                    **describe_checkpoint(checkpoint, CHARTS),
                    "rollouts": store_rollouts(warehouse, checkpoint),
                    "alarms": summarise_alarms(checkpoint["metrics"].get("alarms") or []),
                },
                data_version=dg.DataVersion(checkpoint["checkpoint_id"]),
            )

    return grpo_checkpoint


grpo_checkpoint = build_asset("sft_checkpoint")


def depend_on_reward_model(assets: Iterable[Any]) -> list[Any]:
    """Return the assets, with the reward model as an additional dependency of grpo_checkpoint.

    The asset is rebuilt because a dependency added by `map_asset_specs` is only drawn in the UI: runs ignore it.
    """
    built = build_asset("sft_checkpoint", "reward_model")
    return [built if isinstance(a, dg.AssetsDefinition) and a.keys == built.keys else a for a in assets]


def store_rollouts(warehouse: Warehouse, checkpoint: Mapping[str, Any]) -> int:
    """Replace the rows of the table rollouts by the checkpoint's rollouts; return the number of rows."""
    file = Path(checkpoint["path"]) / ROLLOUTS
    dtypes = {name: dtype for name, dtype in CONTRACTS["rollouts"].dtypes.items() if name != "run"}
    rows = (
        pl.read_ndjson(file, schema=dtypes) if file.is_file() and file.stat().st_size else pl.DataFrame(schema=dtypes)
    )
    frame = rows.with_columns(run=pl.lit(checkpoint["checkpoint_id"]))
    warehouse.commit(Replace("rollouts", frame.iter_slices(ROLLOUT_ROWS), {}))
    return frame.height
