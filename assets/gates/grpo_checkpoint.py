"""Gates of grpo_checkpoint: no worse than the SFT student on dev, and no sign of reward hacking."""

from collections.abc import Callable
from pathlib import Path

from assets.gates.gate import Gate, Measured, Scope, build_gates, measure_dev
from resources.checkpoints import current_checkpoint
from text2graph_dagster.training.learning_curves import average_ends, read_learning_curves


def _dev_loss(scope: Scope) -> Measured:
    before, after = (measure_dev(scope, stage, "relation_f1") for stage in ("sft", "grpo"))
    if before is None or after is None:
        return Measured(None)
    return Measured(before - after, {"sft": before, "grpo": after})


def _empty_rise(scope: Scope) -> Measured:
    before, after = (measure_dev(scope, stage, "empty_share") for stage in ("sft", "grpo"))
    return Measured(None if before is None or after is None else after - before)


def _length_ratio(scope: Scope) -> Measured:
    before, after = (measure_dev(scope, stage, "answer_tokens") for stage in ("sft", "grpo"))
    return Measured(after / before if before and after else None)


def _last_tenth(figure: str) -> Callable[[Scope], Measured]:
    """Return a measure: the mean of a training metric over the last tenth of training."""

    def measure(scope: Scope) -> Measured:
        checkpoint = current_checkpoint(scope.warehouse, "grpo")
        curves = read_learning_curves(Path(checkpoint["path"])) if checkpoint else {}
        values = [value for _, value in curves.get(figure, [])]
        return Measured(average_ends(values)[1] if values else None)

    return measure


def _triple_ratio(scope: Scope) -> Measured:
    return Measured(measure_dev(scope, "grpo", "triple_ratio"))


GRPO_CHECKPOINT_GATES = (
    Gate("dev_f1", "dev relation F1: SFT minus GRPO", "≤", lambda s: s.gates.grpo_max_dev_loss, _dev_loss),
    Gate(
        "few_triples",
        "predicted relations per gold relation on dev",
        "≥",
        lambda s: s.gates.grpo_triple_ratio[0],
        _triple_ratio,
    ),
    Gate(
        "many_triples",
        "predicted relations per gold relation on dev",
        "≤",
        lambda s: s.gates.grpo_triple_ratio[1],
        _triple_ratio,
    ),
    Gate(
        "length",
        "mean length of dev answers relative to the SFT student's answers",
        "≤",
        lambda s: s.gates.grpo_max_length_ratio,
        _length_ratio,
    ),
    Gate(
        "empty",
        "share of empty dev answers minus the SFT student's share",
        "≤",
        lambda s: s.gates.grpo_max_empty_rise,
        _empty_rise,
    ),
    Gate(
        "kl",
        "mean KL divergence from the SFT student over the last tenth of training",
        "≤",
        lambda s: s.gates.grpo_max_kl,
        _last_tenth("kl"),
    ),
)

grpo_checkpoint_gates = build_gates("grpo_checkpoint", GRPO_CHECKPOINT_GATES)
