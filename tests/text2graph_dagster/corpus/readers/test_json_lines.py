"""JSON Lines, plain and in gzip: bad lines and broken archives do not hide the other lines."""

import gzip
import json
from pathlib import Path

import pytest

from tests.text2graph_dagster.corpus.readers.document_files import (
    ROW_OUTCOMES,
    ROWS,
    make_corpus,
    outcomes,
    read_corpus,
)
from text2graph_dagster.corpus.readers.documents import Document, Rejection
from text2graph_dagster.settings import CorpusSettings


def test_json_lines_in_gzip(corpus: Path) -> None:
    data = "\n".join(json.dumps(line) for line in ROWS).encode()
    (corpus / "a.jsonl.gz").write_bytes(gzip.compress(data))
    assert outcomes(read_corpus(corpus)) == [(f"a.jsonl.gz{tail}", text) for tail, text in ROW_OUTCOMES]


def test_lines_before_the_corruption_of_an_archive_are_read(corpus: Path) -> None:
    lines = b"".join(b'{"text": "%d Ana"}\n' % i for i in range(50_000))
    packed = gzip.compress(lines)
    (corpus / "cut.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    (corpus / "no.jsonl.gz").write_bytes(b"no archive")
    *documents, cut, no = read_corpus(corpus)
    assert len(documents) > 1_000
    assert all(isinstance(document, Document) for document in documents)
    assert outcomes([cut, no]) == [("cut.jsonl.gz", "broken_archive"), ("no.jsonl.gz", "broken_archive")]


@pytest.mark.slow
def test_reading_stops_at_the_expansion_limit(corpus: Path) -> None:
    line = b'{"text": "Ana lives in Oslo."}\n'
    (corpus / "a.jsonl.gz").write_bytes(gzip.compress(line * 400_000))
    *documents, last = read_corpus(corpus, CorpusSettings(max_expansion=20))
    assert outcomes([last]) == [("a.jsonl.gz", "too_large")]
    assert sum(document.size for document in documents) <= 10_000_000


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.jsonl", b'{"text": "cut', "broken_json"),
        ("a.jsonl", b'["a list"]', "broken_json"),
        ("a.jsonl", b"[" * 9_000, "broken_json"),
        ("a.jsonl", b'{"text": ' + b"9" * 9_000 + b"}", "broken_json"),
        ("a.jsonl", b'{"title": "x"}', "no_text"),
        ("a.jsonl", b'{"text": 17}', "no_text"),
        ("a.jsonl", b'{"text": " \\n "}', "empty"),
        ("a.jsonl", b'{"text": "a\\u0000b"}', "nul_character"),
        ("a.jsonl", b'{"text": "caf\xe9"}', "wrong_encoding"),
        ("a.jsonl", b'{"text": "' + b"x" * 10_000 + b'"}', "too_large"),
    ],
)
def test_bad_lines_are_rejected_with_a_reason(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    corpus = make_corpus(tmp_path, {name: data})
    (item,) = read_corpus(corpus, CorpusSettings(max_document_bytes=10_000))
    assert isinstance(item, Rejection)
    assert item.reason == reason
    assert item.doc_id.startswith(name)
    assert item.detail
    assert item.size == len(data)


def test_a_bad_line_does_not_hide_the_others(tmp_path: Path) -> None:
    lines = [b'\xef\xbb\xbf{"text": "one"}', b"", b"{", b'{"text": "' + b"x" * 30_000 + b'"}', b'{"text": "two"}\r']
    settings = CorpusSettings(max_document_bytes=10_000)
    items = read_corpus(make_corpus(tmp_path, {"a.jsonl": b"\n".join(lines)}), settings)
    assert outcomes(items) == [
        ("a.jsonl:1", "one"),
        ("a.jsonl:3", "broken_json"),
        ("a.jsonl:4", "too_large"),
        ("a.jsonl:5", "two"),
    ]
