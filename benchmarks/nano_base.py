"""Measure what pretraining gains: `python -m benchmarks.nano_base --inputs DIR --out DIR [--steps …]`.

The nano base, and the same model from scratch, are fine-tuned on the examples of a corpus for the given numbers of
steps. Both are evaluated on the corpus's gold dev passages. The table has strict relation and entity F1 with 95 %
intervals (bootstrap over passages) and the processor seconds of training. Zero steps from the base measure what it can
do with an unseen ontology. Runs that are already in `--out` are not repeated.

`--inputs` is the folder that `sft_checkpoint` leaves beside a checkpoint: run.json, train.parquet, dev.parquet.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.support.table import show
from text2graph_dagster.runtime.config import read_config
from text2graph_dagster.runtime.program import prepare_environment, set_threads, work_offline
from text2graph_dagster.settings import NANO, SCRATCH, Settings
from text2graph_dagster.training.config import TrainingConfig


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, nargs="*", default=[0, 200, 400, 800, 1600])
    parser.add_argument("--arms", nargs="*", default=[NANO, SCRATCH], choices=[NANO, SCRATCH])
    parser.add_argument("--rate", type=float, help="learning rate for the base")
    parser.add_argument("--rename", type=float, help="share of examples with invented names for the base")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    prepare_environment()
    work_offline(NANO)
    rows = []
    for steps in given.steps:
        for arm in given.arms:
            if steps or arm == NANO:
                rows.append(_row(given, arm, steps))
                print(json.dumps(rows[-1]), flush=True)
    show(rows, as_json=given.json)
    return 0


def _row(given: argparse.Namespace, arm: str, steps: int) -> dict[str, Any]:
    name = f"{arm}-{steps}" + "".join(f"-{v:g}" for v in (given.rate, given.rename) if v is not None and arm == NANO)
    path = given.out / name
    config = read_config(TrainingConfig, _write_config(given, arm, steps, path))
    seconds = 0.0
    if steps:
        subprocess.run(
            [sys.executable, "-m", "text2graph_dagster.training.sft", "--config", f"{path}.json"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds = json.loads((path / "run.json").read_text())["cpu_seconds"]
    return {"from": arm, "steps": steps, "cpu_seconds": seconds, **_measure(config, given, path if steps else None)}


def _write_config(given: argparse.Namespace, arm: str, steps: int, path: Path) -> Path:
    """Write a run's configuration (default settings, the inputs' ontologies and seed); return its path."""
    value = json.loads((given.inputs / "run.json").read_text(encoding="utf-8"))
    sft: dict[str, Any] = {"max_steps": max(1, steps), "save_steps": 100, "threads": 1}
    if arm == NANO:
        sft |= {"learning_rate": given.rate, "name_augmentation_share": given.rename}
    settings = Settings.load(None, {"seed": value["settings"]["seed"], "student": {"base_model": arm}, "sft": sft})
    config = {
        "settings": settings.model_dump(mode="json"),
        "train": str(given.inputs / "train.parquet"),
        "ontologies": value["ontologies"],
        "output": str(path),
    }
    given.out.mkdir(parents=True, exist_ok=True)
    target = path.with_name(path.name + ".json")
    target.write_text(json.dumps(config), encoding="utf-8")
    return target


def _measure(config: TrainingConfig, given: argparse.Namespace, student: Path | None) -> dict[str, Any]:
    """Return the figures of a student, or of the base itself, on the gold dev passages."""
    from text2graph_dagster.inference.loading import load_student
    from text2graph_dagster.runtime.reporting import open_reporter
    from text2graph_dagster.training.data.examples import read_examples
    from text2graph_dagster.training.dev_evaluation import evaluate_dev
    from text2graph_dagster.training.model.student import load_nano_base

    set_threads(1)
    ontologies = config.load_ontologies()
    model, tokenizer = load_student(student) if student else load_nano_base(config.settings, list(ontologies.values()))
    examples = list(read_examples(given.inputs / "dev.parquet", config.settings))
    with open_reporter() as reporter:
        figures = evaluate_dev(model, tokenizer, examples, ontologies, config.settings, reporter)
    return {
        "n": len(examples),
        "parsed": round(figures["parse_rate"], 3),
        **{name: value for of in ("relation", "entity") for name, value in _f1(figures, of).items()},
        "precision": round(figures["relation_precision"], 3),
        "recall": round(figures["relation_recall"], 3),
    }


def _f1(figures: Mapping[str, float], of: str) -> dict[str, Any]:
    score, low, high = (figures[f"{of}_f1{end}"] for end in ("", "_low", "_high"))
    return {f"{of}_f1": round(score, 3), f"{of}_f1_95": f"[{low:.3f}, {high:.3f}]"}


if __name__ == "__main__":
    sys.exit(main())
