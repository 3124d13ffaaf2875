"""Files that are one document: a missing parser is a rejection that names the package."""

import sys
from pathlib import Path

import pytest

from tests.text2graph_dagster.corpus.readers.document_files import read_corpus
from text2graph_dagster.corpus.readers.documents import Rejection


@pytest.mark.parametrize(("package", "name"), [("pypdf", "a.pdf"), ("docx", "a.docx"), ("trafilatura", "a.html")])
def test_a_missing_package_is_named(corpus: Path, monkeypatch: pytest.MonkeyPatch, package: str, name: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    (corpus / name).write_text("<p>Ana</p>")
    (rejection,) = read_corpus(corpus)
    assert isinstance(rejection, Rejection)
    assert rejection.reason == "reader_missing"
    assert "text2graph-dagster[documents]" in rejection.detail
