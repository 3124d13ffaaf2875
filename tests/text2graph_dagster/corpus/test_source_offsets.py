"""From a passage of raw_corpus back to its source text."""

import json
from pathlib import Path

import pytest

from text2graph_dagster.corpus.build import build_corpus
from text2graph_dagster.corpus.folder import open_corpus
from text2graph_dagster.corpus.source_offsets import find_source_span
from text2graph_dagster.errors import UserError
from text2graph_dagster.settings import CorpusSettings

DIRTY = "\ufeff  A\u030ase  Berg\u200b lives in\r\nOslo. \tHer cafÃ© is\u00a0closed.\r\n\r\n\r\n\r\nThe end of it."


def test_every_passage_is_found_in_its_source(tmp_path: Path) -> None:
    corpus = tmp_path / "news"
    corpus.mkdir()
    (corpus / "ontology.yaml").write_text("entity_types: [thing]")
    (corpus / "a.txt").write_bytes(DIRTY.encode())
    (corpus / "b.jsonl").write_text(json.dumps({"id": "x:1#2", "text": DIRTY}))
    rows = build_corpus(open_corpus(corpus), CorpusSettings(passage_tokens=8)).raw_corpus
    found = {}
    for row in rows.iter_rows(named=True):
        text, span = find_source_span(corpus, row["doc_id"], row["start"], row["end"])
        assert text == DIRTY.removeprefix("\ufeff" if row["doc_id"] == "a.txt" else "")
        found[row["doc_id"], row["text"]] = text[span.start : span.end]
    assert found["a.txt", "Åse Berg lives in\nOslo."] == "A\u030ase  Berg\u200b lives in\r\nOslo."
    assert found["b.jsonl#x:1#2", "Her café is closed."] == "Her cafÃ© is\u00a0closed."
    assert len(found) == 6


def test_a_missing_or_changed_document_is_an_error(tmp_path: Path) -> None:
    corpus = tmp_path / "news"
    corpus.mkdir()
    (corpus / "ontology.yaml").write_text("entity_types: [thing]")
    (corpus / "a.txt").write_text("Ana")
    with pytest.raises(UserError, match="has no document"):
        find_source_span(corpus, "b.txt", 0, 1)
    with pytest.raises(UserError, match="changed"):
        find_source_span(corpus, "a.txt", 0, 4)
