"""Text files: unusable ones are rejected with a reason."""

from pathlib import Path

import pytest

from tests.text2graph_dagster.corpus.readers.document_files import make_corpus, read_corpus
from text2graph_dagster.corpus.readers.documents import Rejection
from text2graph_dagster.settings import CorpusSettings


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.txt", b"", "empty"),
        ("a.txt", b" \r\n\t", "empty"),
        ("a.txt", b"\xef\xbb\xbf\n", "empty"),
        ("a.txt", b"cut off\0\0", "nul_character"),
        ("a.txt", b"\xff\0\xe9\0binary", "nul_character"),
        ("a.txt", "café".encode("latin-1"), "wrong_encoding"),
        ("a.txt", b"\xff\xfeodd", "wrong_encoding"),
        ("a.txt", b"x" * 10_001, "too_large"),
        ("a.txt", b"PK\x03\x04 an archive", "unsupported_format"),
    ],
)
def test_unusable_files_are_rejected_with_a_reason(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    corpus = make_corpus(tmp_path, {name: data})
    (item,) = read_corpus(corpus, CorpusSettings(max_document_bytes=10_000))
    assert isinstance(item, Rejection)
    assert item.reason == reason
    assert item.doc_id.startswith(name)
    assert item.detail
    assert item.size == len(data)
