"""A rationale is verified once."""

from pathlib import Path

import pytest

from tests.text2graph_dagster.dataset.sample_rows import GRAPH, ONTOLOGY, TEXT
from text2graph_dagster.reasoning import verdict_cache
from text2graph_dagster.reasoning.composed_reasoner import ComposedReasoner
from text2graph_dagster.reasoning.verdict_cache import verify_rationales
from text2graph_dagster.reasoning.verifier import RationaleVerdict, verify_rationale
from text2graph_dagster.teachers.protocol import ReasoningRequest

REQUESTS = [ReasoningRequest(str(n), TEXT, "en", ONTOLOGY, GRAPH) for n in range(3)]
GOOD = next(iter(ComposedReasoner().answer(REQUESTS))).rationale


def test_only_new_rationales_are_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rationales = [GOOD, "Nobody knows.", GOOD]
    expected = [verify_rationale(rationale, TEXT, ONTOLOGY, GRAPH, "en") for rationale in rationales]
    assert [verdict.verified for verdict in expected] == [True, False, True]
    verified: list[str] = []

    def counting(rationale: str, *rest: object) -> RationaleVerdict:
        verified.append(rationale)
        return verify_rationale(rationale, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(verdict_cache, "verify_rationale", counting)
    keys = ["k0", "k1", "k2"]
    for calls in (3, 0):
        verified.clear()
        assert verify_rationales(REQUESTS, keys, rationales, tmp_path / "kept") == expected
        assert len(verified) == calls
    verify_rationales(REQUESTS, keys, ["Nobody knows.", *rationales[1:]], tmp_path / "kept")
    assert verified == ["Nobody knows."]
    verify_rationales(REQUESTS[:1], ["another call"], rationales[:1], tmp_path / "kept")
    assert verified == ["Nobody knows.", GOOD]
    assert len(list((tmp_path / "kept").iterdir())) == 1
