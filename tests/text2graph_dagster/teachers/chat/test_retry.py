"""Waits between retries."""

import random

import pytest

from text2graph_dagster.teachers.chat.retry import MAX_BACKOFF, MAX_WAIT, draw_backoff, parse_retry_after


@pytest.mark.parametrize("attempt", range(8))
def test_the_backoff_doubles_with_jitter_up_to_its_maximum(attempt: int) -> None:
    rng = random.Random(1)
    waits = [draw_backoff(attempt, 0.5, None, rng) for _ in range(200)]
    longest = min(MAX_BACKOFF, 0.5 * 2**attempt)
    assert longest / 2 <= min(waits) < max(waits) <= longest


def test_a_requested_wait_is_respected_up_to_its_maximum() -> None:
    rng = random.Random(1)
    assert 3 <= draw_backoff(0, 0.5, 3.0, rng) <= 3.3
    assert MAX_WAIT <= draw_backoff(0, 0.5, 86_400.0, rng) <= 1.1 * MAX_WAIT


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "x"}, None),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 40.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:10 GMT"}, 0.0),
    ],
)
def test_every_form_of_retry_after_is_parsed(headers: dict[str, str], seconds: float | None) -> None:
    assert parse_retry_after(headers, now=60.0) == seconds
