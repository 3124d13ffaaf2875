"""From the trainers' logs to the reporter."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from text2graph_dagster.runtime.reporting import Reporter
from text2graph_dagster.training.rl.monitor import Watch

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
        self.reporter.log_progress(f"{self.stage} step", state.global_step, state.max_steps, self._note(state))

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
            self.reporter.log_metrics(state.global_step, values)

    @staticmethod
    def _note(state: TrainerState) -> str:
        last = state.log_history[-1] if state.log_history else {}
        return ", ".join(f"{k} {last[k]:.3f}" for k in ("loss", "reward") if k in last)


class AlarmCallback(TrainerCallback):  # type: ignore[misc]
    """Reports what goes wrong, and ends the run at an alarm that is fatal; stands after `ReportCallback`."""

    def __init__(self, watch: Watch, reporter: Reporter) -> None:
        self.watch, self.reporter = watch, reporter

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Look at the points so far."""
        for alarm in self.watch.listen(self.reporter.points):
            self.reporter.log_alarm(asdict(alarm))
        if self.watch.fatal:
            control.should_training_stop = True
