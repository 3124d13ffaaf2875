"""Trainer callbacks: report metrics, progress and alarms."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from text2graph_dagster.runtime.reporting import Reporter
from text2graph_dagster.training.rl.monitor import RunMonitor

# Metric names of transformers and TRL → names in metrics.jsonl.
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
    """Records every log of the trainer as a point of metrics.jsonl and logs progress."""

    def __init__(self, reporter: Reporter, stage: str) -> None:
        self.reporter, self.stage = reporter, stage

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Log progress."""
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
    """Reports alarms and stops the run at a fatal alarm.

    It must come after `ReportCallback`, which records the points that it checks.
    """

    def __init__(self, monitor: RunMonitor, reporter: Reporter) -> None:
        self.monitor, self.reporter = monitor, reporter

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Check the points recorded so far."""
        for alarm in self.monitor.check(self.reporter.points):
            self.reporter.log_alarm(asdict(alarm))
        if self.monitor.fatal:
            control.should_training_stop = True
