"""Small corpora for the tests of readers. PDF and Word files are generated; no binary files are stored."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import docx
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from text2graph_dagster.corpus.folder import open_corpus
from text2graph_dagster.corpus.readers.documents import Document, Rejection
from text2graph_dagster.corpus.readers.registry import read_documents
from text2graph_dagster.settings import CorpusSettings

ROWS = [{"id": "a", "text": "Ana lives in Oslo."}, {"text": ""}, {"id": "a", "text": "Per"}, {"text": None}]
ROW_OUTCOMES = [("#a", "Ana lives in Oslo."), (":2", "empty"), (":3", "Per"), (":4", "no_text")]


def make_corpus(parent: Path, files: Mapping[str, bytes]) -> Path:
    """Write a corpus with these documents into `parent`, and return its folder."""
    path = parent / "corpus"
    path.mkdir()
    (path / "ontology.yaml").write_text("entity_types: [thing]")
    for name, data in files.items():
        (path / name).write_bytes(data)
    return path


def read_corpus(folder: Path, settings: CorpusSettings | None = None) -> list[Document | Rejection]:
    """Return everything that the readers yield for the corpus."""
    return list(read_documents(open_corpus(folder), settings or CorpusSettings()))


def outcomes(items: Sequence[Document | Rejection]) -> list[tuple[str, str]]:
    """Return the doc_id of every item with its text or the reason of its rejection."""
    return [(item.doc_id, item.text if isinstance(item, Document) else item.reason) for item in items]


def make_pdf(pages: Sequence[Sequence[str]], password: str | None = None, owner_password: str | None = None) -> bytes:
    """Return a PDF whose pages consist of these lines (Latin letters only)."""
    writer = PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    for lines in pages:
        page = writer.add_blank_page(595, 842)
        shown = " T* ".join(f"({line.replace('(', chr(92) + '(').replace(')', chr(92) + ')')}) Tj" for line in lines)
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 14 TL 72 770 Td {shown} ET".encode("latin-1"))
        page[NameObject("/Contents")] = writer._add_object(stream)
        fonts = DictionaryObject({NameObject("/F1"): writer._add_object(font)})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
    if password is not None:
        writer.encrypt(password, owner_password, algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def make_word(blocks: Sequence[tuple[str, str]], rows: Sequence[Sequence[str]] = ()) -> bytes:
    """Return a .docx with paragraphs (style, text), followed by a table."""
    document = docx.Document()
    for style, text in blocks:
        document.add_paragraph(text, style)
    if rows:
        table = document.add_table(len(rows), len(rows[0]))
        for cells, row in zip(table.rows, rows, strict=True):
            for cell, text in zip(cells.cells, row, strict=True):
                cell.text = text
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()
