"""How much of a course of supervised fine-tuning is padding: as it is taught, and shuffled.

`python -m benchmarks.padding home/checkpoints/sft-….inputs` reads what a checkpoint was trained with. Batches are laid
out by length (`training/data/curriculum.py`); the second figure of each row is of the same rows in any order.
"""

import argparse
import random
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.table import show
from text2graph_dagster.runtime.config import read_config
from text2graph_dagster.runtime.program import prepare_environment
from text2graph_dagster.training.config import TrainingConfig
from text2graph_dagster.training.data.examples import read_examples
from text2graph_dagster.training.data.schedule import lay_course, measure_lengths, padding_share, store_tokens
from text2graph_dagster.training.model.student import make_student

PASSES = (4, 8, 16)


def main() -> None:
    """Print a row per size of a pass."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", type=Path, help="what stands beside a checkpoint, with run.json in it")
    parser.add_argument("--steps", type=int, default=None, help="of the course; none: as it was taught")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    prepare_environment()
    config = read_config(TrainingConfig, arguments.inputs / "run.json")
    if arguments.steps:
        sft = config.settings.sft.model_copy(update={"max_steps": arguments.steps})
        config = config.model_copy(update={"settings": config.settings.model_copy(update={"sft": sft})})
    show(measure(config), as_json=arguments.json)


def measure(config: TrainingConfig) -> list[dict[str, Any]]:
    """Return a row per size of a pass; names are those of the examples (invented ones pad more: run.json's share)."""
    settings = config.settings
    examples = read_examples(config.train, settings)
    _, tokenizer = make_student(config, examples, list(config.load_ontologies().values()))
    with TemporaryDirectory() as folder:
        lengths = measure_lengths(store_tokens(examples, tokenizer, Path(folder) / "tokens.arrow"))
    short = [i for i, length in enumerate(lengths) if length <= settings.sft.max_length]
    taught = [lengths[i] for i in short]
    unchanged = settings.model_copy(update={"sft": settings.sft.model_copy(update={"name_augmentation_share": 0.0})})
    rows = [taught[i] for i, _ in lay_course(examples.select(short), taught, unchanged)]
    shuffled = random.Random(settings.seed).sample(rows, len(rows))
    return [
        {
            "examples": len(taught),
            "rows": len(rows),
            "mean length": fmean(rows),
            "longest": max(rows),
            "per pass": size,
            "padding": round(padding_share(rows, size), 4),
            "padding, shuffled": round(padding_share(shuffled, size), 4),
        }
        for size in PASSES
    ]


if __name__ == "__main__":
    main()
