"""Write files atomically: a reader sees the old file or the complete new one."""

from pathlib import Path

import polars as pl


def write_parquet_atomically(frame: pl.DataFrame, path: Path, compression_level: int | None = None) -> None:
    """Write a parquet file; if the process is killed while writing, an existing file stays as it was."""
    unfinished = path.with_name(f"{path.name}.tmp")
    frame.write_parquet(unfinished, compression_level=compression_level)
    unfinished.rename(path)


def write_text_atomically(text: str, path: Path) -> None:
    """Write a UTF-8 text file in the same way."""
    unfinished = path.with_name(f"{path.name}.tmp")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.rename(path)
