"""Rationales are verified, checked by a blind reader and replaced; author and rejected rationale are recorded."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.text2graph_dagster.reasoning.test_composed_reasoner import GRAPH, ONTOLOGY, TEXT
from tests.text2graph_dagster.reasoning.test_prose_verifier import GOOD
from tests.text2graph_dagster.teachers.memory_ledger import MemoryLedger
from text2graph_dagster.graph.model import Graph, Relation
from text2graph_dagster.reasoning.blind_reading import compare_blind
from text2graph_dagster.reasoning.composed_reasoner import ComposedReasoner, compose_rationale
from text2graph_dagster.reasoning.traces import TraceResults, collect_traces
from text2graph_dagster.settings import ReasonerSettings
from text2graph_dagster.teachers.knowledge_base.teacher import dump_graph, load_graph
from text2graph_dagster.teachers.ledger import ask_reasoner, ask_teacher
from text2graph_dagster.teachers.protocol import (
    Parameters,
    Reasoner,
    ReasoningAnswer,
    ReasoningRequest,
    TeacherAnswer,
    TeacherRequest,
)

BAD = GOOD + " As given."


class Writer:
    """A reasoner with given rationales by passage; it refuses other passages."""

    name, prompt_version = "chat:r", "1"

    def __init__(self, written: Mapping[str, str]) -> None:
        self.written = written

    def parameters(self) -> Parameters:
        return {}

    def answer(self, requests: Sequence[ReasoningRequest]) -> Iterator[ReasoningAnswer]:
        for r in requests:
            text = self.written.get(r.passage_id)
            yield ReasoningAnswer(r.passage_id, text) if text else ReasoningAnswer(r.passage_id, "", "refused", "no")


class Blind:
    """A teacher with one graph for all texts, which remembers the texts it was shown."""

    name, prompt_version = "blind", "1"

    def __init__(self, graph: Graph) -> None:
        self.graph, self.shown = graph, list[str]()

    def parameters(self) -> Parameters:
        return {}

    def answer(self, requests: Sequence[TeacherRequest]) -> Iterator[TeacherAnswer]:
        for r in requests:
            self.shown.append(r.text)
            yield TeacherAnswer(r.passage_id, r.sample, self.graph, dump_graph(self.graph))

    def read(self, raw: str, request: TeacherRequest) -> Graph:
        return load_graph(raw)


def trace(
    written: Mapping[str, str], blind: Blind | None = None, book: MemoryLedger | None = None, **changed: Any
) -> TraceResults:
    requests = [ReasoningRequest(f"p{i}", TEXT, "en", ONTOLOGY, GRAPH) for i in range(3)]
    settings = ReasonerSettings(kind="chat", **changed)
    return run(Writer(written), requests, settings, book or MemoryLedger(), blind)


def run(
    author: Reasoner,
    requests: Sequence[ReasoningRequest],
    settings: ReasonerSettings,
    book: MemoryLedger,
    blind: Blind | None = None,
) -> TraceResults:
    return collect_traces(
        author,
        requests,
        settings,
        lambda who, what: ask_reasoner(who, what, book),
        (lambda what: ask_teacher(blind, what, book)) if blind else None,
    )


def test_a_rejected_rationale_is_kept_with_its_reason() -> None:
    traced = trace({"p0": GOOD, "p1": BAD})
    assert [(t.verified, t.reasons, t.author, t.rejected) for t in traced.traces] == [
        (True, (), "chat:r", None),
        (False, ("refers_to_the_answer: as given",), "chat:r", None),
    ]
    assert [t.rationale for t in traced.traces] == [GOOD, BAD]
    assert [(r.passage_id, r.status) for r in traced.refused] == [("p2", "refused")]
    assert traced.count_objections() == {"refers_to_the_answer": 1}
    assert traced.new_calls == 3


def test_a_composed_rationale_replaces_a_rejected_one_if_configured() -> None:
    book = MemoryLedger()
    good, replaced = trace({"p0": GOOD, "p1": BAD}, book=book, fallback="composed").traces
    assert (good.author, good.rationale, good.rejected) == ("chat:r", GOOD, None)
    assert (replaced.author, replaced.verified, replaced.rejected) == ("composed", True, BAD)
    assert replaced.rationale == compose_rationale(TEXT, "en", ONTOLOGY, GRAPH)
    assert replaced.reasons == ("refers_to_the_answer: as given",)
    assert book.rows[replaced.call_key]["teacher"] == "composed"


def test_the_blind_reader_is_shown_only_verified_rationales() -> None:
    blind = Blind(GRAPH)
    traced = trace({"p0": GOOD, "p1": BAD}, blind, blind_min_f1=1.0)
    assert blind.shown == [GOOD]
    assert [t.verified for t in traced.traces] == [True, False]
    assert traced.new_calls == 4


def test_a_rationale_with_another_blind_graph_is_rejected() -> None:
    half = Graph(GRAPH.entities, GRAPH.relations[:1])
    (rejected,) = trace({"p0": GOOD}, Blind(half), blind_min_f1=0.95).traces
    assert not rejected.verified
    assert rejected.reasons == ("blind: F1 0.91", "blind_missing: ana berg - married to - tom lund")
    (tolerated,) = trace({"p0": GOOD}, Blind(half), blind_min_f1=0.9).traces
    assert tolerated.verified


def test_blind_graphs_are_compared_in_canonical_form() -> None:
    turned = Graph(GRAPH.entities, (GRAPH.relations[0], Relation(2, 0, "married to")))
    assert compare_blind(turned, GRAPH, ONTOLOGY, 1.0) == []
    assert compare_blind(None, GRAPH, ONTOLOGY, 0.0) == ["blind: it could not be read"]
    assert compare_blind(Graph(), Graph(), ONTOLOGY, 1.0) == []


def test_composed_rationales_are_neither_replaced_nor_read_blindly() -> None:
    blind, requests = Blind(Graph()), [ReasoningRequest("p0", TEXT, "en", ONTOLOGY, GRAPH)]
    settings = ReasonerSettings(fallback="composed")
    (composed,) = run(ComposedReasoner(), requests, settings, MemoryLedger(), blind).traces
    assert (composed.author, composed.verified, composed.rejected) == ("composed", True, None)
    assert blind.shown == []


def test_a_second_run_makes_no_call() -> None:
    book = MemoryLedger()
    made = [trace({"p0": GOOD, "p1": BAD}, Blind(GRAPH), book, fallback="composed").new_calls for _ in range(2)]
    assert made == [5, 0]  # three rationales, one blind reading, one composed replacement
