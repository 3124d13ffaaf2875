"""reward_model: which of two graphs of a passage is better. It stands in the lineage only where it is enabled."""

from typing import Any

import dagster as dg

from assets.checkpoints import Bench, checkpoint_metadata, current, train, trained
from assets.gates import Gate, Measured, build_gates, failed_gates
from assets.sft_checkpoint import dev_figure, sft_checkpoint, sft_to_start_from
from assets.user_errors import plain_errors
from resources.home import Home
from resources.launcher import Launcher
from resources.settings import SettingsResource
from resources.warehouse import Warehouse
from text2graph_dagster.errors import UserError

STAGE = "reward_model"


@trained(deps=[sft_checkpoint], code_version="1")
def reward_model(
    context: dg.AssetExecutionContext,
    home: Home,
    warehouse: Warehouse,
    settings: SettingsResource,
    launcher: Launcher,
) -> dg.MaterializeResult[None]:
    """A model directory: the SFT student with a scalar head, which judges answers where no graph is trusted."""
    with plain_errors():
        bench = Bench(context, home, warehouse, launcher, settings.load())
        parent = sft_to_start_from(bench, "no reward model is made of the SFT checkpoint")
        program, sections = "text2graph_dagster.training.reward_model", {"student", "reward_model", "grpo"}
        checkpoint = train(bench, STAGE, program, sections, parent)
        return dg.MaterializeResult(
            metadata=checkpoint_metadata(checkpoint, ["loss", "pair_accuracy"]),
            data_version=dg.DataVersion(checkpoint["checkpoint_id"]),
        )


REWARD_MODEL_GATES = (
    Gate(
        "pair_accuracy",
        "lower end of the interval of the share of pairs that are told apart",
        "≥",
        lambda s: s.gates.reward_model_min_accuracy,
        lambda scope: Measured(dev_figure(STAGE, "all_low", scope) or 0.0),
    ),
)

reward_model_gates = build_gates(reward_model, REWARD_MODEL_GATES)


def judge_for_grpo(bench: Bench) -> dict[str, Any] | None:
    """Return the checkpoint of the reward model that GRPO is to use; None where the settings want none.

    Raises:
        UserError: there is none of the present SFT checkpoint, or its gate is closed.
    """
    if not bench.settings.reward_model.enabled:
        return None
    objections = failed_gates(bench.warehouse, bench.settings, STAGE, REWARD_MODEL_GATES, None)
    found, sft = (current(bench.warehouse, stage) for stage in (STAGE, "sft"))
    if found and sft and found["parent"] != sft["checkpoint_id"]:
        objections.append("it was made of another SFT checkpoint")
    if objections:
        raise UserError(
            f"the reward model is not used: {'; '.join(objections)}. Materialise reward_model and its gate again, or "
            "set reward_model.enabled to false."
        )
    return found
