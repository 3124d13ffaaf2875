"""Keep the model of a GRPO run that is best on the dev examples; the starting model is one of the candidates."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from text2graph_dagster.runtime.reporting import Reporter
from text2graph_dagster.settings import GrpoSettings

SELECTED_BY = "relation_f1"
_RECORD = "dev.json"


class BestCheckpoint:
    """The best model so far, in a directory.

    Another model replaces it only if it is better by at least `min_gain`. Among equally good models, the best one on
    dev is best by chance, and not better on test.
    """

    def __init__(self, directory: Path, save: Callable[[Any, Path], None], min_gain: float = 0.0) -> None:
        self.directory, self._save, self._min_gain = directory, save, min_gain

    @property
    def record(self) -> dict[str, Any] | None:
        """Return {"step": ..., "dev": {...}} of the model kept; None if there is none yet."""
        path = self.directory / _RECORD
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def offer(self, model: Any, step: int, dev: Mapping[str, float]) -> bool:
        """Replace the model kept if this one is better; return whether it is."""
        kept = self.record
        if kept is not None:
            gain = dev[SELECTED_BY] - kept["dev"][SELECTED_BY]
            if gain <= 0 or gain < self._min_gain:
                return False
        fresh = self.directory.with_name(self.directory.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        self._save(model, fresh)
        (fresh / _RECORD).write_text(json.dumps({"step": step, "dev": dict(dev)}), encoding="utf-8")
        shutil.rmtree(self.directory, ignore_errors=True)
        fresh.replace(self.directory)
        return True

    def move_to(self, target: Path) -> dict[str, Any]:
        """Move the model kept to `target`; return its record."""
        kept = self.record
        if kept is None:
            raise RuntimeError("no model was offered: there is none to move")
        self.directory.replace(target)
        (target / _RECORD).unlink()
        return kept


class SelectionCallback(TrainerCallback):  # type: ignore[misc]
    """Evaluates the model on the dev examples at `dev_checks` evenly spaced steps, the last one included.

    `merge` turns the model in training into the ordinary model that is evaluated and kept.
    """

    def __init__(
        self,
        best: BestCheckpoint,
        evaluate: Callable[[Any], dict[str, float]],
        merge: Callable[[Any], Any],
        settings: GrpoSettings,
        reporter: Reporter,
    ) -> None:
        self.best, self.evaluate, self.merge, self.reporter = best, evaluate, merge, reporter
        checks = settings.dev_checks
        self.steps = {round(settings.max_steps * (i + 1) / checks) for i in range(checks)}

    def begin(self, model: Any, dev: Mapping[str, float] | None) -> None:
        """Offer the starting model, unless an earlier part of the run did; `dev` has its metrics, if known."""
        if self.best.record is None:
            self._offer(model, 0, dev)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **kwargs: Any
    ) -> None:
        """Evaluate the model if this step is one of `steps`."""
        if state.global_step in self.steps:
            self._offer(model, state.global_step)

    def _offer(self, model: Any, step: int, dev: Mapping[str, float] | None = None) -> None:
        model = self.merge(model)
        dev = dev or self.evaluate(model)
        better = self.best.offer(model, step, dev)
        self.reporter.log_metrics(step, {f"dev_{name}": value for name, value in dev.items()})
        self.reporter.log(
            f"dev after step {step}: relation F1 {dev['relation_f1']:.3f}, entity F1 {dev['entity_f1']:.3f}"
            f"{' (best so far)' if better else ''}"
        )
