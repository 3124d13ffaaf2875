"""grpo_checkpoint: the SFT student, improved by group-relative policy optimisation."""

from collections.abc import Callable, Iterable
from statistics import fmean
from typing import Any

import dagster as dg

from assets.checkpoints import Bench, checkpoint_metadata, current, learning_curves, train, trained
from assets.gates import Gate, Measured, Scope, build_gates
from assets.reward_model import STAGE as REWARD_MODEL
from assets.reward_model import judge_for_grpo
from assets.rollouts import store_rollouts, told_alarms
from assets.sft_checkpoint import dev_figure, sft_checkpoint, sft_to_start_from
from assets.user_errors import plain_errors
from resources.home import Home
from resources.launcher import Launcher
from resources.settings import SettingsResource
from resources.warehouse import Warehouse


def build(*upstream: Any) -> dg.AssetsDefinition:
    """Return the asset; `upstream` are the assets whose models it takes."""

    @trained(deps=upstream, code_version="4")
    def grpo_checkpoint(
        context: dg.AssetExecutionContext,
        home: Home,
        warehouse: Warehouse,
        settings: SettingsResource,
        launcher: Launcher,
    ) -> dg.MaterializeResult[None]:
        """A model directory, never worse on dev gold than the SFT student it starts from; unmeasured without any."""
        with plain_errors():
            bench = Bench(context, home, warehouse, launcher, settings.load())
            parent = sft_to_start_from(bench, "the SFT checkpoint is not improved upon")
            judge = judge_for_grpo(bench)
            program, sections = "text2graph_dagster.training.grpo", {"student", "grpo", "decoding", "evaluation"}
            checkpoint = train(bench, "grpo", program, sections, parent, judge)
            kept = store_rollouts(warehouse, checkpoint)
            charts = ["reward", "dev_relation_f1", "reward_relation_f1", "reward_entity_f1", "entropy", "kl"]
            return dg.MaterializeResult(
                metadata={
                    **checkpoint_metadata(checkpoint, charts),
                    "rollouts": kept,
                    "alarms": told_alarms(checkpoint["metrics"].get("alarms") or []),
                },
                data_version=dg.DataVersion(checkpoint["checkpoint_id"]),
            )

    return grpo_checkpoint


grpo_checkpoint = build(sft_checkpoint)


def after_reward_model(assets: Iterable[Any]) -> list[Any]:
    """Return the assets with grpo_checkpoint downstream of the reward model too.

    It is built anew: a dependency that `map_asset_specs` adds is drawn in the UI, but no run waits for it.
    """
    built = build(sft_checkpoint, REWARD_MODEL)
    return [built if isinstance(a, dg.AssetsDefinition) and a.keys == built.keys else a for a in assets]


def _dev_loss(scope: Scope) -> Measured:
    before, after = (dev_figure(stage, "relation_f1", scope) for stage in ("sft", "grpo"))
    if before is None or after is None:
        return Measured(None)
    return Measured(before - after, {"sft": before, "grpo": after})


def _empty_rise(scope: Scope) -> Measured:
    before, after = (dev_figure(stage, "empty_share", scope) for stage in ("sft", "grpo"))
    return Measured(None if before is None or after is None else after - before)


def _length_ratio(scope: Scope) -> Measured:
    before, after = (dev_figure(stage, "answer_tokens", scope) for stage in ("sft", "grpo"))
    return Measured(after / before if before and after else None)


def _last_tenth(figure: str) -> Callable[[Scope], Measured]:
    """Return what measures the mean of a training figure over its last tenth."""

    def measure(scope: Scope) -> Measured:
        checkpoint = current(scope.warehouse, "grpo")
        values = [value for _, value in learning_curves(checkpoint).get(figure, [])] if checkpoint else []
        return Measured(fmean(values[-max(1, len(values) // 10) :]) if values else None)

    return measure


def _triple_ratio(scope: Scope) -> Measured:
    return Measured(dev_figure("grpo", "triple_ratio", scope))


GRPO_CHECKPOINT_GATES = (
    Gate("dev_f1", "fall of dev relation F1 below SFT's", "≤", lambda s: s.gates.grpo_max_dev_loss, _dev_loss),
    Gate(
        "few_triples", "predicted per gold relation on dev", "≥", lambda s: s.gates.grpo_triple_ratio[0], _triple_ratio
    ),
    Gate(
        "many_triples", "predicted per gold relation on dev", "≤", lambda s: s.gates.grpo_triple_ratio[1], _triple_ratio
    ),
    Gate(
        "length", "length of dev answers relative to SFT's", "≤", lambda s: s.gates.grpo_max_length_ratio, _length_ratio
    ),
    Gate("empty", "rise of the share of empty dev answers", "≤", lambda s: s.gates.grpo_max_empty_rise, _empty_rise),
    Gate("kl", "mean KL to the SFT model at the end", "≤", lambda s: s.gates.grpo_max_kl, _last_tenth("kl")),
)

grpo_checkpoint_gates = build_gates(grpo_checkpoint, GRPO_CHECKPOINT_GATES)
