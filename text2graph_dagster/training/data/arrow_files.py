"""Data sets as memory-mapped Arrow files: rows are paged in as they are read, however many there are."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow
import pyarrow.parquet

T = TypeVar("T")
ROWS = 1024  # so many rows are held as Python objects at a time


def from_parquet(path: Path, arrow: Path, columns: Sequence[str]) -> Any:
    """Return some columns of a parquet file as a `datasets.Dataset` over the file `arrow`, which is written."""
    with pyarrow.parquet.ParquetFile(path) as source:
        known = source.schema_arrow
        schema = pyarrow.schema([known.field(name) for name in columns])
        return _written(arrow, schema, source.iter_batches(ROWS, columns=list(columns)))


def from_rows(rows: Iterable[Mapping[str, Any]], arrow: Path, types: Mapping[str, pyarrow.DataType]) -> Any:
    """Return rows as a `datasets.Dataset` over the file `arrow`, which is written as the rows come."""
    schema = pyarrow.schema(list(types.items()))
    return _written(
        arrow, schema, (pyarrow.RecordBatch.from_pylist(some, schema=schema) for some in in_batches(rows, ROWS))
    )


def in_batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of `size`; the last may be shorter."""
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch


def _written(path: Path, schema: pyarrow.Schema, batches: Iterable[pyarrow.RecordBatch]) -> Any:
    import datasets

    path.parent.mkdir(parents=True, exist_ok=True)
    with pyarrow.OSFile(str(path), "wb") as sink, pyarrow.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return datasets.Dataset.from_file(str(path))
