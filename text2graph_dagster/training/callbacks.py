"""From the trainers' logs to the reporter."""

from collections.abc import Mapping
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from text2graph_dagster.training.reporting import Reporter

# What the trainers call their figures → what they are called here.
_NAMES = {
    "loss": "loss",
    "learning_rate": "learning_rate",
    "grad_norm": "gradient_norm",
    "entropy": "entropy",
    "mean_token_accuracy": "token_accuracy",
    "num_tokens": "tokens",
    "accuracy": "pair_accuracy",
    "margin": "pair_margin",
    "reward": "reward",
    "reward_std": "reward_deviation",
    "kl": "kl",
    "frac_reward_zero_std": "groups_without_variance",
    "completions/mean_length": "completion_length",
    "completions/max_length": "completion_length_max",
    "completions/clipped_ratio": "completions_cut_off",
}


class ReportCallback(TrainerCallback):  # type: ignore[misc]
    """Hands every log on as a point, and says how far the training has come."""

    def __init__(self, reporter: Reporter, stage: str) -> None:
        self.reporter, self.stage = reporter, stage

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Say how far it has come."""
        self.reporter.progress(f"{self.stage} step", state.global_step, state.max_steps, self._note(state))

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Record a point."""
        values = {_NAMES[k]: float(v) for k, v in (logs or {}).items() if k in _NAMES}
        values |= {k.removeprefix("t2g/"): float(v) for k, v in (logs or {}).items() if k.startswith("t2g/")}
        if values:
            self.reporter.metrics(state.global_step, values)

    @staticmethod
    def _note(state: TrainerState) -> str:
        last = state.log_history[-1] if state.log_history else {}
        return ", ".join(f"{k} {last[k]:.3f}" for k in ("loss", "reward") if k in last)
