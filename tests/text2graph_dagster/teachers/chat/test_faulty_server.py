"""Thousands of calls to a server with faults: every request gets exactly one answer."""

import pytest

from benchmarks import chat_server
from tests.text2graph_dagster.teachers.chat.sample_calls import fast_endpoint, sample_requests
from tests.text2graph_dagster.teachers.memory_ledger import MemoryLedger
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.teachers.chat.teacher import ChatTeacher
from text2graph_dagster.teachers.ledger import ask_teacher
from text2graph_dagster.teachers.protocol import TeacherRequest

SHARE = 0.05


def stated(request: TeacherRequest, graph: Graph) -> bool:
    """Tell whether the graph has only items that the passage states."""
    person, company = request.text.rstrip(".").split(" works for ")
    entities = {(e.text, e.type) for e in graph.entities}
    triples = [(h.text, kind, t.text) for h, kind, t in graph.triples()]
    return entities <= {(person, "person"), (company, "company")} and triples in ([], [(person, "works for", company)])


@pytest.mark.slow
@pytest.mark.parametrize("count", [10_000])
def test_every_passage_gets_a_graph_or_a_reason_despite_server_faults(count: int) -> None:
    """An earlier project lost all answers after a failed batch, and the last partial batch."""
    requests, memory = sample_requests(count), MemoryLedger()
    with chat_server.serving(SHARE) as heard:
        teacher = ChatTeacher(fast_endpoint(heard.url, concurrency=64, retries=5, timeout_seconds=3.0))
        asked = ask_teacher(teacher, requests, memory)
        assert set(heard.faults) == {*chat_server.NETWORK, *chat_server.MODEL}
        assert heard.max_in_flight <= 64 + heard.faults["silence"]
        assert [answer.passage_id for answer in asked.answers] == [request.passage_id for request in requests]
        for request, answer in zip(requests, asked.answers, strict=True):
            assert (answer.graph is not None) == (answer.status == "ok") == (answer.reason == "")
            assert answer.graph is None or stated(request, answer.graph)
        graphs = sum(answer.graph is not None for answer in asked.answers)
        assert 0.98 * count <= graphs < count  # retries fix what they can
        assert len({row["call_key"] for row in memory.rows.values()}) == len(memory.rows)
        assert len(memory.rows) + asked.figures["calls_failed"] == count
        assert teacher.dropped["ungrounded_entity"] > 0
        assert teacher.labels.rejected.total() > 0
        before = sum(heard.asked.values())
        again = ask_teacher(teacher, [*requests, *sample_requests(count + 1)[-1:]], memory)
        assert (
            again.new_calls == 1 + asked.figures["calls_failed"]
        )  # one more document adds only the call for its passage
        assert sum(heard.asked.values()) <= before + 6 * again.new_calls
        assert again.answers[:count] == asked.answers or asked.figures["calls_failed"]


@pytest.mark.parametrize("fault", chat_server.MODEL)
def test_every_kind_of_model_output_gives_a_graph_or_a_reason(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_server, "NETWORK", ())
    monkeypatch.setattr(chat_server, "MODEL", (fault,))
    (request,) = sample_requests(1)
    with chat_server.serving(1.0) as heard:
        teacher = ChatTeacher(fast_endpoint(heard.url))
        (answer,) = teacher.answer([request])
    readable = fault in ("fence", "thinking", "tags inside", "another language", "not in the text", "another type")
    assert (answer.status == "ok") == readable
    assert bool(answer.reason) != readable
    if answer.graph is not None:
        assert stated(request, answer.graph)
        dropped = fault not in ("fence", "thinking")
        assert any([*teacher.dropped.values(), teacher.labels.rejected.total()]) == dropped
    elif fault not in ("refusal", "filtered"):
        assert answer.raw  # the raw output is kept


@pytest.mark.parametrize("fault", chat_server.NETWORK)
def test_network_faults_are_retried_and_then_have_a_reason(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_server, "NETWORK", (fault,))
    monkeypatch.setattr(chat_server, "MODEL", (fault,))
    with chat_server.serving(1.0) as heard:
        (answer,) = ChatTeacher(fast_endpoint(heard.url, retries=2, timeout_seconds=0.5)).answer(sample_requests(1))
    assert (answer.status, answer.graph, answer.raw) == ("failed", None, "")
    assert answer.reason
    assert sum(heard.asked.values()) == 3
