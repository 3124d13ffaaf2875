"""The chat reasoner, with a test server on 127.0.0.1."""

import pytest

from tests.text2graph_dagster.teachers.chat.chat_server import message, serving
from tests.text2graph_dagster.teachers.chat.sample_calls import GRAPH, TEXT, fast_endpoint
from tests.text2graph_dagster.teachers.knowledge_base.sample_knowledge import NEWS
from text2graph_dagster.reasoning.chat_reasoner import ChatReasoner
from text2graph_dagster.reasoning.composed_reasoner import compose_rationale
from text2graph_dagster.reasoning.verifier import verify_rationale
from text2graph_dagster.teachers.chat.endpoint import KEY_VARIABLE
from text2graph_dagster.teachers.protocol import ReasoningRequest


@pytest.fixture(autouse=True)
def _without_api_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_prompt_has_the_passage_and_the_types(language: str) -> None:
    """In an earlier project, the reasoner never got the document."""
    with serving(lambda _: message("Sentence 1 names nothing.")) as seen:
        reasoner = ChatReasoner(fast_endpoint(seen.url))
        (answer,) = reasoner.answer([ReasoningRequest("p", TEXT, language, NEWS, GRAPH)])
    prompt = seen.bodies[0]["messages"][0]["content"]
    assert prompt == answer.request
    assert TEXT in prompt
    assert all(name in prompt for name in (*NEWS.entity_names, *NEWS.relation_names))
    assert "response_format" not in seen.bodies[0]


def test_the_rationale_is_extracted_from_a_models_answer_and_verifies() -> None:
    rationale = compose_rationale(TEXT, "en", NEWS, GRAPH)
    with serving(lambda _: message(f"<think>let me see</think>\n{rationale}\n")) as seen:
        (answer,) = ChatReasoner(fast_endpoint(seen.url)).answer([ReasoningRequest("p", TEXT, "en", NEWS, GRAPH)])
    assert answer.rationale == rationale
    assert verify_rationale(answer.rationale, TEXT, NEWS, GRAPH).verified
