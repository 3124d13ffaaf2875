"""Word documents (.docx): paragraphs, headings, list items and tables in document order, by python-docx."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from text2graph_dagster.corpus.readers.documents import Document, ExtractedText, Rejection, limit_unpacked_bytes
from text2graph_dagster.corpus.readers.whole_file import read_whole_file
from text2graph_dagster.settings import CorpusSettings

_OLE = b"\xd0\xcf\x11\xe0"  # first bytes of an encrypted .docx and of an old .doc


def read(path: Path, name: str, settings: CorpusSettings) -> Iterator[Document | Rejection]:
    """Yield the document of the file, or its rejection."""
    yield read_whole_file(extract, path, name, settings, settings.max_document_bytes)


def extract(path: Path, settings: CorpusSettings) -> ExtractedText | Rejection:
    """Return the text of a Word document: `#` headings, `-` items, `|` rows (a rejection has no doc_id)."""
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
    if not blocks:
        return Rejection("", "no_text", "the document holds no text; pictures have none")
    return ExtractedText("\n\n".join(blocks))


def _blocks(document: Any) -> Iterator[str]:
    for block in document.iter_inner_content():
        if hasattr(block, "rows"):
            rows = [[" ".join(cell.text.split()) for cell in row.cells] for row in block.rows]
            if any(any(row) for row in rows):
                yield "\n".join(f"| {' | '.join(row)} |" for row in rows if any(row))
        elif words := block.text.strip():
            yield _styled(block.style.name if block.style is not None else "", words)


def _styled(style: str, words: str) -> str:
    """Return a paragraph with the Markdown marks of its built-in Word style (the case of style names is ignored)."""
    kind, _, level = style.lower().partition(" ")
    if kind == "title" or (kind == "heading" and level.isdigit()):
        return f"{'#' * (int(level) if level else 1)} {' '.join(words.split())}"
    return f"- {words}" if kind == "list" else words
