"""How many calls at once, and how long to wait: without a server and without a clock."""

import random

import pytest

from text2graph_dagster.teachers.chat.load_balancer import FAILURES_BEFORE_REST, LoadBalancer, Server
from text2graph_dagster.teachers.chat.rate_limit import (
    LONGEST_BACK_OFF,
    LONGEST_WAIT,
    START,
    AdaptiveConcurrency,
    draw_backoff,
    parse_retry_after,
)


def drive(
    concurrency: AdaptiveConcurrency, latency: float | None, rounds: int, busy_from: int = 10**9, now: float = 0.0
) -> float:
    """Answer so many rounds of `limit` calls; from `busy_from` calls at once on each takes longer in proportion."""
    for _ in range(rounds):
        limit = concurrency.limit
        seconds = (latency or 0.1) * max(1.0, limit / busy_from)
        for _ in range(limit):
            concurrency.answered(now, now + seconds, 10)
        now += seconds
    return now


def test_it_begins_low_and_grows_to_its_bound_while_latency_holds() -> None:
    concurrency, now, seen = AdaptiveConcurrency(64), 0.0, list[int]()
    assert concurrency.limit == START
    for _ in range(6):
        now = drive(concurrency, 0.1, 1, now=now)
        seen.append(concurrency.limit)
    assert seen == [8, 16, 32, 64, 64, 64]


def test_it_stops_growing_where_more_calls_only_wait_longer() -> None:
    concurrency = AdaptiveConcurrency(256)
    drive(concurrency, 0.1, 20, busy_from=16)
    assert 16 <= concurrency.limit <= 40


def test_a_bound_below_the_start_is_kept() -> None:
    concurrency = AdaptiveConcurrency(1)
    drive(concurrency, 0.1, 5)
    assert concurrency.limit == 1


def test_an_overload_halves_it_once_for_the_whole_crowd() -> None:
    concurrency = AdaptiveConcurrency(64)
    now = drive(concurrency, 0.1, 4)
    asked_at = now
    for _ in range(64):
        concurrency.overloaded(asked_at, now + 0.05)
    assert concurrency.limit == 32
    concurrency.overloaded(now + 0.06, now + 0.1)
    assert concurrency.limit == 16


def test_after_an_overload_it_grows_one_by_one() -> None:
    concurrency = AdaptiveConcurrency(64)
    now = drive(concurrency, 0.1, 4)
    concurrency.overloaded(now, now)
    drive(concurrency, 0.1, 3, now=now + 1)
    assert concurrency.limit == 35


def test_it_never_falls_below_one() -> None:
    concurrency = AdaptiveConcurrency(4)
    for moment in range(10):
        concurrency.overloaded(float(moment), float(moment))
    assert concurrency.limit == 1


def test_calls_asked_under_another_limit_say_nothing() -> None:
    concurrency = AdaptiveConcurrency(64)
    now = drive(concurrency, 0.1, 1)
    for _ in range(100):
        concurrency.answered(now - 1, now, 10)
    assert concurrency.limit == 8


@pytest.mark.parametrize("attempt", range(8))
def test_the_wait_doubles_is_spread_and_bounded(attempt: int) -> None:
    chance = random.Random(1)
    waits = [draw_backoff(attempt, 0.5, None, chance) for _ in range(200)]
    longest = min(LONGEST_BACK_OFF, 0.5 * 2**attempt)
    assert longest / 2 <= min(waits) < max(waits) <= longest


def test_a_server_gets_the_time_it_asks_for_within_reason() -> None:
    chance = random.Random(1)
    assert 3 <= draw_backoff(0, 0.5, 3.0, chance) <= 3.3
    assert LONGEST_WAIT <= draw_backoff(0, 0.5, 86_400.0, chance) <= 1.1 * LONGEST_WAIT


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
def test_retry_after_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert parse_retry_after(headers, now=60.0) == seconds


def servers(*names: str) -> tuple[LoadBalancer, list[float]]:
    now = [0.0]
    return LoadBalancer([Server(name, AdaptiveConcurrency(8)) for name in names], 8, lambda: now[0]), now


async def chosen(group: LoadBalancer) -> str:
    return (await group.choose()).url


def choose(group: LoadBalancer) -> str:
    import asyncio

    return asyncio.run(chosen(group))


def test_the_least_loaded_server_is_asked() -> None:
    group, _ = servers("a", "b")
    group.servers[0].in_flight = 2
    assert choose(group) == "b"
    group.servers[1].in_flight, group.servers[1].concurrency.limit = 3, 8  # a faster one carries more
    assert choose(group) == "b"


def test_a_server_that_fails_rests_and_is_tried_again() -> None:
    group, now = servers("a", "b")
    for _ in range(FAILURES_BEFORE_REST):
        group.servers[0].failed(now[0])
    group.servers[1].in_flight = 3
    assert choose(group) == "b"
    assert group.places() == START
    now[0] = 1.1
    assert choose(group) == "a"
    group.servers[0].failed(now[0])  # still away: a longer rest
    now[0] = 2.5
    assert choose(group) == "b"
    group.servers[0].succeeded()
    now[0] = 9.0
    assert choose(group) == "a"
