"""A fixture that records which documents are processed."""

from typing import Any

import pytest

from text2graph_dagster.corpus import build as build_module
from text2graph_dagster.corpus.readers.registry import Document


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that collects the ids of all documents that are cleaned and packed from now on."""
    seen: list[str] = []
    original = build_module._add_document

    def recording(tables: Any, document: Document) -> bool:
        seen.append(document.doc_id)
        return original(tables, document)

    monkeypatch.setattr(build_module, "_add_document", recording)
    return seen
