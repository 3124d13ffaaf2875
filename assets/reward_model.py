"""reward_model: scores the graphs of a passage for GRPO. It is part of the lineage only if it is enabled."""

import dagster as dg

from assets.gates.verdicts import require_sft_checkpoint
from assets.metadata import describe_checkpoint
from assets.model_context import ModelContext
from assets.orchestration import checkpoint_asset
from assets.training_steps import train_checkpoint
from assets.user_errors import fail_on_user_error
from resources.home import Home
from resources.launcher import Launcher
from resources.settings import SettingsResource
from resources.warehouse import Warehouse


@checkpoint_asset(deps=["sft_checkpoint"], code_version="1")
def reward_model(
    context: dg.AssetExecutionContext,
    home: Home,
    warehouse: Warehouse,
    settings: SettingsResource,
    launcher: Launcher,
) -> dg.MaterializeResult[None]:
    """The SFT student with a scalar head, to score answers on passages without a trusted graph."""
    with fail_on_user_error():
        model_context = ModelContext(context, home, warehouse, launcher, settings.load())
        refusal = "no reward model is trained from the SFT checkpoint"
        parent = require_sft_checkpoint(warehouse, model_context.settings, refusal)
        checkpoint = train_checkpoint(model_context, "reward_model", {"student", "reward_model", "grpo"}, parent)
        return dg.MaterializeResult(
            metadata=describe_checkpoint(checkpoint, ["loss", "pair_accuracy"]),
            data_version=dg.DataVersion(checkpoint["checkpoint_id"]),
        )
