"""sft_checkpoint: the student after supervised fine-tuning."""

import dagster as dg

from assets.gates.verdicts import refuse_bad_data
from assets.metadata import describe_checkpoint
from assets.model_context import ModelContext
from assets.orchestration import checkpoint_asset
from assets.training_steps import train_checkpoint
from assets.user_errors import fail_on_user_error
from resources.home import Home
from resources.launcher import Launcher
from resources.settings import SettingsResource
from resources.warehouse import Warehouse


@checkpoint_asset(deps=["filtered_dataset"], code_version="2")
def sft_checkpoint(
    context: dg.AssetExecutionContext,
    home: Home,
    warehouse: Warehouse,
    settings: SettingsResource,
    launcher: Launcher,
) -> dg.MaterializeResult[None]:
    """A model directory: the student, fine-tuned on filtered_dataset; reused if data and settings are unchanged."""
    with fail_on_user_error():
        model_context = ModelContext(context, home, warehouse, launcher, settings.load())
        refuse_bad_data(warehouse, model_context.settings)
        checkpoint = train_checkpoint(model_context, "sft", {"student", "sft", "decoding"})
        return dg.MaterializeResult(
            metadata=describe_checkpoint(checkpoint, ["loss"]),
            data_version=dg.DataVersion(checkpoint["checkpoint_id"]),
        )
