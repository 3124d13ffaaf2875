"""Which model of a reinforcement run is kept: the one that is best on the dev passages, the first one included."""

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


class Best:
    """The best model so far, in a directory; a model that is not better than the one kept is not written.

    Better is by `min_gain` at least. Of several models that are as good as the first, the one that does best on dev
    does so by chance, and no better on test.
    """

    def __init__(self, directory: Path, save: Callable[[Any, Path], None], min_gain: float = 0.0) -> None:
        self.directory, self._save, self._min_gain = directory, save, min_gain

    @property
    def record(self) -> dict[str, Any] | None:
        """Return {"step": ..., "dev": {...}} of the model kept, None when there is none yet."""
        path = self.directory / _RECORD
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def offer(self, model: Any, step: int, dev: Mapping[str, float]) -> bool:
        """Keep the model if it beats the one kept; return whether it does."""
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
        """Hand the model over; return its record."""
        kept = self.record
        if kept is None:
            raise RuntimeError("no model was offered")
        self.directory.replace(target)
        (target / _RECORD).unlink()
        return kept


class SelectionCallback(TrainerCallback):  # type: ignore[misc]
    """Measures the model on the dev passages `checks` times, evenly over the run, the last time at its end.

    What is measured, and kept, is what `whole` makes of the model in training.
    """

    def __init__(
        self,
        best: Best,
        measure: Callable[[Any], dict[str, float]],
        whole: Callable[[Any], Any],
        settings: GrpoSettings,
        reporter: Reporter,
    ) -> None:
        self.best, self.measure, self.whole, self.reporter = best, measure, whole, reporter
        self.moments = {round(settings.max_steps * (i + 1) / settings.dev_checks) for i in range(settings.dev_checks)}

    def begin(self, model: Any, dev: Mapping[str, float] | None) -> None:
        """Measure the model that the run starts from, unless `dev` says how good it is or an earlier part of it did."""
        if self.best.record is None:
            self._look(model, 0, dev)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **kwargs: Any
    ) -> None:
        """Measure at the moments set."""
        if state.global_step in self.moments:
            self._look(model, state.global_step)

    def _look(self, model: Any, step: int, dev: Mapping[str, float] | None = None) -> None:
        model = self.whole(model)
        dev = dev or self.measure(model)
        better = self.best.offer(model, step, dev)
        self.reporter.log_metrics(step, {f"dev_{name}": value for name, value in dev.items()})
        self.reporter.log(
            f"dev after step {step}: relation F1 {dev['relation_f1']:.3f}, entity F1 {dev['entity_f1']:.3f}"
            f"{' (best so far)' if better else ''}"
        )
