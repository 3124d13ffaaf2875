"""Datasets as memory-mapped Arrow files: memory use does not grow with the number of rows."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow
import pyarrow.parquet

T = TypeVar("T")
BATCH_ROWS = 1024  # number of rows that are Python objects at the same time


def convert_parquet(path: Path, arrow: Path, columns: Sequence[str]) -> Any:
    """Copy columns of a parquet file to the file `arrow`; return a `datasets.Dataset` over it."""
    with pyarrow.parquet.ParquetFile(path) as source:
        schema_of_file = source.schema_arrow
        schema = pyarrow.schema([schema_of_file.field(name) for name in columns])
        return _write_batches(arrow, schema, source.iter_batches(BATCH_ROWS, columns=list(columns)))


def write_rows(rows: Iterable[Mapping[str, Any]], arrow: Path, types: Mapping[str, pyarrow.DataType]) -> Any:
    """Write rows to the file `arrow` as they are generated; return a `datasets.Dataset` over it."""
    schema = pyarrow.schema(list(types.items()))
    return _write_batches(
        arrow,
        schema,
        (pyarrow.RecordBatch.from_pylist(batch, schema=schema) for batch in iterate_batches(rows, BATCH_ROWS)),
    )


def iterate_batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of `size`; the last may be shorter."""
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch


def _write_batches(path: Path, schema: pyarrow.Schema, batches: Iterable[pyarrow.RecordBatch]) -> Any:
    import datasets

    path.parent.mkdir(parents=True, exist_ok=True)
    with pyarrow.OSFile(str(path), "wb") as sink, pyarrow.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return datasets.Dataset.from_file(str(path))
