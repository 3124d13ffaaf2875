"""PDF: pages become paragraphs; unusable files are rejected."""

from pathlib import Path

from tests.text2graph_dagster.corpus.readers.document_files import make_pdf, outcomes, read_corpus
from text2graph_dagster.corpus.readers.documents import Document
from text2graph_dagster.corpus.readers.pdf import join_pages
from text2graph_dagster.settings import CorpusSettings


def test_pages_become_paragraphs(corpus: Path) -> None:
    pages = [
        [
            "The Daily Example",
            "Ana Berg is an architect. She lives in the old town of New",
            "York and works for a firm.",
            "It is a well-known one with offices in many cities of the con-",
            "tinent, and it is well-",
        ],
        [
            "The Daily Example",
            "known in Oslo too. Its founders met there, long before the",
            "firm was registered.",
            "7",
        ],
        ["The Daily Example", "Work", "The library was opened in the summer of that year by the", "king (of Norway)."],
    ]
    (corpus / "a.pdf").write_bytes(make_pdf(pages))
    (document,) = read_corpus(corpus)
    assert isinstance(document, Document)
    assert document.text.split("\n\n")[0] == (
        "Ana Berg is an architect. She lives in the old town of New York and works for a firm."
    )
    assert "many cities of the continent, and it is well-known in Oslo too." in document.text
    assert document.text.endswith(
        "\n\nWork\n\nThe library was opened in the summer of that year by the king (of Norway)."
    )
    assert "Daily" not in document.text


def test_unusable_files_are_rejected(corpus: Path) -> None:
    files = {
        "a_locked": make_pdf([["Ana lives in Oslo."]], password="secret"),
        "b_print_locked": make_pdf([["Ana lives in Oslo."]], password="", owner_password="secret"),
        "c_scanned": make_pdf([[]]),
        "d_cut": make_pdf([["Ana"]])[:200],
        "e_text": b"no pdf at all",
    }
    for name, data in files.items():
        (corpus / f"{name}.pdf").write_bytes(data)
    assert [text for _, text in outcomes(read_corpus(corpus))] == [
        "encrypted",
        "Ana lives in Oslo.",
        "no_text",
        "broken_document",
        "broken_document",
    ]


def test_reading_stops_at_the_time_limit(corpus: Path) -> None:
    (corpus / "a.pdf").write_bytes(make_pdf([["Ana"]] * 3))
    assert outcomes(read_corpus(corpus, CorpusSettings(max_reading_seconds=1e-9))) == [("a.pdf", "too_slow")]


def test_chinese_lines_are_joined_without_a_space() -> None:
    assert join_pages(["这家公司成立于一九八五年，总部位\n于北京。"]) == "这家公司成立于一九八五年，总部位于北京。"
