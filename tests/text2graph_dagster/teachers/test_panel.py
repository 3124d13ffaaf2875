"""Several teachers per passage: each is asked once, and their vote is the training graph."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from tests.text2graph_dagster.teachers.knowledge_base.sample_knowledge import NEWS
from tests.text2graph_dagster.teachers.memory_ledger import MemoryLedger
from text2graph_dagster.graph.model import Entity, Graph, Relation, Span
from text2graph_dagster.settings import TeacherSettings, VoteSettings
from text2graph_dagster.teachers.knowledge_base.teacher import dump_graph, load_graph
from text2graph_dagster.teachers.ledger import ask_teacher
from text2graph_dagster.teachers.panel import PanelReadings, Voter, ask_panel
from text2graph_dagster.teachers.protocol import Parameters, TeacherAnswer, TeacherRequest

PASSAGES = [TeacherRequest("p0", "Ana of Velsoft.", "en", NEWS), TeacherRequest("p1", "Tom of Velsoft.", "en", NEWS)]
ENTITIES = (Entity(0, "Ana", "person", (Span(0, 3),)), Entity(1, "Velsoft", "company", (Span(7, 14),)))
WORKS, NOTHING = Graph(ENTITIES, (Relation(0, 1, "works for"),)), Graph(ENTITIES)


class Fixed:
    """A teacher that answers all passages with the same graph, except the `silent` passages."""

    prompt_version = "1"

    def __init__(self, name: str, graph: Graph, silent: Sequence[str] = ()) -> None:
        self.name, self.graph, self.silent = name, graph, silent

    def parameters(self) -> Parameters:
        return {}

    def answer(self, requests: Sequence[TeacherRequest]) -> Iterator[TeacherAnswer]:
        for r in requests:
            if r.passage_id in self.silent:
                yield TeacherAnswer(r.passage_id, r.sample, None, "", "refused", "no")
            else:
                yield TeacherAnswer(r.passage_id, r.sample, self.graph, dump_graph(self.graph))

    def read(self, raw: str, request: TeacherRequest) -> Graph:
        return load_graph(raw)


def ask(*voters: Voter, book: MemoryLedger | None = None, **rules: Any) -> PanelReadings:
    pages = book or MemoryLedger()
    return ask_panel(voters, PASSAGES, VoteSettings(**rules), lambda who, what: ask_teacher(who.teacher, what, pages))


def test_a_single_answer_is_the_graph() -> None:
    read = ask(Voter(Fixed("a", WORKS)))
    assert [(r.passage_id, r.sample, r.teacher, r.graph) for r in read.rows] == [
        ("p0", 0, "a", WORKS),
        ("p1", 0, "a", WORKS),
    ]
    assert all(r.call_key for r in read.rows)
    assert (read.requested, read.new_calls) == (2, 2)


def test_the_vote_is_sample_zero_and_precedes_the_readings() -> None:
    read = ask(Voter(Fixed("a", WORKS), samples=2), Voter(Fixed("b", NOTHING)))
    first = [r for r in read.rows if r.passage_id == "p0"]
    assert [(r.sample, r.teacher) for r in first] == [(0, "vote"), (1, "a"), (2, "a"), (3, "b")]
    assert [r.call_key == "" for r in first] == [True, False, False, False]
    assert first[0].graph == WORKS
    assert first[0].graph.relations[0].confidence == pytest.approx(2 / 3)
    assert (read.requested, read.new_calls) == (6, 6)


def test_weights_decide_between_two_teachers() -> None:
    read = ask(Voter(Fixed("a", WORKS)), Voter(Fixed("b", NOTHING), weight=2.0))
    assert read.rows[0].graph == NOTHING


def test_adding_a_teacher_makes_only_its_own_calls() -> None:
    book, alone = MemoryLedger(), Voter(Fixed("a", WORKS))
    keys = {r.call_key for r in ask(alone, book=book).rows}
    read = ask(alone, Voter(Fixed("b", WORKS)), book=book)
    assert (read.requested, read.new_calls) == (4, 2)
    assert keys < {r.call_key for r in read.rows}


def test_without_a_quorum_there_is_no_graph() -> None:
    voters = Voter(Fixed("a", WORKS, silent=["p1"])), Voter(Fixed("b", WORKS)), Voter(Fixed("c", WORKS, silent=["p1"]))
    votes = [r for r in ask(*voters).rows if r.sample == 0]
    assert [(r.status, r.reason) for r in votes] == [("ok", ""), ("no_quorum", "1 of 3 graphs came back")]
    assert all(r.graph == WORKS for r in ask(*voters, quorum=0.3).rows if r.sample == 0)


def test_without_any_answer_there_is_no_graph_even_with_quorum_zero() -> None:
    voters = (Voter(Fixed(name, WORKS, silent=["p0", "p1"])) for name in "ab")
    assert {r.graph for r in ask(*voters, quorum=0.0).rows} == {None}


def test_a_panel_of_panels_is_rejected() -> None:
    assert len(TeacherSettings.model_validate({"panel": [{"kind": "chat", "model": "m"}]}).panel) == 1
    for inner in ({"panel": [{"kind": "chat"}]}, {"vote": {"keep_above": 0.1}}):
        with pytest.raises(ValidationError, match="cannot have its own panel or vote"):
            TeacherSettings.model_validate({"panel": [inner]})
