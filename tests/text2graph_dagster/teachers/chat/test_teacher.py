"""The chat teacher and the chat reasoner, with a test server on 127.0.0.1."""

import json
from typing import Any

import pytest

from tests.text2graph_dagster.teachers.chat.chat_server import Reply, message, serving
from tests.text2graph_dagster.teachers.chat.sample_calls import GRAPH, TEXT, fast_endpoint
from tests.text2graph_dagster.teachers.knowledge_base.sample_knowledge import NEWS
from text2graph_dagster.errors import UserError
from text2graph_dagster.ontology import EntityType, Ontology
from text2graph_dagster.teachers.chat.endpoint import KEY_VARIABLE
from text2graph_dagster.teachers.chat.teacher import ChatTeacher, build_graph_schema
from text2graph_dagster.teachers.protocol import TeacherAnswer, TeacherRequest

ANSWER = {
    "entities": [
        {"id": 0, "text": "Velsoft", "type": "company"},
        {"id": 1, "text": "ana  berg", "type": "person"},
        {"id": 2, "text": "Atlantis", "type": "city"},
        {"id": 3, "text": "Oslo", "type": "spaceship"},
    ],
    "relations": [
        {"head": "ana  berg", "tail": "Velsoft", "type": "works for"},
        {"head": "Velsoft", "tail": "ana  berg", "type": "works for"},
        {"head": "ana  berg", "tail": "Atlantis", "type": "born in"},
    ],
}


def ask(reply: Reply, count: int = 1) -> tuple[list[TeacherAnswer], list[dict[str, Any]]]:
    requests = [TeacherRequest(f"p{i}", TEXT, "en", NEWS) for i in range(count)]
    with serving(reply) as seen:
        return list(ChatTeacher(fast_endpoint(seen.url)).answer(requests)), seen.bodies


def test_an_answer_is_parsed_grounded_and_filtered() -> None:
    (answer,), _ = ask(lambda _: message(json.dumps(ANSWER)))
    assert answer.status == "ok"
    assert answer.graph == GRAPH
    assert (answer.prompt_tokens, answer.completion_tokens) == (11, 7)


def test_parsing_the_recorded_answer_gives_the_same_graph() -> None:
    (answer,), _ = ask(lambda _: message(f"<think>hm {{</think>```json\n{json.dumps(ANSWER)}\n```"))
    teacher = ChatTeacher(fast_endpoint("http://127.0.0.1:9/v1"))
    assert teacher.read(answer.raw, TeacherRequest("p0", TEXT, "en", NEWS)) == answer.graph == GRAPH


def test_labels_are_mapped_and_counted() -> None:
    written = json.dumps(ANSWER).replace("works for", "EMPLOYER").replace('"company"', '"Business"')
    with serving(lambda _: message(written)) as seen:
        teacher = ChatTeacher(fast_endpoint(seen.url))
        (answer,) = teacher.answer([TeacherRequest("p", TEXT, "en", NEWS)])
    assert answer.graph == GRAPH
    assert teacher.labels.mapped == {("entity", "Business", "company"): 1, ("relation", "EMPLOYER", "works for"): 2}
    assert teacher.labels.rejected == {("entity", "spaceship"): 1}


def test_every_prompt_has_the_types_and_the_passage() -> None:
    """In an earlier project, none of the 50 prompts had a list of allowed types."""
    (answer,), (body,) = ask(lambda _: message('{"entities":[],"relations":[]}'))
    prompt = body["messages"][0]["content"]
    assert prompt == answer.request
    assert TEXT in prompt
    assert all(f"- {name}" in prompt for name in (*NEWS.entity_names, *NEWS.relation_names))


def test_the_request_constrains_the_answer_to_the_ontology() -> None:
    _, (body,) = ask(lambda _: message("{}"))
    schema = body["response_format"]["json_schema"]["schema"]
    assert schema == build_graph_schema(NEWS)
    assert schema["properties"]["entities"]["items"]["properties"]["type"]["enum"] == list(NEWS.entity_names)
    assert schema["properties"]["relations"]["items"]["properties"]["type"]["enum"] == list(NEWS.relation_names)
    assert (body["model"], body["temperature"], body["max_tokens"], body["seed"]) == ("m", 0.0, 1024, 0)


def test_an_ontology_without_relations_has_a_schema() -> None:
    schema = build_graph_schema(Ontology("n", "en", (EntityType("person"),), ()))
    assert schema["properties"]["relations"]["items"]["properties"]["type"] == {"type": "string"}


@pytest.mark.parametrize(
    ("reply", "status", "reason"),
    [
        (message(json.dumps(ANSWER), finish="length"), "unparsable", "truncated"),
        (message(None, refusal="I would rather not"), "refused", "rather not"),
        (message("", finish="content_filter"), "refused", "content_filter"),
        (message("I cannot see any."), "unparsable", "no_json"),
        (message(json.dumps(ANSWER) * 2), "unparsable", "several_objects"),
        (message("<think>for ever"), "unparsable", "unclosed_think"),
        ({**message(""), "choices": []}, "failed", "no choice"),
        (500, "failed", "InternalServerError 500"),
        (429, "failed", "RateLimitError 429"),
        (400, "failed", "BadRequestError 400"),
    ],
)
def test_unusable_responses_have_a_status_and_a_reason(reply: Any, status: str, reason: str) -> None:
    (answer,), _ = ask(lambda _: reply)
    assert (answer.graph, answer.status) == (None, status)
    assert reason in answer.reason


@pytest.mark.parametrize("count", [1, 100])
def test_an_unreachable_endpoint_ends_the_run_with_its_address(count: int) -> None:
    teacher, answers = ChatTeacher(fast_endpoint("http://127.0.0.1:9/v1", concurrency=4)), []
    with pytest.raises(UserError, match="No server answers at http://127"):
        for answer in teacher.answer([TeacherRequest(f"p{i}", TEXT, "en", NEWS) for i in range(count)]):
            answers.append(answer)  # noqa: PERF402
    assert len(answers) < 4
    assert {(a.status, a.reason) for a in answers} <= {("failed", "APIConnectionError")}


@pytest.mark.slow
def test_an_endpoint_that_responds_with_errors_is_not_unreachable() -> None:
    answers, _ = ask(lambda _: 500, count=8)
    assert {answer.status for answer in answers} == {"failed"}


@pytest.mark.parametrize(
    ("code", "words"), [(401, "rejects the API key"), (403, "rejects the API key"), (404, "does not serve 'm'")]
)
def test_a_wrong_key_or_model_ends_the_run(code: int, words: str) -> None:
    with pytest.raises(UserError, match=words):
        ask(lambda _: code, count=9)


def test_overloads_are_retried() -> None:
    codes = iter([429, 503])
    with serving(lambda _: next(codes, 0) or message(json.dumps(ANSWER))) as seen:
        (answer,) = ChatTeacher(fast_endpoint(seen.url, retries=2)).answer([TeacherRequest("p", TEXT, "en", NEWS)])
    assert answer.graph == GRAPH
    assert len(seen.bodies) == 3


def test_one_failed_call_does_not_affect_others() -> None:
    calls = iter(range(100))

    def reply(body: dict[str, Any]) -> dict[str, Any] | int:
        return 500 if next(calls) == 7 else message(json.dumps(ANSWER))

    answers, bodies = ask(reply, count=30)
    assert sorted(a.passage_id for a in answers) == sorted(f"p{i}" for i in range(30))
    assert [a.status for a in answers].count("ok") == 29
    assert len(bodies) == 30


def test_samples_have_different_seeds() -> None:
    with serving(lambda _: message("{}")) as seen:
        list(
            ChatTeacher(fast_endpoint(seen.url)).answer(
                [TeacherRequest("p", TEXT, "en", NEWS, sample) for sample in range(3)]
            )
        )
    assert sorted(body["seed"] for body in seen.bodies) == [0, 1, 2]


def test_the_key_is_only_sent_to_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "canary-7")
    with serving(lambda _: 500) as seen:
        teacher = ChatTeacher(fast_endpoint(seen.url))
        (answer,) = teacher.answer([TeacherRequest("p", TEXT, "en", NEWS)])
    assert seen.keys == ["Bearer canary-7"]
    assert "canary" not in f"{answer} {teacher.parameters()} {teacher.name}"
    with serving(lambda _: 401) as seen, pytest.raises(UserError) as error:
        list(ChatTeacher(fast_endpoint(seen.url)).answer([TeacherRequest("p", TEXT, "en", NEWS)]))
    assert "canary" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "model"), [("http://127.0.0.1:9/v1", ""), ("file:///etc/passwd", "m"), ("127.0.0.1:8000", "m")]
)
def test_invalid_settings_are_rejected(url: str, model: str) -> None:
    with pytest.raises(UserError, match="set `"):
        ChatTeacher(fast_endpoint(url, model=model))


def test_the_address_is_not_part_of_a_models_identity() -> None:
    first, second = (
        ChatTeacher(fast_endpoint("http://127.0.0.1:9/v1")),
        ChatTeacher(fast_endpoint("http://127.0.0.1:10/v1", concurrency=1)),
    )
    assert (first.name, first.parameters()) == (second.name, second.parameters())
    assert ChatTeacher(fast_endpoint("http://127.0.0.1:9/v1", temperature=0.5)).parameters() != first.parameters()
