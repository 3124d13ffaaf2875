"""Every format becomes documents, or a row that says why not."""

import gzip
import io
import json
import sys
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, DatasetDict

from tests.text2graph_dagster.corpus.readers.document_files import pdf, word
from text2graph_dagster.corpus.folder import open_corpus
from text2graph_dagster.corpus.readers.pdf import join_pages
from text2graph_dagster.corpus.readers.registry import Document, Rejection, read_documents
from text2graph_dagster.settings import CorpusSettings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "corpus"
    path.mkdir()
    (path / "ontology.yaml").write_text("entity_types: [thing]")
    return path


def read(folder: Path, settings: CorpusSettings | None = None) -> list[Document | Rejection]:
    return list(read_documents(open_corpus(folder), settings or CorpusSettings()))


def reasons(items: list[Document | Rejection]) -> list[tuple[str, str]]:
    return [(item.doc_id, item.text if isinstance(item, Document) else item.reason) for item in items]


LINES = [{"id": "a", "text": "Ana lives in Oslo."}, {"text": ""}, {"id": "a", "text": "Per"}, {"text": None}]
OUTCOMES = [("#a", "Ana lives in Oslo."), (":2", "empty"), (":3", "Per"), (":4", "no_text")]


def test_json_lines_in_gzip(folder: Path) -> None:
    data = "\n".join(json.dumps(line) for line in LINES).encode()
    (folder / "a.jsonl.gz").write_bytes(gzip.compress(data))
    assert reasons(read(folder)) == [(f"a.jsonl.gz{tail}", text) for tail, text in OUTCOMES]


def test_a_broken_archive_gives_the_lines_before_the_break(folder: Path) -> None:
    lines = b"".join(b'{"text": "%d Ana"}\n' % i for i in range(50_000))
    packed = gzip.compress(lines)
    (folder / "cut.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    (folder / "no.jsonl.gz").write_bytes(b"no archive")
    *documents, cut, no = read(folder)
    assert len(documents) > 1_000
    assert all(isinstance(document, Document) for document in documents)
    assert reasons([cut, no]) == [("cut.jsonl.gz", "broken_archive"), ("no.jsonl.gz", "broken_archive")]


def test_a_bomb_of_lines_stops(folder: Path) -> None:
    line = b'{"text": "Ana lives in Oslo."}\n'
    (folder / "a.jsonl.gz").write_bytes(gzip.compress(line * 400_000))
    *documents, last = read(folder, CorpusSettings(max_expansion=20))
    assert reasons([last]) == [("a.jsonl.gz", "too_large")]
    assert sum(document.size for document in documents) <= 10_000_000


def test_parquet_and_arrow_files(folder: Path) -> None:
    table = pa.Table.from_pylist(LINES)
    pq.write_table(table, folder / "a.parquet", row_group_size=2)
    with pa.OSFile(str(folder / "b.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    expected = [(f"{name}{tail}", text) for name in ("a.parquet", "b.arrow") for tail, text in OUTCOMES]
    assert reasons(read(folder)) == expected


def test_a_directory_that_datasets_saved(folder: Path) -> None:
    rows = Dataset.from_list(LINES)
    rows.save_to_disk(str(folder / "one"), num_shards=2)
    DatasetDict({"train": rows}).save_to_disk(str(folder / "split"))
    documents = [(item.doc_id, item.text) for item in read(folder) if isinstance(item, Document)]
    assert [text for _, text in documents] == ["Ana lives in Oslo.", "Per"] * 2
    assert documents[0][0] == "one/data-00000-of-00002.arrow#a"
    assert not any(item.doc_id.endswith(".json") for item in read(folder))


def test_a_table_without_text_is_refused_once_and_names_its_columns(folder: Path) -> None:
    pq.write_table(pa.table({"content": ["Ana", "Per"], "n": [1, 2]}), folder / "a.parquet")
    (folder / "b.parquet").write_bytes(b"PAR1 no table PAR1")
    (folder / "c.arrow").write_bytes(b"no table")
    refused = read(folder)
    assert [r.reason for r in refused if isinstance(r, Rejection)] == ["no_text", "broken_table", "broken_table"]
    assert isinstance(refused[0], Rejection)
    assert "content, n" in refused[0].detail
    assert reasons(read(folder, CorpusSettings(text_field="content")))[0] == ("a.parquet:1", "Ana")


def test_a_row_that_is_too_large_is_refused_alone(folder: Path) -> None:
    pq.write_table(pa.table({"text": ["Ana", "x" * 2_000, "Per"]}), folder / "a.parquet")
    assert [text for _, text in reasons(read(folder, CorpusSettings(max_document_bytes=1_000)))] == [
        "Ana",
        "too_large",
        "Per",
    ]


PAGE = """<html><head><title>T</title><script>var x = 1;</script></head><body>
<nav><ul><li><a href=/>Home</a></li><li><a href=/a>About us</a></li></ul></nav><article><h1>Ana Berg</h1>
<p>Ana Berg &amp; her brother live in <b>Oslo</b>. She was born in <a href=/b>Bergen</a> in 1970, and studied there.</p>
<h2>Work</h2><p>She founded Example Ltd, and designed the library of Trondheim, which opened in 2003.</p>
<ul><li>Library</li><li>Bridge of Voss</li></ul><table><tr><th>Year</th><th>Work</th></tr><tr><td>2003</td>
<td>Library</td></tr></table></article><footer>Copyright Example. All rights reserved. <a href=/p>Privacy</a></footer>
</body></html>"""


def test_a_page_keeps_its_text_and_loses_its_frame(folder: Path) -> None:
    (folder / "a.html").write_text(PAGE)
    (folder / "b.htm").write_bytes(
        "<meta charset=gb2312><p>这家公司成立于一九八五年，总部位于北京。创始人是一位大学教授。</p>".encode("gb18030")
    )
    (folder / "c.html").write_text("<html><body><script>load()</script></body></html>")
    (folder / "d.html").write_text("")
    page, chinese, *empty = read(folder)
    assert isinstance(page, Document)
    assert page.text.split("\n\n") == [
        "# Ana Berg",
        "Ana Berg & her brother live in Oslo. She was born in Bergen in 1970, and studied there.",
        "## Work",
        "She founded Example Ltd, and designed the library of Trondheim, which opened in 2003.",
        "- Library\n- Bridge of Voss",
        "| Year | Work |\n| 2003 | Library |",
    ]
    assert reasons([chinese]) == [("b.htm", "这家公司成立于一九八五年，总部位于北京。创始人是一位大学教授。")]
    assert reasons(empty) == [("c.html", "no_text"), ("d.html", "empty")]


def test_word_headings_stay_headings(folder: Path) -> None:
    blocks = [("Title", "Ana"), ("Heading 2", "Life"), ("Normal", "Ana lives in Oslo."), ("List Bullet", "Oslo")]
    (folder / "a.docx").write_bytes(word(blocks, [["Year", "Work"], ["2003", "Library"]]))
    (document,) = read(folder)
    assert isinstance(document, Document)
    assert document.text == "# Ana\n\n## Life\n\nAna lives in Oslo.\n\n- Oslo\n\n| Year | Work |\n| 2003 | Library |"


def test_word_files_at_fault(folder: Path) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b" " * 50_000_000)
    files = {
        "bomb": bomb.getvalue(),
        "cut": word([("Normal", "Ana")])[:5_000],
        "empty": word([]),
        "locked": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
        "text": b"no archive",
    }
    for name, data in files.items():
        (folder / f"{name}.docx").write_bytes(data)
    assert [reason for _, reason in reasons(read(folder))] == [
        "too_large",
        "broken_document",
        "no_text",
        "encrypted",
        "broken_document",
    ]


def test_pdf_pages_become_paragraphs(folder: Path) -> None:
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
    (folder / "a.pdf").write_bytes(pdf(pages))
    (document,) = read(folder)
    assert isinstance(document, Document)
    assert document.text.split("\n\n")[0] == (
        "Ana Berg is an architect. She lives in the old town of New York and works for a firm."
    )
    assert "many cities of the continent, and it is well-known in Oslo too." in document.text
    assert document.text.endswith(
        "\n\nWork\n\nThe library was opened in the summer of that year by the king (of Norway)."
    )
    assert "Daily" not in document.text


def test_pdf_files_at_fault(folder: Path) -> None:
    files = {
        "a_locked": pdf([["Ana lives in Oslo."]], password="secret"),
        "b_print_locked": pdf([["Ana lives in Oslo."]], password="", owner_password="secret"),
        "c_scanned": pdf([[]]),
        "d_cut": pdf([["Ana"]])[:200],
        "e_text": b"no pdf at all",
    }
    for name, data in files.items():
        (folder / f"{name}.pdf").write_bytes(data)
    assert [text for _, text in reasons(read(folder))] == [
        "encrypted",
        "Ana lives in Oslo.",
        "no_text",
        "broken_document",
        "broken_document",
    ]


def test_a_slow_pdf_is_given_up(folder: Path) -> None:
    (folder / "a.pdf").write_bytes(pdf([["Ana"]] * 3))
    assert reasons(read(folder, CorpusSettings(max_reading_seconds=1e-9))) == [("a.pdf", "too_slow")]


def test_chinese_lines_are_joined_without_a_blank() -> None:
    assert join_pages(["这家公司成立于一九八五年，总部位\n于北京。"]) == "这家公司成立于一九八五年，总部位于北京。"


@pytest.mark.parametrize(("package", "name"), [("pypdf", "a.pdf"), ("docx", "a.docx"), ("trafilatura", "a.html")])
def test_a_missing_reader_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch, package: str, name: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    (folder / name).write_text("<p>Ana</p>")
    (refused,) = read(folder)
    assert isinstance(refused, Rejection)
    assert refused.reason == "reader_missing"
    assert "text2graph-dagster[documents]" in refused.detail
