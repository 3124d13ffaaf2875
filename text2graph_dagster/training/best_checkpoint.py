"""Keep the model of a run that is best on the dev examples, and stop the run if it no longer improves."""

import json
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from text2graph_dagster.inference.loading import save_student
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.runtime.output_directory import OutputDirectory
from text2graph_dagster.runtime.reporting import Reporter
from text2graph_dagster.training import dev_evaluation
from text2graph_dagster.training.config import TrainingConfig
from text2graph_dagster.training.data.examples import Example
from text2graph_dagster.training.model.adapters import export_model

SELECTED_BY = "relation_f1"
_RECORD = "dev.json"


def space_checks(steps: int, checks: int) -> set[int]:
    """Return the steps of `checks` evenly spaced evaluations in a run of `steps` steps; the last step is one of them.

    >>> sorted(space_checks(2000, 4))
    [500, 1000, 1500, 2000]
    """
    return {round(steps * (i + 1) / checks) for i in range(checks)}


def is_better(value: float, kept: float | None, min_gain: float) -> bool:
    """Return whether a dev F1 replaces the one kept: it is higher, by at least `min_gain`."""
    return kept is None or (value > kept and value - kept >= min_gain)


def count_checks_without_gain(values: Iterable[float], min_gain: float = 0.0) -> int:
    """Return the number of evaluations since the best one; `values` are the dev F1 of all evaluations, in order."""
    kept, count = None, 0
    for value in values:
        if is_better(value, kept, min_gain):
            kept, count = value, 0
        else:
            count += 1
    return count


class BestCheckpoint:
    """The best model so far, in a subfolder of `directory` that is named after its step.

    Another model replaces it only if it is better by at least `min_gain`. Among equally good models, the best one on
    dev is best by chance, and not better on test. A kill at any moment leaves a complete model: subfolders appear by
    one rename, and the old one is removed afterwards.
    """

    def __init__(self, directory: Path, save: Callable[[Any, Path], None], min_gain: float = 0.0) -> None:
        self.directory, self._save, self.min_gain = directory, save, min_gain

    @property
    def record(self) -> dict[str, Any] | None:
        """Return {"step": ..., "dev": {...}} of the model kept; None if there is none yet."""
        folder = self._find_kept()
        return json.loads((folder / _RECORD).read_text(encoding="utf-8")) if folder else None

    def offer(self, model: Any, step: int, dev: Mapping[str, float]) -> bool:
        """Replace the model kept if this one is better; return whether it is."""
        kept, old = self.record, self._find_kept()
        if not is_better(dev[SELECTED_BY], kept["dev"][SELECTED_BY] if kept else None, self.min_gain):
            return False
        fresh = self.directory / "new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        self._save(model, fresh)
        (fresh / _RECORD).write_text(json.dumps({"step": step, "dev": dict(dev)}), encoding="utf-8")
        fresh.replace(self.directory / str(step))
        if old:
            shutil.rmtree(old)
        return True

    def copy_to(self, target: Path) -> dict[str, Any]:
        """Copy the model kept to `target`, which must not exist; return its record.

        It is not moved, because a run that is killed later publishes it again.
        """
        kept, folder = self.record, self._find_kept()
        if kept is None or folder is None:
            raise RuntimeError("no model was offered: there is none to copy")
        shutil.copytree(folder, target, ignore=shutil.ignore_patterns(_RECORD))
        return kept

    def _find_kept(self) -> Path | None:
        """Return the newest subfolder: a model replaces only those of earlier steps."""
        return max((p for p in self.directory.glob("*") if p.name.isdigit()), key=lambda p: int(p.name), default=None)


class SelectionCallback(TrainerCallback):  # type: ignore[misc]
    """Evaluates the model on the dev examples at certain steps, and keeps the best one.

    Args:
        steps: the steps after which the model is evaluated; see `space_checks`.
        evaluate: returns the dev metrics of an ordinary model.
        export: turns the model in training into the ordinary model that is evaluated and kept.
        patience: evaluations without a better model after which the run stops; None: it never stops early.
    """

    def __init__(
        self,
        best: BestCheckpoint,
        steps: Collection[int],
        evaluate: Callable[[Any], dict[str, float]],
        export: Callable[[Any], Any],
        reporter: Reporter,
        patience: int | None = None,
    ) -> None:
        self.best, self.steps, self.evaluate, self.export = best, steps, evaluate, export
        self.reporter, self.patience = reporter, patience

    @property
    def has_run_out(self) -> bool:
        """Return whether the run has to stop. It depends on the recorded points only, so a resumed run stops too."""
        values = [point[f"dev_{SELECTED_BY}"] for point in self.read_history()]
        return self.patience is not None and count_checks_without_gain(values, self.best.min_gain) >= self.patience

    def read_history(self) -> list[dict[str, float]]:
        """Return the recorded points of all evaluations, those of earlier parts of the run included."""
        return [point for point in self.reporter.points if f"dev_{SELECTED_BY}" in point]

    def begin(self, model: Any, dev: Mapping[str, float] | None) -> None:
        """Offer the starting model, unless an earlier part of the run did; `dev` has its metrics, if known."""
        if not self.read_history():
            self._offer(model, 0, dev)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **kwargs: Any
    ) -> None:
        """Evaluate the model if this step is one of `steps`; stop the run if it no longer improves."""
        if state.global_step not in self.steps:
            return
        self._offer(model, state.global_step)
        if self.has_run_out and state.global_step < state.max_steps:
            self.reporter.log(f"stopped early: no better dev relation F1 in the last {self.patience} checks")
            control.should_training_stop = True

    def _offer(self, model: Any, step: int, dev: Mapping[str, float] | None = None) -> None:
        started = time.monotonic()
        model = self.export(model)
        dev = dev or self.evaluate(model)
        better = self.best.offer(model, step, dev)
        self.reporter.log_metrics(step, {f"dev_{name}": value for name, value in dev.items()})
        self.reporter.log(
            f"dev after step {step}: relation F1 {dev['relation_f1']:.3f}, entity F1 {dev['entity_f1']:.3f}"
            f"{' (best so far)' if better else ''}; {time.monotonic() - started:.0f} s"
        )


def make_selection(
    tokenizer: Any,
    dev: Sequence[Example],
    ontologies: Mapping[str, Ontology],
    steps: Collection[int],
    config: TrainingConfig,
    output: OutputDirectory,
    reporter: Reporter,
    *,
    min_gain: float = 0.0,
    patience: int | None = None,
) -> SelectionCallback:
    """Return the callback that evaluates a run's model on `dev` after `steps`, and keeps the best in its directory."""

    def save(model: Any, directory: Path) -> None:
        save_student(model, tokenizer, directory)

    def evaluate(model: Any) -> dict[str, float]:
        return dev_evaluation.evaluate_dev(model, tokenizer, dev, ontologies, config.settings, reporter)

    def export(model: Any) -> Any:
        return export_model(model, config.source)

    best = BestCheckpoint(output.partial / "best", save, min_gain)
    return SelectionCallback(best, steps, evaluate, export, reporter, patience)
