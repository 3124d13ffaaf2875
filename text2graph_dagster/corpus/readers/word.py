"""Word documents (.docx): paragraphs, headings, list items and tables in their order, by python-docx."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from text2graph_dagster.corpus.readers.documents import Rejection, limit_unpacked_bytes
from text2graph_dagster.settings import CorpusSettings

_OLE = b"\xd0\xcf\x11\xe0"  # how an encrypted .docx begins, and an old .doc


def extract(path: Path, settings: CorpusSettings) -> str | Rejection:
    """Return the text of a Word document: `#` headings, `-` items, `|` rows (a refusal has no doc_id)."""
    import docx

    with path.open("rb") as file:
        if file.read(4) == _OLE:
            return Rejection("", "encrypted", "it is encrypted, or an old .doc; save it as .docx without a password")
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(info.file_size for info in archive.infolist())
    allowed = limit_unpacked_bytes(path.stat().st_size, settings.max_expansion)
    if unpacked > min(allowed, 10 * settings.max_document_bytes):
        return Rejection("", "too_large", f"unpacks to {unpacked} bytes; see corpus.max_expansion")
    blocks = list(_blocks(docx.Document(str(path))))
    return "\n\n".join(blocks) if blocks else Rejection("", "no_text", "the document holds no text; pictures have none")


def _blocks(document: Any) -> Iterator[str]:
    for block in document.iter_inner_content():
        if hasattr(block, "rows"):
            rows = [[" ".join(cell.text.split()) for cell in row.cells] for row in block.rows]
            if any(any(row) for row in rows):
                yield "\n".join(f"| {' | '.join(row)} |" for row in rows if any(row))
        elif words := block.text.strip():
            yield _styled(block.style.name if block.style is not None else "", words)


def _styled(style: str, words: str) -> str:
    """Return a paragraph in the marks of Markdown that its style stands for (Word's own names, in any case)."""
    kind, _, level = style.lower().partition(" ")
    if kind == "title" or (kind == "heading" and level.isdigit()):
        return f"{'#' * (int(level) if level else 1)} {' '.join(words.split())}"
    return f"- {words}" if kind == "list" else words
