"""Regression tests for faults in how three earlier projects called models."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from benchmarks import chat_server
from tests.text2graph_dagster.teachers.chat.chat_server import message, serving
from tests.text2graph_dagster.teachers.chat.sample_calls import GRAPH, TEXT, fast_endpoint, sample_requests
from tests.text2graph_dagster.teachers.knowledge_base.sample_knowledge import NEWS
from tests.text2graph_dagster.teachers.memory_ledger import MemoryLedger
from tests.text2graph_dagster.teachers.scripted_teacher import ScriptedTeacher, make_requests
from text2graph_dagster.ontology import EntityType, Ontology, RelationType
from text2graph_dagster.reasoning.chat_reasoner import ChatReasoner
from text2graph_dagster.teachers import call_runner
from text2graph_dagster.teachers.chat.teacher import ChatTeacher
from text2graph_dagster.teachers.ledger import ask_reasoner, ask_teacher
from text2graph_dagster.teachers.protocol import ReasoningRequest, TeacherAnswer, TeacherRequest

ZH = Ontology(
    "新闻",
    "zh",
    (EntityType("人物"), EntityType("公司")),
    (RelationType("任职于", signatures=(("人物", "公司"),)),),
)


def test_the_reasoner_is_shown_the_document() -> None:
    with serving(lambda _: message("Sentence 1 names nothing.")) as seen:
        ask_reasoner(
            ChatReasoner(fast_endpoint(seen.url)), [ReasoningRequest("p", TEXT, "en", NEWS, GRAPH)], MemoryLedger()
        )
    assert TEXT in seen.bodies[0]["messages"][0]["content"]


def test_every_prompt_has_the_allowed_types() -> None:
    with chat_server.serving() as heard:
        ask_teacher(ChatTeacher(fast_endpoint(heard.url)), sample_requests(50), MemoryLedger())
    assert len(heard.asked) == 50
    for prompt in heard.asked:
        assert all(f"- {name}" in prompt for name in (*NEWS.entity_names, *NEWS.relation_names))


def test_labels_outside_the_ontology_are_mapped_or_rejected() -> None:
    """In an earlier project, 535 relations had 301 labels. Here, labels are mapped, or rejected and counted."""
    free = {
        "entities": [{"text": "Ana Berg", "type": "person"}, {"text": "Velsoft", "type": "company"}],
        "relations": [
            {"head": "Ana Berg", "tail": "Velsoft", "type": f"{label}"}
            for label in ("works for", "Works For", "is employed by", "works_for", "employee of")
        ],
    }
    with serving(lambda _: message(json.dumps(free))) as seen:
        teacher = ChatTeacher(fast_endpoint(seen.url))
        (answer,) = teacher.answer([TeacherRequest("p", TEXT, "en", NEWS)])
    assert answer.graph is not None
    assert [relation.type for relation in answer.graph.relations] == ["works for"]
    assert teacher.labels.mapped.total() == 2  # Works For, works_for
    assert teacher.labels.rejected.total() == 2


class FailsOnce(ScriptedTeacher):
    """A teacher whose second batch fails as a whole."""

    batches = 0

    def answer(self, requests: Sequence[TeacherRequest]) -> Iterator[TeacherAnswer]:
        self.batches += 1
        if self.batches == 2:
            raise ConnectionResetError
        yield from super().answer(requests)


def test_a_failed_batch_does_not_affect_later_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_runner, "BATCH", 3)
    memory = MemoryLedger()
    asked = ask_teacher(FailsOnce(), make_requests(10), memory)
    assert [a.passage_id for a in asked.answers if a.status == "failed"] == ["p3", "p4", "p5"]
    assert len(memory.rows) == 7
    assert ask_teacher(ScriptedTeacher(), make_requests(10), memory).new_calls == 3


def test_the_last_partial_batch_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_runner, "BATCH", 4)
    memory = MemoryLedger()
    asked = ask_teacher(ScriptedTeacher(), make_requests(10), memory)
    assert {answer.status for answer in asked.answers} == {"ok"}
    assert len(memory.rows) == 10


def test_answers_are_saved_as_they_arrive() -> None:
    memory, written = MemoryLedger(), list[int]()

    class Watched(ScriptedTeacher):
        def answer(self, requests: Sequence[TeacherRequest]) -> Iterator[TeacherAnswer]:
            for answer in super().answer(requests):
                written.append(len(memory.rows))
                yield answer

    ask_teacher(Watched(), make_requests(6), memory)
    assert written == [0, 1, 2, 3, 4, 5]


def test_braces_in_strings_or_in_the_thinking_do_not_matter() -> None:
    answer_json = {"entities": [{"text": "Velsoft", "type": "company"}, {"text": "{", "type": "city"}], "relations": []}
    with serving(lambda _: message(f"<think>a {{ and a }} }}</think>{json.dumps(answer_json)}")) as seen:
        (answer,) = ChatTeacher(fast_endpoint(seen.url)).answer([TeacherRequest("p", TEXT, "en", NEWS)])
    assert answer.graph is not None
    assert [entity.text for entity in answer.graph.entities] == ["Velsoft"]


def test_repeated_items_are_removed_and_counted() -> None:
    """A teacher's graph has the item once; the repetitions are counted as dropped."""
    item = {"text": "Velsoft", "type": "company"}
    with serving(lambda _: message(json.dumps({"entities": [item] * 20, "relations": []}))) as seen:
        teacher = ChatTeacher(fast_endpoint(seen.url))
        (answer,) = teacher.answer([TeacherRequest("p", TEXT, "en", NEWS)])
    assert answer.graph is not None
    assert (len(answer.graph.entities), teacher.dropped["duplicate_entity"]) == (1, 19)


@pytest.mark.parametrize("escaped", [True, False])
def test_chinese_text_is_preserved(escaped: bool) -> None:
    text = "王芳任职于字节跳动，负责人工智能。"
    answer_json: dict[str, Any] = {
        "entities": [{"text": "王芳", "type": "人物"}, {"text": "字节跳动", "type": "公司"}],
        "relations": [{"head": "王芳", "tail": "字节跳动", "type": "任职于"}],
    }
    memory = MemoryLedger()
    with serving(lambda _: message(json.dumps(answer_json, ensure_ascii=escaped))) as seen:
        asked = ask_teacher(ChatTeacher(fast_endpoint(seen.url)), [TeacherRequest("p", text, "zh", ZH)], memory)
    graph = asked.answers[0].graph
    assert graph is not None
    assert [(h.text, kind, t.text) for h, kind, t in graph.triples()] == [("王芳", "任职于", "字节跳动")]
    assert text in seen.bodies[0]["messages"][0]["content"]
    (row,) = memory.rows.values()
    assert text in row["request"]
