"""Word: structure becomes Markdown; unusable files are rejected."""

import io
import zipfile
from pathlib import Path

from tests.text2graph_dagster.corpus.readers.document_files import make_word, outcomes, read_corpus
from text2graph_dagster.corpus.readers.documents import Document


def test_headings_items_and_tables_become_markdown(corpus: Path) -> None:
    blocks = [("Title", "Ana"), ("Heading 2", "Life"), ("Normal", "Ana lives in Oslo."), ("List Bullet", "Oslo")]
    (corpus / "a.docx").write_bytes(make_word(blocks, [["Year", "Work"], ["2003", "Library"]]))
    (document,) = read_corpus(corpus)
    assert isinstance(document, Document)
    assert document.text == "# Ana\n\n## Life\n\nAna lives in Oslo.\n\n- Oslo\n\n| Year | Work |\n| 2003 | Library |"


def test_unusable_files_are_rejected(corpus: Path) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b" " * 50_000_000)
    files = {
        "bomb": bomb.getvalue(),
        "cut": make_word([("Normal", "Ana")])[:5_000],
        "empty": make_word([]),
        "locked": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
        "text": b"no archive",
    }
    for name, data in files.items():
        (corpus / f"{name}.docx").write_bytes(data)
    assert [reason for _, reason in outcomes(read_corpus(corpus))] == [
        "too_large",
        "broken_document",
        "no_text",
        "encrypted",
        "broken_document",
    ]
