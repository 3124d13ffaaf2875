"""What reading yields: a `Document`, or `Rejection` with a reason."""

from dataclasses import dataclass
from typing import Any

MAX_ID_CHARACTERS = 200
_FREE_BYTES = 10_000_000  # what a small archive may unpack to, whatever its rate


@dataclass(frozen=True, slots=True)
class Document:
    """One text. `path` is relative to the corpus, `line` counts from 1 where a file holds many, `size` is its bytes.

    `encoding` is how the bytes were read; empty where the format (PDF, Word) settles it.
    """

    doc_id: str
    text: str
    path: str
    line: int | None = None
    size: int = 0
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class Rejection:
    """One document that cannot be used: `reason` is a fixed word, `detail` says what to mend."""

    doc_id: str
    reason: str
    detail: str
    size: int = 0


def limit_unpacked_bytes(size: int, max_expansion: int) -> int:
    """Return how many bytes an archive of `size` bytes may unpack to."""
    return max(_FREE_BYTES, max_expansion * size)


def check_text(doc_id: str, text: str, size: int = 0) -> Rejection | None:
    """Return why a text cannot be used: it is blank, or holds NUL characters and so is no text."""
    if not text.strip("\ufeff").strip():
        return Rejection(doc_id, "empty", "there is no text in it", size)
    if "\0" in text:
        return Rejection(doc_id, "nul_character", f"NUL at character {text.index(chr(0))}; this is not a text", size)
    return None


def make_row_id(name: str, number: int, own: Any, seen: set[str]) -> str:
    """Return `file#id`, or `file:number` where `own` is no usable id or repeats one; adds the id to `seen`."""
    key = str(own) if isinstance(own, str | int) and not isinstance(own, bool) else ""
    if not key.isprintable() or not 0 < len(key) <= MAX_ID_CHARACTERS or key in seen:
        return f"{name}:{number}"
    seen.add(key)
    return f"{name}#{key}"


def make_row_document(
    name: str, number: int, row: dict[str, Any], field: str, size: int, seen: set[str]
) -> Document | Rejection:
    """Return the document in one row of a file that holds many: its string `field`, named by its `id` if it has one."""
    doc_id = make_row_id(name, number, row.get("id"), seen)
    text = row.get(field)
    if not isinstance(text, str):
        has = ", ".join(sorted(row))[:200]
        return Rejection(
            doc_id,
            "no_text",
            f'there is no string "{field}", but {has}; set corpus.text_field (for extract: --text-field)',
            size,
        )
    return check_text(doc_id, text, size) or Document(doc_id, text, name, number, size)
