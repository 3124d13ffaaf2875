"""JSON Lines, plain or compressed with gzip: one object a line, read line by line."""

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from text2graph_dagster.corpus.readers.documents import Document, Rejection, limit_unpacked_bytes, make_row_document
from text2graph_dagster.corpus.readers.encodings import decode
from text2graph_dagster.settings import CorpusSettings

DEFAULT_MAX_BYTES = 20_000_000
_UTF8_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of JSON Lines that holds an object."""

    number: int
    value: dict[str, Any]
    size: int


@dataclass(frozen=True, slots=True)
class Head:
    """The first lines of a file: their bytes and number, and the ids of the documents in them."""

    size: int = 0
    lines: int = 0
    ids: frozenset[str] = frozenset()


_NOTHING = Head()


def read(path: Path, name: str, settings: CorpusSettings, head: Head = _NOTHING) -> Iterator[Document | Rejection]:
    """Yield the document of every line after the head, or why it is refused."""
    seen = set(head.ids)
    for line in read_json_lines(path, name, settings.max_document_bytes, settings.max_expansion, head):
        if isinstance(line, Rejection):
            yield line
        else:
            yield make_row_document(name, line.number, line.value, settings.text_field, line.size, seen)


def read_json_lines(
    path: Path, name: str, max_bytes: int = DEFAULT_MAX_BYTES, max_expansion: int = 200, head: Head = _NOTHING
) -> Iterator[Line | Rejection]:
    """Yield every line that is not blank: an object, or refused with the reason; `name` is the file's in doc_ids.

    The lines of `head` are passed over. A file whose name ends in .gz is unpacked on the way, up to `max_expansion`
    bytes for each of its own.
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


def _lines(file: IO[bytes], name: str, max_bytes: int, allowed: int | None, number: int) -> Iterator[Line | Rejection]:
    total = 0
    while data := file.readline(max_bytes + 1):
        number += 1
        size = len(data)
        while not data.endswith(b"\n") and (allowed is None or total + size <= allowed):
            if not (rest := file.readline(max_bytes)):
                break
            size, data = size + len(rest), rest  # the rest of a line that is too long is read and dropped
        total += size
        if allowed is not None and total > allowed:
            yield Rejection(name, "too_large", f"unpacks to more than {allowed} bytes; see corpus.max_expansion")
            return
        if size > max_bytes:
            yield Rejection(f"{name}:{number}", "too_large", f"a line of {size} bytes; split it", size)
        elif data.strip(b"\xef\xbb\xbf \t\r\n"):
            yield _parse(data.removeprefix(_UTF8_BOM), number, name)


def _parse(data: bytes, number: int, name: str) -> Line | Rejection:
    decoded = decode(data)
    if isinstance(decoded, Rejection):
        return Rejection(f"{name}:{number}", decoded.reason, decoded.detail, len(data))
    try:
        value = json.loads(decoded.text)
    except (ValueError, RecursionError) as error:  # ValueError: also a number of too many digits
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        return Rejection(f"{name}:{number}", "broken_json", what, len(data))
    if not isinstance(value, dict):
        return Rejection(f"{name}:{number}", "broken_json", "the line is not a JSON object", len(data))
    return Line(number, value, len(data))
