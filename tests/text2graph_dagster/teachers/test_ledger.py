"""Every call is made once: no call is repeated or lost, even if the teacher fails or the process is killed."""

from pathlib import Path
from typing import Any

import pytest

from tests.text2graph_dagster.teachers.knowledge_base.sample_knowledge import NEWS, line, make_teacher
from tests.text2graph_dagster.teachers.memory_ledger import MemoryLedger
from tests.text2graph_dagster.teachers.scripted_teacher import ScriptedTeacher, make_requests
from text2graph_dagster.errors import UserError
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.ontology import EntityType, Ontology
from text2graph_dagster.reasoning.composed_reasoner import ComposedReasoner
from text2graph_dagster.teachers import call_runner
from text2graph_dagster.teachers.ledger import ask_reasoner, ask_teacher
from text2graph_dagster.teachers.protocol import ReasoningRequest, TeacherRequest


def test_answers_are_in_the_order_of_the_requests() -> None:
    asked = ask_teacher(ScriptedTeacher(), make_requests(5, samples=2), MemoryLedger())
    assert [(a.passage_id, a.sample) for a in asked.answers] == [(f"p{i}", s) for i in range(5) for s in range(2)]
    assert len(set(asked.keys)) == 10
    assert asked.new_calls == 10


def test_a_second_run_makes_no_call_and_gives_the_same_answers() -> None:
    memory, teacher = MemoryLedger(), ScriptedTeacher({"p3": "refused", "p4": "unparsable"})
    first = ask_teacher(teacher, make_requests(6), memory)
    teacher.asked.clear()
    second = ask_teacher(teacher, make_requests(6), memory)
    assert teacher.asked == []
    assert second.new_calls == 0
    assert second.keys == first.keys
    assert second.answers == first.answers


@pytest.mark.parametrize("trouble", ["explode", "omit", "refused", "unparsable", "failed", "twice", "foreign"])
@pytest.mark.parametrize("where", ["p0", "p3", "p6"])
def test_every_request_gets_an_answer_despite_failures(
    trouble: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An earlier project lost all batches after a failed batch, and the last partial batch."""
    monkeypatch.setattr(call_runner, "BATCH", 3)
    asked = ask_teacher(ScriptedTeacher({where: trouble}), make_requests(7), MemoryLedger())
    assert [a.passage_id for a in asked.answers] == [f"p{i}" for i in range(7)]
    assert all((a.graph is not None) == (a.status == "ok") for a in asked.answers)
    others_affected = [a.passage_id for a in asked.answers if a.status != "ok" and a.passage_id != where]
    assert len(others_affected) <= (2 if trouble == "explode" else 0)  # at most the rest of its batch


def test_only_failed_calls_are_repeated_in_the_next_run() -> None:
    memory, teacher = MemoryLedger(), ScriptedTeacher({"p1": "failed", "p2": "refused"})
    assert [a.status for a in ask_teacher(teacher, make_requests(3), memory).answers] == ["ok", "failed", "refused"]
    teacher.trouble.clear()
    teacher.asked.clear()
    assert [a.status for a in ask_teacher(teacher, make_requests(3), memory).answers] == ["ok", "ok", "refused"]
    assert teacher.asked == ["p1"]


@pytest.mark.parametrize("dies_after", [0, 1, 4, 7, 9])
def test_a_killed_run_resumes_without_repeating_calls(dies_after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_runner, "BATCH", 4)
    memory, teacher = MemoryLedger(dies_after=dies_after), ScriptedTeacher()
    with pytest.raises(KeyboardInterrupt):
        ask_teacher(teacher, make_requests(10), memory)
    memory.dies_after = None
    safe = set(memory.rows)
    teacher.asked.clear()
    resumed = ask_teacher(teacher, make_requests(10), memory)
    assert len(teacher.asked) == 10 - len(safe) == resumed.new_calls
    assert resumed.answers == ask_teacher(ScriptedTeacher(), make_requests(10), MemoryLedger()).answers


def test_answers_before_a_user_error_are_recorded() -> None:
    memory, teacher = MemoryLedger(), ScriptedTeacher({"p2": "stop"})
    with pytest.raises(UserError, match="budget"):
        ask_teacher(teacher, make_requests(6), memory)
    assert {row["passage_id"] for row in memory.rows.values()} == {"p5", "p4", "p3"}


def test_the_same_request_twice_is_one_call() -> None:
    teacher = ScriptedTeacher()
    asked = ask_teacher(teacher, make_requests(2) * 2, MemoryLedger())
    assert len(teacher.asked) == asked.new_calls == 2
    assert [a.passage_id for a in asked.answers] == ["p0", "p1", "p0", "p1"]


def test_two_requests_for_one_passage_need_different_sample_numbers() -> None:
    other = Ontology("other", "en", (EntityType("place"),), ())
    with pytest.raises(ValueError, match="sample"):
        ask_teacher(
            ScriptedTeacher(),
            [TeacherRequest("p", "t", "en", NEWS), TeacherRequest("p", "t", "en", other)],
            MemoryLedger(),
        )


def change_nothing(teacher: ScriptedTeacher, batch: list[TeacherRequest]) -> list[TeacherRequest]:
    return batch


def change_prompt(teacher: ScriptedTeacher, batch: list[TeacherRequest]) -> list[TeacherRequest]:
    teacher.prompt_version = "2"
    return batch


def change_parameter(teacher: ScriptedTeacher, batch: list[TeacherRequest]) -> list[TeacherRequest]:
    teacher.temperature = 0.7
    return batch


def change_name(teacher: ScriptedTeacher, batch: list[TeacherRequest]) -> list[TeacherRequest]:
    teacher.name = "other"
    return batch


def change_ontology(teacher: ScriptedTeacher, batch: list[TeacherRequest]) -> list[TeacherRequest]:
    return [TeacherRequest(r.passage_id, r.text, r.language, Ontology("n", "en", NEWS.entity_types, ())) for r in batch]


def add_a_passage(teacher: ScriptedTeacher, batch: list[TeacherRequest]) -> list[TeacherRequest]:
    return [*batch, TeacherRequest("new", "new", "en", NEWS)]


@pytest.mark.parametrize(
    ("change", "calls"),
    [
        (change_nothing, 0),
        (change_prompt, 4),
        (change_parameter, 4),
        (change_name, 4),
        (change_ontology, 4),
        (add_a_passage, 1),
    ],
)
def test_a_change_repeats_only_the_calls_it_affects(change: Any, calls: int) -> None:
    memory, teacher = MemoryLedger(), ScriptedTeacher()
    ask_teacher(teacher, make_requests(4), memory)
    assert ask_teacher(teacher, change(teacher, make_requests(4)), memory).new_calls == calls


def test_a_recorded_answer_that_cannot_be_read_has_status_unparsable() -> None:
    memory = MemoryLedger()
    key = ask_teacher(ScriptedTeacher(), make_requests(1), memory).keys[0]
    memory.rows[key]["response"] = "{"
    (answer,) = ask_teacher(ScriptedTeacher(), make_requests(1), memory).answers
    assert (answer.status, answer.graph) == ("unparsable", None)


def test_rows_have_the_columns_of_the_table() -> None:
    from text2graph_dagster.contracts import TEACHER_CALLS

    memory = MemoryLedger()
    ask_teacher(ScriptedTeacher(), make_requests(2), memory)
    assert all(set(row) == set(TEACHER_CALLS.schema.columns) for row in memory.rows.values())


def test_the_log_shows_the_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(call_runner, "LOG_SECONDS", 0.0)
    ask_teacher(ScriptedTeacher({"p1": "failed"}), make_requests(3), MemoryLedger(), seen.append)
    assert [line.partition(" calls")[0] for line in seen] == [f"teacher scripted: {i} of 3" for i in (1, 2, 3)]
    assert "1 failed" in seen[-1]


def test_the_ledger_key_of_a_rationale_depends_on_passage_and_graph(tmp_path: Path) -> None:
    teacher = make_teacher(tmp_path, [line("Ana Berg", "employer", "Velsoft", "person", "business")])
    text = "Ana Berg joined Velsoft."
    graph = teacher.annotate(text, "en")
    request = ReasoningRequest("p", text, "en", NEWS, graph)
    memory = MemoryLedger()
    first = ask_reasoner(ComposedReasoner(), [request], memory)
    again = ask_reasoner(ComposedReasoner(), [request], memory)
    assert (first.new_calls, again.new_calls) == (1, 0)
    assert first.answers[0].rationale == again.answers[0].rationale
    other = ReasoningRequest("p", text, "en", NEWS, Graph(graph.entities))
    assert ask_reasoner(ComposedReasoner(), [other], memory).new_calls == 1
    assert {row["kind"] for row in memory.rows.values()} == {"reasoner"}
