"""sft_checkpoint: the student, taught the examples."""

from statistics import fmean
from typing import Any

import dagster as dg

from assets.checkpoints import Bench, checkpoint_metadata, current, learning_curves, train, trained
from assets.filtered_dataset import FILTERED_DATASET_GATES, filtered_dataset, open_corpora
from assets.gates import Gate, Measured, Scope, build_gates, failed_gates
from assets.user_errors import plain_errors
from resources.home import Home
from resources.launcher import Launcher
from resources.settings import SettingsResource
from resources.warehouse import Warehouse
from text2graph_dagster.errors import UserError
from text2graph_dagster.settings import Settings


@trained(deps=[filtered_dataset], code_version="2")
def sft_checkpoint(
    context: dg.AssetExecutionContext,
    home: Home,
    warehouse: Warehouse,
    settings: SettingsResource,
    launcher: Launcher,
) -> dg.MaterializeResult[None]:
    """A model directory, fine-tuned on filtered_dataset; nothing is trained when nothing has changed."""
    with plain_errors():
        bench = Bench(context, home, warehouse, launcher, settings.load())
        refuse_bad_data(warehouse, bench.settings)
        checkpoint = train(bench, "sft", "text2graph_dagster.training.sft", {"student", "sft", "decoding"}, None)
        return dg.MaterializeResult(
            metadata=checkpoint_metadata(checkpoint, ["loss"]),
            data_version=dg.DataVersion(checkpoint["checkpoint_id"]),
        )


def refuse_bad_data(warehouse: Warehouse, settings: Settings) -> None:
    """Stop before training if a gate of the present dataset, or of a corpus in it, is not open.

    Raises:
        UserError: with every objection.
    """
    objections = failed_gates(warehouse, settings, "filtered_dataset", FILTERED_DATASET_GATES, None)
    trained_on = set(warehouse.read("SELECT DISTINCT corpus FROM filtered_dataset")["corpus"])
    _, closed = open_corpora(warehouse, settings)
    objections += [o for corpus, why in closed.items() if corpus in trained_on for o in why]
    if objections:
        raise UserError(
            f"nothing is trained: {'; '.join(objections)}. Materialise filtered_dataset and its gates again."
        )


def sft_to_start_from(bench: Bench, otherwise: str) -> dict[str, Any] | None:
    """Return the present SFT checkpoint for a stage that goes on from it; `otherwise` says what will not be done.

    Raises:
        UserError: a gate of it, or of what it was taught, is not open.
    """
    refuse_bad_data(bench.warehouse, bench.settings)
    if objections := failed_gates(bench.warehouse, bench.settings, "sft_checkpoint", SFT_CHECKPOINT_GATES, None):
        raise UserError(f"{otherwise}: {'; '.join(objections)}.")
    return current(bench.warehouse, "sft")


def dev_figure(stage: str, name: str, scope: Scope) -> float | None:
    """Return a figure that the stage's training program measured on the gold dev passages; None without any."""
    checkpoint = current(scope.warehouse, stage)
    value = ((checkpoint or {"metrics": {}})["metrics"].get("dev") or {}).get(name)
    return None if value is None else float(value)


def _loss_drop(scope: Scope) -> Measured:
    """Return the fall of the loss from the first to the last tenth of its points, as a share of the first."""
    checkpoint = current(scope.warehouse, "sft")
    losses = [value for _, value in learning_curves(checkpoint).get("loss", [])] if checkpoint else []
    if not losses:
        return Measured(0.0)
    tenth = max(1, len(losses) // 10)
    first, last = fmean(losses[:tenth]), fmean(losses[-tenth:])
    return Measured((first - last) / first if last == last else -1.0, {"first": first, "last": last})


def _too_long(scope: Scope) -> Measured:
    """Return the share of the examples that were left out for their length."""
    metrics = (current(scope.warehouse, "sft") or {"metrics": {}})["metrics"]
    examples, left_out = metrics.get("examples", 0), metrics.get("examples_too_long", 0)
    return Measured(left_out / examples if examples else None, {"examples": examples, "examples_too_long": left_out})


SFT_CHECKPOINT_GATES = (
    Gate("loss", "fall of the training loss, as a share", "≥", lambda s: s.gates.sft_min_loss_drop, _loss_drop),
    Gate(
        "too_long",
        "share of the examples that are longer than sft.max_length and were not taught",
        "≤",
        lambda s: s.gates.sft_max_too_long,
        _too_long,
    ),
    Gate(
        "parse_rate",
        "share of dev answers that parse",
        "≥",
        lambda s: s.gates.sft_min_parse_rate,
        lambda scope: Measured(dev_figure("sft", "parse_rate", scope)),
    ),
    Gate(
        "stops",
        "share of dev answers that the model ends by itself",
        "≥",
        lambda s: s.gates.sft_min_stopped,
        lambda scope: Measured(dev_figure("sft", "stopped", scope)),
    ),
)

sft_checkpoint_gates = build_gates(sft_checkpoint, SFT_CHECKPOINT_GATES)
