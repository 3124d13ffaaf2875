"""Measure the share of padding in SFT batches, with rows in the order of the training and in random order.

`python -m benchmarks.padding home/checkpoints/sft-….inputs` reads the training inputs of a checkpoint. The order of the
training groups rows by length (`training/data/curriculum.py`); the second figure of each line of the table is for the
same rows in random order.
"""

import argparse
import random
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.support.table import show
from text2graph_dagster.runtime.config import read_config
from text2graph_dagster.runtime.program import prepare_environment
from text2graph_dagster.training.config import TrainingConfig
from text2graph_dagster.training.data.examples import read_examples
from text2graph_dagster.training.data.schedule import (
    compute_padding_share,
    measure_lengths,
    plan_schedule,
    store_tokens,
)
from text2graph_dagster.training.model.student import make_student

PASSES = (4, 8, 16)


def main() -> None:
    """Print the table: a line per number of rows in a forward pass."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", type=Path, help="folder beside a checkpoint that has run.json")
    parser.add_argument("--steps", type=int, default=None, help="training steps; default: those of the training")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    prepare_environment()
    config = read_config(TrainingConfig, arguments.inputs / "run.json")
    if arguments.steps:
        sft = config.settings.sft.model_copy(update={"max_steps": arguments.steps})
        config = config.model_copy(update={"settings": config.settings.model_copy(update={"sft": sft})})
    show(measure(config), as_json=arguments.json)


def measure(config: TrainingConfig) -> list[dict[str, Any]]:
    """Return a line per size of a forward pass, without invented names (run.json has the share with them)."""
    settings = config.settings
    examples = read_examples(config.train, settings)
    _, tokenizer = make_student(config.source, config.settings, examples, list(config.load_ontologies().values()))
    with TemporaryDirectory() as folder:
        lengths = measure_lengths(store_tokens(examples, tokenizer, Path(folder) / "tokens.arrow"))
    short = [i for i, length in enumerate(lengths) if length <= settings.sft.max_length]
    lengths_used = [lengths[i] for i in short]
    unchanged = settings.model_copy(update={"sft": settings.sft.model_copy(update={"name_augmentation_share": 0.0})})
    rows = [lengths_used[i] for i, _ in plan_schedule(examples.select(short), lengths_used, unchanged)]
    shuffled = random.Random(settings.seed).sample(rows, len(rows))
    return [
        {
            "examples": len(lengths_used),
            "rows": len(rows),
            "mean length": fmean(rows),
            "longest": max(rows),
            "per pass": size,
            "padding": round(compute_padding_share(rows, size), 4),
            "padding, shuffled": round(compute_padding_share(shuffled, size), 4),
        }
        for size in PASSES
    ]


if __name__ == "__main__":
    main()
