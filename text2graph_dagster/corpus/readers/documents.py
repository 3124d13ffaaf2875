"""What readers yield: a `Document`, or a `Rejection` with a reason."""

from dataclasses import dataclass
from typing import Any

MAX_ID_CHARACTERS = 200
_FREE_BYTES = 10_000_000  # an archive may always unpack to this much, whatever its compression ratio


@dataclass(frozen=True, slots=True)
class Document:
    """One text. `path` is relative to the corpus, `line` counts from 1 in files of many documents, `size` is in bytes.

    `encoding` is empty if the format defines it (PDF, Word).
    """

    doc_id: str
    text: str
    path: str
    line: int | None = None
    size: int = 0
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A document that cannot be used: `reason` is a fixed word, `detail` says what to do about it."""

    doc_id: str
    reason: str
    detail: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class ExtractedText:
    """The text of a file without byte order mark; `encoding` is empty if the format defines it."""

    text: str
    encoding: str = ""


def limit_unpacked_bytes(size: int, max_expansion: int) -> int:
    """Return how many bytes an archive of `size` bytes may unpack to."""
    return max(_FREE_BYTES, max_expansion * size)


def check_text(doc_id: str, text: str, size: int = 0) -> Rejection | None:
    """Reject a text that is blank or contains NUL characters; return None for a usable one."""
    if not text.strip("\ufeff").strip():
        return Rejection(doc_id, "empty", "there is no text in it", size)
    if "\0" in text:
        return Rejection(doc_id, "nul_character", f"NUL at character {text.index(chr(0))}; this is not a text", size)
    return None


def make_row_id(name: str, number: int, own: Any, seen: set[str]) -> str:
    """Return `file#id`, or `file:number` if `own` is unusable or already in `seen`; a used id is added to `seen`."""
    key = str(own) if isinstance(own, str | int) and not isinstance(own, bool) else ""
    if not key.isprintable() or not 0 < len(key) <= MAX_ID_CHARACTERS or key in seen:
        return f"{name}:{number}"
    seen.add(key)
    return f"{name}#{key}"


def make_row_document(
    name: str, number: int, row: dict[str, Any], field: str, size: int, seen: set[str]
) -> Document | Rejection:
    """Return the document in row `number` of the file `name`: its text is in `field`, its id in `id`, if present."""
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
