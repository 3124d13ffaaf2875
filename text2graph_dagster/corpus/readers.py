"""Documents of a corpus, one after the other: each is a `Document` or is `Refused` with a reason, none is skipped."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from text2graph_dagster.corpus.folder import CorpusFolder, relative_name

DEFAULT_MAX_BYTES = 20_000_000
_MAX_ID_CHARACTERS = 200
_UTF8_BOM, _UTF16_BOMS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Document:
    """One text. `path` is relative to the corpus, `line` counts from 1 in JSON Lines, `size` is its bytes on disk."""

    doc_id: str
    text: str
    path: str
    line: int | None = None
    size: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """One document that cannot be used: `reason` is a fixed word, `detail` says what to mend."""

    doc_id: str
    reason: str
    detail: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A line of JSON Lines that holds an object."""

    number: int
    value: dict[str, Any]
    size: int


def read_documents(folder: CorpusFolder, max_bytes: int = DEFAULT_MAX_BYTES) -> Iterator[Document | Refused]:
    """Yield every document of the corpus in the order of its files; at most one document is held in memory.

    A `.txt` or `.md` file is one document, UTF-8 or UTF-16 with a byte order mark; every line of a `.jsonl` file is
    one, an object with a string `text` and perhaps an `id`. Files and lines of more than `max_bytes` are refused.
    """
    for path in folder.documents:
        name = relative_name(folder.path, path)
        if path.is_dir():
            continue  # a link to a folder inside the corpus: its files are listed where they really are
        if not path.is_file():
            yield Refused(name, "unreadable", "not a regular file; replace it by one")
        elif path.suffix.lower() == ".jsonl":
            yield from _read_lines(path, name, max_bytes)
        elif path.suffix.lower() in {".txt", ".md"}:
            yield _read_file(path, name, max_bytes)
        else:
            yield Refused(name, "unsupported_format", "convert it to .txt, .md or .jsonl", path.stat().st_size)


def _read_file(path: Path, name: str, max_bytes: int) -> Document | Refused:
    try:
        size = path.stat().st_size
        if size > max_bytes:
            return Refused(name, "too_large", f"{size} bytes; split files of more than {max_bytes}", size)
        data = path.read_bytes()
    except OSError as error:
        return Refused(name, "unreadable", str(error.strerror))
    text = decode(data)
    if isinstance(text, str):
        return check_text(name, text, size) or Document(name, text, name, None, size)
    return Refused(name, text.reason, text.detail, size)


def _read_lines(path: Path, name: str, max_bytes: int) -> Iterator[Document | Refused]:
    seen: set[str] = set()
    for line in read_json_lines(path, name, max_bytes):
        if isinstance(line, Refused):
            yield line
            continue
        doc_id = line_id(name, line, seen)
        text = line.value.get("text")
        if not isinstance(text, str):
            yield Refused(doc_id, "no_text", 'the object has no string "text"', line.size)
        else:
            yield check_text(doc_id, text, line.size) or Document(doc_id, text, name, line.number, line.size)


def check_text(doc_id: str, text: str, size: int = 0) -> Refused | None:
    """Return why a text cannot be used: it is blank, or holds NUL characters and so is no text."""
    if not text.strip("\ufeff").strip():
        return Refused(doc_id, "empty", "there is no text in it", size)
    if "\0" in text:
        return Refused(doc_id, "nul_character", f"NUL at character {text.index(chr(0))}; this is not a text", size)
    return None


def decode(data: bytes) -> str | Refused:
    """Return the text of a file (UTF-8, or UTF-16 with a byte order mark), or what is wrong (with an empty doc_id)."""
    encoding = "utf-16" if data.startswith(_UTF16_BOMS) else "utf-8"
    try:
        return data.removeprefix(_UTF8_BOM).decode(encoding)
    except UnicodeDecodeError as error:
        if b"\0" in data[:4096]:
            return Refused("", "nul_character", "NUL bytes; this is not a text")
        return Refused("", "wrong_encoding", f"byte {error.start} is not {encoding.upper()}; save the text as UTF-8")


def read_json_lines(path: Path, name: str, max_bytes: int = DEFAULT_MAX_BYTES) -> Iterator[Line | Refused]:
    """Yield every line that is not blank: an object, or refused with the reason; `name` is the file's in doc_ids."""
    try:
        with path.open("rb") as file:
            number = 0
            while data := file.readline(max_bytes + 1):
                number += 1
                size = len(data)
                while not data.endswith(b"\n") and (rest := file.readline(max_bytes)):
                    size, data = size + len(rest), rest  # the rest of a line that is too long is read and dropped
                if size > max_bytes:
                    yield Refused(f"{name}:{number}", "too_large", f"a line of {size} bytes; split it", size)
                elif data.strip(b"\xef\xbb\xbf \t\r\n"):
                    yield _parse_line(data.removeprefix(_UTF8_BOM), number, name)
    except OSError as error:
        yield Refused(name, "unreadable", str(error.strerror))


def _parse_line(data: bytes, number: int, name: str) -> Line | Refused:
    text = decode(data)
    if isinstance(text, Refused):
        return Refused(f"{name}:{number}", text.reason, text.detail, len(data))
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also a number of too many digits
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        return Refused(f"{name}:{number}", "broken_json", what, len(data))
    if not isinstance(value, dict):
        return Refused(f"{name}:{number}", "broken_json", "the line is not a JSON object", len(data))
    return Line(number, value, len(data))


def line_id(name: str, line: Line, seen: set[str]) -> str:
    """Return `file#id`, or `file:line` where the line has no usable id or repeats one; adds the id to `seen`."""
    own = line.value.get("id")
    own = str(own) if isinstance(own, str | int) and not isinstance(own, bool) else ""
    if not own.isprintable() or not 0 < len(own) <= _MAX_ID_CHARACTERS or own in seen:
        return f"{name}:{line.number}"
    seen.add(own)
    return f"{name}#{own}"
