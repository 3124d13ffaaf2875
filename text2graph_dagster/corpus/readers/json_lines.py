"""JSON Lines, plain or gzip-compressed: one object per line, read line by line."""

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from text2graph_dagster.corpus.readers.documents import Document, Rejection, limit_unpacked_bytes, make_row_document
from text2graph_dagster.corpus.readers.encodings import decode_bytes
from text2graph_dagster.settings import CorpusSettings

DEFAULT_MAX_BYTES = 20_000_000
_UTF8_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class JsonLine:
    """A line that contains a JSON object; `number` counts from 1, `size` is in bytes."""

    number: int
    value: dict[str, Any]
    size: int


@dataclass(frozen=True, slots=True)
class KnownHead:
    """The start of a file that is already read: the numbers of its bytes and lines, and the ids of its documents."""

    size: int = 0
    lines: int = 0
    ids: frozenset[str] = frozenset()


_NO_HEAD = KnownHead()


def read(path: Path, name: str, settings: CorpusSettings, head: KnownHead = _NO_HEAD) -> Iterator[Document | Rejection]:
    """Yield the document of every line after the known head, or a rejection if the line is invalid."""
    seen = set(head.ids)
    for line in read_json_lines(path, name, settings.max_document_bytes, settings.max_expansion, head):
        if isinstance(line, Rejection):
            yield line
        else:
            yield make_row_document(name, line.number, line.value, settings.text_field, line.size, seen)


def read_json_lines(
    path: Path, name: str, max_bytes: int = DEFAULT_MAX_BYTES, max_expansion: int = 200, head: KnownHead = _NO_HEAD
) -> Iterator[JsonLine | Rejection]:
    """Yield the object of every line after `head` that is not blank, or the rejection of the line.

    `name` is the file's name in doc_ids. A file with the suffix .gz is decompressed on the fly, up to `max_expansion`
    times its size.
    """
    try:
        with ExitStack() as stack:
            file: IO[bytes] = stack.enter_context(path.open("rb"))
            allowed = None
            if path.suffix.lower() == ".gz":
                allowed = limit_unpacked_bytes(path.stat().st_size, max_expansion)
                file = cast(IO[bytes], stack.enter_context(gzip.GzipFile(fileobj=file)))
            file.seek(head.size)
            yield from _lines(file, name, max_bytes, allowed, head.lines)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        yield Rejection(name, "broken_archive", f"{error}; the lines before were read")
    except OSError as error:
        yield Rejection(name, "unreadable", str(error.strerror))


def _lines(
    file: IO[bytes], name: str, max_bytes: int, allowed: int | None, number: int
) -> Iterator[JsonLine | Rejection]:
    total = 0
    while data := file.readline(max_bytes + 1):
        number += 1
        size = len(data)
        while not data.endswith(b"\n") and (allowed is None or total + size <= allowed):
            if not (rest := file.readline(max_bytes)):
                break
            size, data = size + len(rest), rest  # skip the rest of an overlong line
        total += size
        if allowed is not None and total > allowed:
            yield Rejection(name, "too_large", f"unpacks to more than {allowed} bytes; see corpus.max_expansion")
            return
        if size > max_bytes:
            yield Rejection(f"{name}:{number}", "too_large", f"a line of {size} bytes; split it", size)
        elif data.strip(b"\xef\xbb\xbf \t\r\n"):
            yield _parse(data.removeprefix(_UTF8_BOM), number, name)


def _parse(data: bytes, number: int, name: str) -> JsonLine | Rejection:
    decoded = decode_bytes(data)
    if isinstance(decoded, Rejection):
        return Rejection(f"{name}:{number}", decoded.reason, decoded.detail, len(data))
    try:
        value = json.loads(decoded.text)
    except (ValueError, RecursionError) as error:  # ValueError: also a number with too many digits
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        return Rejection(f"{name}:{number}", "broken_json", what, len(data))
    if not isinstance(value, dict):
        return Rejection(f"{name}:{number}", "broken_json", "the line is not a JSON object", len(data))
    return JsonLine(number, value, len(data))
