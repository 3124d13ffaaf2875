"""The files that a training program reads: run.json, the training examples and the gold dev examples."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from text2graph_dagster.errors import UserError
from text2graph_dagster.settings import Settings


def write_program_inputs(
    output: Path,
    settings: Settings,
    examples: Iterator[pl.DataFrame],
    dev: pl.DataFrame,
    ontologies: Mapping[str, Path],
    base: str | None,
    reward_model: str | None,
) -> Path:
    """Write the inputs of a training program to `<output>.inputs`, and return the path of its configuration.

    Args:
        examples: the rows of filtered_dataset with their texts, in slices, which are written one at a time.
        dev: the gold dev examples; may be empty.
        ontologies: the ontology file of every corpus.
        base: the directory of the checkpoint to start from.
        reward_model: the directory of the reward model.

    Raises:
        UserError: there are no examples.
    """
    inputs = output.with_name(f"{output.name}.inputs")
    inputs.mkdir(parents=True, exist_ok=True)
    _write_slices(examples, inputs / "train.parquet")
    if dev.height:
        dev.write_parquet(inputs / "dev.parquet")
    config = {
        "settings": settings.model_dump(mode="json"),
        "train": str(inputs / "train.parquet"),
        "dev": str(inputs / "dev.parquet") if dev.height else None,
        "ontologies": {name: str(path) for name, path in ontologies.items()},
        "base": base,
        "reward_model": reward_model,
        "output": str(output),
    }
    path = inputs / "run.json"
    path.write_text(json.dumps(config, ensure_ascii=False, indent=2), encoding="utf-8")
    return path


def _write_slices(slices: Iterator[pl.DataFrame], path: Path) -> None:
    """Write frames to one parquet file, one at a time."""
    first = next(slices, None)
    if first is None:
        raise UserError("filtered_dataset has no examples: materialise it again.")
    table = first.to_arrow()
    with pq.ParquetWriter(path, table.schema) as writer:
        writer.write_table(table)
        for rows in slices:
            writer.write_table(rows.to_arrow().cast(table.schema))
