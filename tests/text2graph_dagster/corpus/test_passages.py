"""Turning one document into passages, or rejecting it."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from text2graph_dagster.corpus.passages import prepare_document
from text2graph_dagster.corpus.readers.documents import Document
from text2graph_dagster.settings import CorpusSettings

PROSE = "Ana Berg lives in Oslo. She was born in Bergen, and her brother moved to Rome."


def document(text: str) -> Document:
    return Document("a.txt", text, "a.txt", None, len(text), "gb18030")


def test_passages_and_counts() -> None:
    made = prepare_document(document(f"{PROSE}\r\n"), "en", CorpusSettings(passage_tokens=12))
    assert [made.text[span.start : span.end] for span, _ in made.passages] == [
        "Ana Berg lives in Oslo.",
        "She was born in Bergen, and her brother moved to Rome.",
    ]
    assert made.rejected == []
    assert dict(+made.counts) == {"encoding_gb18030": 1, "documents_cleaned": 1}


def test_a_bad_document_is_rejected_completely() -> None:
    made = prepare_document(document(f"{PROSE} " * 30), "en", CorpusSettings())
    assert made.passages == []
    assert [reason for reason, _ in made.rejected] == ["repeated_runs"]
    assert made.counts["quarantined_repeated_runs"] == 1
    assert made.counts["stretches_quarantined"] == 0


def test_only_the_blocked_passage_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text("bergen")
    made = prepare_document(document(PROSE), "en", CorpusSettings(passage_tokens=12, blocklist=tmp_path / "l.txt"))
    assert len(made.passages) == 1
    assert made.rejected == [("blocklist", "characters 24 to 78 of the cleaned text (line 1 of l.txt)")]
    assert made.counts["quarantined_blocklist"] == made.counts["stretches_quarantined"] == 1


@pytest.mark.parametrize(("text", "reason"), [("\u200b\u2060", "empty_after_cleaning"), ("----", "no_word")])
def test_a_document_without_usable_text_is_rejected(text: str, reason: str) -> None:
    assert [why for why, _ in prepare_document(document(text), "en", CorpusSettings()).rejected] == [reason]


@settings(deadline=None)  # the first document imports its libraries
@given(st.text(alphabet="ab .\n|-中。é\u0301\ufeff\u202e", max_size=200))
def test_every_document_has_passages_or_a_rejection(text: str) -> None:
    made = prepare_document(document(text), "en", CorpusSettings(passage_tokens=8))
    assert made.passages or made.rejected
    for span, _ in made.passages:
        assert 0 <= span.start < span.end <= len(made.text)
