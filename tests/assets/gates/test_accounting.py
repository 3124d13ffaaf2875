"""A row that is lost between two tables fails the accounting gate."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from assets.gates.cot_traces import COT_TRACES_GATES
from assets.gates.gate import Gate, Scope
from assets.gates.teacher_graphs import TEACHER_GRAPHS_GATES
from resources.teachers import TeacherResource
from tests.assets.conftest import DATA, Sandbox
from text2graph_dagster.settings import Settings
from text2graph_dagster.teachers.protocol import TeacherAnswer, TeacherRequest


def accounting(sandbox: Sandbox, gates: Sequence[Gate]) -> bool:
    settings = Settings.load(None, sandbox.overrides)
    gate = next(g for g in gates if g.name == "accounting")
    return gate.passes(gate.measure(Scope(sandbox.warehouse, settings, sandbox.home, "c")), settings)


@pytest.mark.parametrize(
    ("table", "gates"), [("teacher_graphs", TEACHER_GRAPHS_GATES), ("cot_traces", COT_TRACES_GATES)]
)
def test_a_lost_row_fails_the_gate(sandbox: Sandbox, table: str, gates: Sequence[Gate]) -> None:
    sandbox.add("c", documents=16, gold=2)
    sandbox.run("c", *DATA)
    assert sandbox.warehouse.count(table, "c") > 1
    assert accounting(sandbox, gates)
    with sandbox.warehouse._connection() as connection:
        connection.execute(f"DELETE FROM {table} WHERE passage_id = (SELECT min(passage_id) FROM {table})")
    assert not accounting(sandbox, gates)


class FailingTeacher:
    """A knowledge-base teacher that fails on the given samples of one passage."""

    def __init__(self, teacher: Any, failing: set[int]) -> None:
        self._teacher, self._failing = teacher, failing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._teacher, name)

    def answer(self, requests: Sequence[TeacherRequest]) -> Iterator[TeacherAnswer]:
        unlucky = min(r.passage_id for r in requests)
        for request, answer in zip(requests, self._teacher.answer(requests), strict=True):
            fails = request.passage_id == unlucky and request.sample in self._failing
            yield TeacherAnswer(unlucky, request.sample, None, "", "failed", "no") if fails else answer


@pytest.mark.parametrize(("failing", "lost"), [({0}, 0), ({0, 1}, 1)])
def test_each_passage_is_counted_once_if_there_are_several_samples(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, failing: set[int], lost: int
) -> None:
    """A passage is quarantined if too few of its samples returned a graph."""
    original = TeacherResource.for_corpus
    monkeypatch.setattr(TeacherResource, "for_corpus", lambda *arguments: FailingTeacher(original(*arguments), failing))
    sandbox.overrides["teacher"] = {"samples": 2}
    sandbox.add("c", documents=16, gold=2)
    sandbox.run("c", *DATA)
    sql = "SELECT item, count FROM accounting WHERE stage = 'teacher_graphs'"
    counts = dict(sandbox.warehouse.read(sql).rows())
    kept = "SELECT count(DISTINCT passage_id) FROM raw_corpus WHERE duplicate_of IS NULL"
    assert counts["passages_in"] == sandbox.warehouse.value(kept)
    assert counts["passages_quarantined"] == lost
    assert counts["graphs"] == counts["passages_in"] - lost
    refused = sandbox.warehouse.read("SELECT reason, detail FROM quarantine WHERE stage = 'teacher_graphs'").rows()
    votes = [("no_quorum", "sample 0: 0 of 2 graphs came back")] * lost
    assert sorted(refused) == [
        *(("failed", f"sample {n + 1}: knowledge_base: no") for n in sorted(failing)),
        *votes,
    ]
    assert accounting(sandbox, TEACHER_GRAPHS_GATES)
    with sandbox.warehouse._connection() as connection:
        connection.execute("DELETE FROM quarantine WHERE stage = 'teacher_graphs'")
    assert accounting(sandbox, TEACHER_GRAPHS_GATES) == (not lost)
