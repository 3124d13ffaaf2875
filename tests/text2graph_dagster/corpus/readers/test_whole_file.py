"""Files with one document each; if the parser is missing, the rejection names its package."""

import sys
from pathlib import Path

import pytest

from tests.text2graph_dagster.corpus.readers.document_files import read_corpus
from text2graph_dagster.corpus.readers.documents import Rejection


@pytest.mark.parametrize(("package", "name"), [("pypdf", "a.pdf"), ("docx", "a.docx"), ("trafilatura", "a.html")])
def test_a_rejection_names_the_missing_package(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, package: str, name: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    (corpus / name).write_text("<p>Ana</p>")
    (rejection,) = read_corpus(corpus)
    assert isinstance(rejection, Rejection)
    assert rejection.reason == "reader_missing"
    assert "text2graph-dagster[documents]" in rejection.detail
