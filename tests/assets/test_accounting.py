"""A row that goes missing between two tables closes the gate behind it."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from assets.cot_traces import COT_TRACES_GATES
from assets.gates import Gate, Scope
from assets.teacher_graphs import TEACHER_GRAPHS_GATES
from resources.teachers import TeacherResource
from tests.assets.conftest import DATA, House
from text2graph_dagster.settings import Settings
from text2graph_dagster.teachers.protocol import TeacherAnswer, TeacherRequest


def accounting(house: House, gates: Sequence[Gate]) -> bool:
    settings = Settings.load(None, house.overrides)
    gate = next(g for g in gates if g.name == "accounting")
    return gate.passes(gate.measure(Scope(house.warehouse, settings, house.home, "c")), settings)


@pytest.mark.parametrize(
    ("table", "gates"), [("teacher_graphs", TEACHER_GRAPHS_GATES), ("cot_traces", COT_TRACES_GATES)]
)
def test_a_row_that_is_lost_closes_the_gate(house: House, table: str, gates: Sequence[Gate]) -> None:
    house.add("c", documents=16, gold=2)
    house.run("c", *DATA)
    assert house.warehouse.count(table, "c") > 1
    assert accounting(house, gates)
    with house.warehouse._connection() as connection:
        connection.execute(f"DELETE FROM {table} WHERE passage_id = (SELECT min(passage_id) FROM {table})")
    assert not accounting(house, gates)


@pytest.mark.parametrize(("failing", "lost"), [({0}, 0), ({0, 1}, 1)])
def test_with_several_samples_passages_are_counted_and_none_disappears(
    house: House, monkeypatch: pytest.MonkeyPatch, failing: set[int], lost: int
) -> None:
    """A passage is quarantined where too few of its samples came back to vote."""
    built = TeacherResource.for_corpus

    class Faltering:
        """The knowledge base, which fails at some samples of one passage."""

        def __init__(self, teacher: Any) -> None:
            self._teacher = teacher

        def __getattr__(self, name: str) -> Any:
            return getattr(self._teacher, name)

        def answer(self, requests: Sequence[TeacherRequest]) -> Iterator[TeacherAnswer]:
            unlucky = min(r.passage_id for r in requests)
            for request, answer in zip(requests, self._teacher.answer(requests), strict=True):
                fails = request.passage_id == unlucky and request.sample in failing
                yield TeacherAnswer(unlucky, request.sample, None, "", "failed", "no") if fails else answer

    monkeypatch.setattr(TeacherResource, "for_corpus", lambda *given: Faltering(built(*given)))
    house.overrides["teacher"] = {"samples": 2}
    house.add("c", documents=16, gold=2)
    house.run("c", *DATA)
    sql = "SELECT item, count FROM accounting WHERE stage = 'teacher_graphs'"
    counts = dict(house.warehouse.read(sql).rows())
    kept = "SELECT count(DISTINCT passage_id) FROM raw_corpus WHERE duplicate_of IS NULL"
    assert counts["passages_in"] == house.warehouse.value(kept)
    assert counts["passages_quarantined"] == lost
    assert counts["graphs"] == counts["passages_in"] - lost
    refused = house.warehouse.read("SELECT reason, detail FROM quarantine WHERE stage = 'teacher_graphs'").rows()
    votes = [("no_quorum", "sample 0: 0 of 2 graphs came back")] * lost
    assert sorted(refused) == [
        *(("failed", f"sample {n + 1}: knowledge_base: no") for n in sorted(failing)),
        *votes,
    ]
    assert accounting(house, TEACHER_GRAPHS_GATES)
    with house.warehouse._connection() as connection:
        connection.execute("DELETE FROM quarantine WHERE stage = 'teacher_graphs'")
    assert accounting(house, TEACHER_GRAPHS_GATES) == (not lost)
