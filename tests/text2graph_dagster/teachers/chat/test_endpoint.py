"""Retries, several servers, and protection of the key, with test servers on 127.0.0.1."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from benchmarks import chat_server
from tests.text2graph_dagster.teachers.chat.chat_server import message, serving
from tests.text2graph_dagster.teachers.chat.sample_calls import fast_endpoint, sample_requests
from tests.text2graph_dagster.teachers.memory_ledger import MemoryLedger
from text2graph_dagster.errors import UserError
from text2graph_dagster.teachers.budget import Budget
from text2graph_dagster.teachers.chat import retry
from text2graph_dagster.teachers.chat.completion import Completion
from text2graph_dagster.teachers.chat.endpoint import KEY_VARIABLE, ChatCall, Endpoint, Result
from text2graph_dagster.teachers.chat.teacher import ChatTeacher
from text2graph_dagster.teachers.ledger import ask_teacher
from text2graph_dagster.teachers.protocol import TeacherRequest

CANARY = "canary-0123456789abcdef"
EMPTY = message('{"entities":[],"relations":[]}')


def replies_in_order(*replies: Any) -> Callable[[dict[str, Any]], Any]:
    left = iter(replies)
    return lambda _: next(left)


def test_a_truncated_answer_is_asked_once_more_with_twice_the_tokens() -> None:
    with serving(replies_in_order(message('{"enti', finish="length"), EMPTY)) as seen:
        (answer,) = ChatTeacher(fast_endpoint(seen.url, max_tokens=100)).answer(sample_requests(1))
    assert answer.status == "ok"
    assert [body["max_tokens"] for body in seen.bodies] == [100, 200]
    assert (answer.prompt_tokens, answer.completion_tokens) == (22, 14)  # both calls are paid for


@pytest.mark.parametrize(("most", "second"), [(150, 150), (50, 100), (4096, 200)])
def test_the_larger_token_budget_is_bounded_and_never_smaller(most: int, second: int) -> None:
    with serving(lambda _: message('{"', finish="length")) as seen:
        teacher = ChatTeacher(fast_endpoint(seen.url, max_tokens=100, retry_max_tokens=most, temperature=0.5))
        (answer,) = teacher.answer(sample_requests(1))
    assert [body["max_tokens"] for body in seen.bodies] == [100, second]
    assert (answer.status, answer.raw) == ("unparsable", '{"')
    assert "truncated" in answer.reason
    assert "again" in answer.reason
    assert teacher.parameters()["retry_max_tokens"] == second


def test_a_truncation_that_would_repeat_is_not_asked_again() -> None:
    with serving(lambda _: message('{"', finish="length")) as seen:
        (answer,) = ChatTeacher(fast_endpoint(seen.url, max_tokens=100, retry_max_tokens=50)).answer(sample_requests(1))
    assert [body["max_tokens"] for body in seen.bodies] == [100]
    assert (answer.status, answer.reason) == ("unparsable", "truncated: the answer reached max_tokens")


def test_a_refusal_is_asked_once_more_with_another_seed() -> None:
    with serving(replies_in_order(message(None, refusal="no"), EMPTY)) as seen:
        (answer,) = ChatTeacher(fast_endpoint(seen.url)).answer(sample_requests(1))
    assert answer.status == "ok"
    assert len({body["seed"] for body in seen.bodies}) == 2


def test_a_failed_second_try_keeps_the_first_reason() -> None:
    with serving(replies_in_order(message("{", finish="length"), 400)) as seen:
        (answer,) = ChatTeacher(fast_endpoint(seen.url)).answer(sample_requests(1))
    assert (answer.status, answer.raw) == ("unparsable", "{")
    assert "truncated" in answer.reason


def test_permanent_http_errors_are_not_retried() -> None:
    with serving(lambda _: 400) as seen:
        (answer,) = ChatTeacher(fast_endpoint(seen.url, retries=5)).answer(sample_requests(1))
    assert (answer.status, answer.reason, len(seen.bodies)) == ("failed", "BadRequestError 400", 1)


def test_a_slow_call_times_out() -> None:
    with chat_server.serving(delay=30.0) as heard:
        (answer,) = ChatTeacher(fast_endpoint(heard.url, timeout_seconds=0.3)).answer(sample_requests(1))
    assert (answer.status, answer.reason) == ("failed", "no answer within timeout_seconds")


def test_many_failures_in_a_row_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "MAX_FAILED_IN_A_ROW", 5)
    with serving(lambda _: 500) as seen, pytest.raises(UserError, match="5 calls in a row failed"):
        list(ChatTeacher(fast_endpoint(seen.url)).answer(sample_requests(30)))
    assert len(seen.bodies) < 15


def test_an_account_without_quota_ends_the_run() -> None:
    error = {"error": {"code": "insufficient_quota", "message": "…"}}
    with serving(lambda _: 429, error=error) as seen, pytest.raises(UserError, match="no quota left"):
        list(ChatTeacher(fast_endpoint(seen.url, retries=3)).answer(sample_requests(3)))


def test_requests_are_read_only_when_there_is_capacity() -> None:
    taken = 0

    def lazily() -> Iterator[TeacherRequest]:
        nonlocal taken
        for request in sample_requests(100):
            taken += 1
            yield request

    with chat_server.serving() as heard:
        for number, _ in enumerate(ChatTeacher(fast_endpoint(heard.url, concurrency=6)).answer(lazily()), 1):  # type: ignore[arg-type]
            assert taken <= number + 6
    assert taken == 100
    assert heard.max_in_flight <= 6


def test_closing_the_iterator_stops_the_calls() -> None:
    with chat_server.serving(delay=0.05) as heard:
        answers = ChatTeacher(fast_endpoint(heard.url)).answer(sample_requests(100))
        next(answers)
        answers.close()  # type: ignore[attr-defined]
        asked = sum(heard.asked.values()) + heard.in_flight
    assert asked < 15


def test_answers_that_arrive_together_with_an_error_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def complete(self: Endpoint, item: int, call: ChatCall[int]) -> Result[int]:
        if item == 1:
            raise UserError("The end.")
        return item, "?", Completion("!")

    monkeypatch.setattr(Endpoint, "_complete", complete)
    kept: list[int] = []
    call: ChatCall[int] = ChatCall(str, lambda _: None, lambda _: 0)
    with pytest.raises(UserError, match=r"The end\."):
        for item, _, _ in fast_endpoint("http://127.0.0.1:9/v1").complete_all(range(100), call):
            kept.append(item)
    assert kept[:3] == [0, 2, 3]
    assert len(kept) <= 5


def test_several_servers_share_the_load() -> None:
    with chat_server.serving(delay=0.01) as first, chat_server.serving(delay=0.01) as second:
        settings = fast_endpoint(first.url, more_base_urls=(second.url,), concurrency=8)
        answers = list(ChatTeacher(settings).answer(sample_requests(60)))
    assert {answer.status for answer in answers} == {"ok"}
    assert min(sum(first.answered.values()), sum(second.answered.values())) >= 15


def test_an_unreachable_server_is_avoided() -> None:
    with chat_server.serving() as heard:
        settings = fast_endpoint("http://127.0.0.1:9/v1", more_base_urls=(heard.url,), retries=4)
        answers = list(ChatTeacher(settings).answer(sample_requests(60)))
    assert {answer.status for answer in answers} == {"ok"}
    assert sum(heard.answered.values()) == 60


def test_a_wrong_address_fails_before_many_retries() -> None:
    with pytest.raises(UserError, match="No server answers"):
        list(ChatTeacher(fast_endpoint("http://127.0.0.1:9/v1", retries=500)).answer(sample_requests(20)))


def test_an_unencodable_passage_fails_alone() -> None:
    broken = TeacherRequest("broken", "half a letter: \ud800", "en", sample_requests(1)[0].ontology)
    with chat_server.serving() as heard:
        answers = {a.passage_id: a for a in ChatTeacher(fast_endpoint(heard.url)).answer([broken, *sample_requests(3)])}
    assert (answers["broken"].status, answers["broken"].reason) == ("failed", "the passage is no Unicode text")
    assert [answers[f"p{i}"].status for i in range(3)] == ["ok"] * 3


@pytest.mark.parametrize(
    "url", ["http://me:secret@127.0.0.1/v1", "https://token@127.0.0.1/v1", "https://127.0.0.1/v1?key=secret"]
)
def test_an_address_with_a_password_is_rejected_and_not_repeated(url: str) -> None:
    with pytest.raises(UserError) as error:
        ChatTeacher(fast_endpoint("http://127.0.0.1:9/v1", more_base_urls=(url,)))
    assert "secret" not in str(error.value)
    assert "token" not in str(error.value)


def test_the_key_is_never_stored_or_logged(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """It is in no row, log, error or parameter, even if the server echoes the request."""
    monkeypatch.setenv(KEY_VARIABLE, CANARY)
    caplog.set_level(logging.DEBUG)
    echo = f'Bearer {CANARY} {{"entities":[],"relations":[]}}'
    replies = [message(echo), message(None, refusal=echo), 500, 400, message(echo, finish="length"), {"choices": echo}]
    turn = iter(range(10_000))
    memory, lines = MemoryLedger(), list[str]()
    with serving(lambda _: replies[next(turn) % len(replies)], error={"error": {"message": echo}}) as seen:
        teacher = ChatTeacher(fast_endpoint(seen.url, retries=1))
        asked = ask_teacher(teacher, sample_requests(24), memory, lines.append)
    assert set(seen.keys) == {f"Bearer {CANARY}"}
    assert {answer.status for answer in asked.answers} >= {"ok", "failed"}
    for code in (401, 403, 404):
        with serving(lambda _, code=code: code, error={"error": {"message": echo}}) as seen:  # type: ignore[misc]
            with pytest.raises(UserError) as error:
                ask_teacher(ChatTeacher(fast_endpoint(seen.url)), sample_requests(1), MemoryLedger())
            lines.append(repr(error.value) + repr(error.value.__cause__))
    records = [f"{record.getMessage()} {record.args} {record.exc_text}" for record in caplog.records]
    kept = [json.dumps(list(memory.rows.values())), repr(asked), repr(teacher.parameters()), *lines, *records]
    assert [text for text in kept if CANARY in text] == []


def test_calls_in_flight_when_the_budget_is_spent_are_kept() -> None:
    memory = MemoryLedger()
    with chat_server.serving(delay=0.02) as heard:
        teacher = ChatTeacher(fast_endpoint(heard.url, concurrency=8))
        with pytest.raises(UserError, match="calls are left"):
            ask_teacher(teacher, sample_requests(60), memory, budget=Budget(max_tokens_total=8000))
        spent = sum(row["prompt_tokens"] + row["completion_tokens"] for row in memory.rows.values())
        assert len(memory.rows) == sum(heard.asked.values()) < 60
        assert 4000 < spent <= 8000
        made = ask_teacher(teacher, sample_requests(60), memory).new_calls
    assert made == 60 - (sum(heard.asked.values()) - made)
    assert set(heard.asked.values()) == {1}
