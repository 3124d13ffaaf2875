"""Trainer callbacks: report metrics, progress, alarms and the time that the run will take."""

import time
from collections.abc import Callable, Mapping, Sequence
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


class ForecastCallback(TrainerCallback):  # type: ignore[misc]
    """Logs how long the rest of the run takes, once a few steps have been timed.

    Time is proportional to tokens, not to steps, because short examples come first. The first steps are not timed:
    memory is allocated in them, and the model may be compiled. The callback must come before those that evaluate.

    Args:
        step_tokens: the tokens of each step, padding included.
        evaluations: step → how many trained tokens the evaluations after this step take the time of.
        clock: returns the time in seconds.
    """

    UNTIMED_STEPS = 3
    TIMED_STEPS = 10

    def __init__(
        self,
        step_tokens: Sequence[int],
        evaluations: Mapping[int, float],
        reporter: Reporter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.step_tokens, self.evaluations, self.reporter, self._clock = step_tokens, evaluations, reporter, clock
        self._durations: list[float] = []
        self._began = 0.0

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Start the clock."""
        self._began = self._clock()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Time the step; log the forecast after the last one that is timed."""
        if len(self._durations) == self.UNTIMED_STEPS + self.TIMED_STEPS:
            return
        self._durations.append(self._clock() - self._began)
        if len(self._durations) == self.UNTIMED_STEPS + self.TIMED_STEPS:
            self._log_forecast(state.global_step)

    def _log_forecast(self, step: int) -> None:
        timed = sum(self.step_tokens[step - self.TIMED_STEPS : step])
        seconds = sum(self._durations[self.UNTIMED_STEPS :])
        training = sum(self.step_tokens[step:]) * seconds / timed / 60
        dev = sum(tokens for at, tokens in self.evaluations.items() if at >= step) * seconds / timed / 60
        self.reporter.log(
            f"forecast after {step} of {len(self.step_tokens)} steps: about {training + dev:.1f} minutes left "
            f"(training {training:.1f} at {timed / seconds:,.0f} tokens per second, dev {dev:.1f})"
        )


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
