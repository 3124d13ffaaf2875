"""Parquet files, and Arrow files as saved by `datasets`: every row is a document, read in small batches."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from text2graph_dagster.corpus.readers.documents import Document, Rejection, make_row_document
from text2graph_dagster.settings import CorpusSettings

_BATCH_BYTES, _MAX_BATCH_ROWS = 4_000_000, 1_024


def read(path: Path, name: str, settings: CorpusSettings) -> Iterator[Document | Rejection]:
    """Yield the document of every row: its text is in the column `settings.text_field`, its id in the column `id`."""
    read_rows = _read_parquet if path.suffix.lower() == ".parquet" else _read_arrow
    try:
        yield from read_rows(path, name, settings)
    except (pa.ArrowException, OSError, ValueError) as error:
        yield Rejection(name, "broken_table", _first_line(error))


def _read_parquet(path: Path, name: str, settings: CorpusSettings) -> Iterator[Document | Rejection]:
    with pq.ParquetFile(path, memory_map=True, buffer_size=1 << 20, pre_buffer=False) as file:
        if rejection := _reject_without_text(file.schema_arrow, name, settings):
            yield rejection
            return
        columns = [column for column in ("id", settings.text_field) if column in file.schema_arrow.names]
        at = file.schema_arrow.names.index(settings.text_field)
        batches = file.iter_batches(batch_size=_batch_rows(file, at), columns=columns)
        yield from _rows(batches, name, settings)


def _read_arrow(path: Path, name: str, settings: CorpusSettings) -> Iterator[Document | Rejection]:
    """Read an Arrow file in the streaming format, which `datasets` writes, or in the file format."""
    with pa.memory_map(str(path)) as source:
        try:
            reader = pa.ipc.open_stream(source)
            batches: Iterator[pa.RecordBatch] = iter(reader)
        except pa.ArrowInvalid:
            reader = pa.ipc.open_file(source)
            batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
        if rejection := _reject_without_text(reader.schema, name, settings):
            yield rejection
        else:
            yield from _rows(batches, name, settings)


def _reject_without_text(schema: pa.Schema, name: str, settings: CorpusSettings) -> Rejection | None:
    """Reject a file without a string column `settings.text_field`, once for all its rows."""
    field = settings.text_field
    kinds = [schema.field(i).type for i in schema.get_all_field_indices(field)]
    if len(kinds) == 1 and (pa.types.is_string(kinds[0]) or pa.types.is_large_string(kinds[0])):
        return None
    columns = ", ".join(schema.names)[:200]
    named = "Name one of them in corpus.text_field (for extract: --text-field)"
    detail = f'there is no column "{field}" of strings; its columns are {columns}. {named}'
    return Rejection(name, "no_text", detail)


def _batch_rows(file: pq.ParquetFile, column: int) -> int:
    """Return how many rows make about _BATCH_BYTES, by the largest mean row size of the row groups."""
    row_bytes = 1
    for group in range(file.metadata.num_row_groups):
        rows = file.metadata.row_group(group)
        if rows.num_rows and column < rows.num_columns:
            row_bytes = max(row_bytes, rows.column(column).total_uncompressed_size // rows.num_rows)
    return max(1, min(_MAX_BATCH_ROWS, _BATCH_BYTES // row_bytes))


def _rows(batches: Iterator[pa.RecordBatch], name: str, settings: CorpusSettings) -> Iterator[Document | Rejection]:
    seen: set[str] = set()
    number = 0
    for batch in batches:
        ids = batch.column("id") if "id" in batch.schema.names else None
        texts = batch.column(settings.text_field)
        for i in range(batch.num_rows):
            number += 1
            text = texts[i]
            size = text.as_buffer().size if text.is_valid else 0
            if size > settings.max_document_bytes:
                yield Rejection(f"{name}:{number}", "too_large", f"a text of {size} bytes; split it", size)
                continue
            try:
                row = {"id": None if ids is None else ids[i].as_py(), settings.text_field: text.as_py()}
            except UnicodeDecodeError as error:
                yield Rejection(f"{name}:{number}", "wrong_encoding", f"byte {error.start} is not UTF-8", size)
                continue
            yield make_row_document(name, number, row, settings.text_field, size, seen)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
