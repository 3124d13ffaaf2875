"""Files that are there whole or not at all."""

from pathlib import Path

import polars as pl


def write_whole(frame: pl.DataFrame, path: Path, compression_level: int | None = None) -> None:
    """Write a parquet file in one step: a process that is killed meanwhile leaves the old one, or none."""
    unfinished = path.with_name(f"{path.name}.tmp")
    frame.write_parquet(unfinished, compression_level=compression_level)
    unfinished.rename(path)


def write_text_whole(text: str, path: Path) -> None:
    """Write a text file in one step, likewise."""
    unfinished = path.with_name(f"{path.name}.tmp")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.rename(path)
