"""Gates of sft_checkpoint: the training loss has fallen, and the dev answers can be parsed."""

from math import isnan
from pathlib import Path

from assets.gates.gate import Gate, Measured, Scope, build_gates, measure_dev
from resources.checkpoints import current_checkpoint
from text2graph_dagster.training.learning_curves import average_ends, read_learning_curves


def _loss_drop(scope: Scope) -> Measured:
    """Return the relative drop of the mean loss from the first to the last tenth of training."""
    checkpoint = current_checkpoint(scope.warehouse, "sft")
    curves = read_learning_curves(Path(checkpoint["path"])) if checkpoint else {}
    losses = [value for _, value in curves.get("loss", [])]
    if not losses:
        return Measured(0.0)
    first, last = average_ends(losses)
    return Measured(-1.0 if isnan(last) else (first - last) / first, {"first": first, "last": last})


def _too_long(scope: Scope) -> Measured:
    """Return the share of the examples that were left out because they are too long."""
    metrics = (current_checkpoint(scope.warehouse, "sft") or {"metrics": {}})["metrics"]
    examples, left_out = metrics.get("examples", 0), metrics.get("examples_too_long", 0)
    return Measured(left_out / examples if examples else None, {"examples": examples, "examples_too_long": left_out})


SFT_CHECKPOINT_GATES = (
    Gate("loss", "relative drop of the training loss", "≥", lambda s: s.gates.sft_min_loss_drop, _loss_drop),
    Gate(
        "too_long",
        "share of the examples that exceed sft.max_length and were left out",
        "≤",
        lambda s: s.gates.sft_max_too_long,
        _too_long,
    ),
    Gate(
        "parse_rate",
        "share of dev answers that parse",
        "≥",
        lambda s: s.gates.sft_min_parse_rate,
        lambda scope: Measured(measure_dev(scope, "sft", "parse_rate")),
    ),
    Gate(
        "stops",
        "share of dev answers that end with the EOS token",
        "≥",
        lambda s: s.gates.sft_min_stopped,
        lambda scope: Measured(measure_dev(scope, "sft", "stopped")),
    ),
)

sft_checkpoint_gates = build_gates("sft_checkpoint", SFT_CHECKPOINT_GATES)
