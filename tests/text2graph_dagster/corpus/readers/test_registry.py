"""Reading a corpus: every file is a document or is rejected with a reason."""

import os
from pathlib import Path

import pytest

from tests.text2graph_dagster.corpus.readers.document_files import make_corpus, read_corpus
from text2graph_dagster.corpus.readers.documents import Rejection
from text2graph_dagster.corpus.readers.registry import READERS
from text2graph_dagster.settings import CorpusSettings


def test_an_unknown_format_is_rejected_with_the_known_ones(tmp_path: Path) -> None:
    (item,) = read_corpus(make_corpus(tmp_path, {"a.epub": b"PK"}))
    assert isinstance(item, Rejection)
    assert (item.doc_id, item.reason, item.size) == ("a.epub", "unsupported_format", 2)
    assert all(suffix in item.detail for suffix in READERS)


def test_the_sizes_of_all_items_add_up_to_the_file_sizes(tmp_path: Path) -> None:
    files = {"a.jsonl": b'{"text": "a"}\n{"text"\n' + b"x" * 25_000 + b"\n", "b.txt": b"b", "c.bin": b"c"}
    settings = CorpusSettings(max_document_bytes=10_000)
    assert sum(item.size for item in read_corpus(make_corpus(tmp_path, files), settings)) == sum(
        map(len, files.values())
    )


def test_broken_links_and_pipes_are_rejected(tmp_path: Path) -> None:
    path = make_corpus(tmp_path, {})
    (path / "gone.txt").symlink_to("never-there.txt")
    os.mkfifo(path / "pipe.txt")
    items = read_corpus(path)
    assert [(item.doc_id, item.reason) for item in items if isinstance(item, Rejection)] == [
        ("gone.txt", "unreadable"),
        ("pipe.txt", "unreadable"),
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_rejected(tmp_path: Path) -> None:
    path = make_corpus(tmp_path, {})
    for name in ("a.txt", "b.jsonl"):
        (path / name).write_text("x")
        (path / name).chmod(0)
    assert [i.reason for i in read_corpus(path) if isinstance(i, Rejection)] == ["unreadable"] * 2
