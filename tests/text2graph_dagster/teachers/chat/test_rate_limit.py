"""Adaptive concurrency, without a server and without a clock."""

from text2graph_dagster.teachers.chat.rate_limit import START, AdaptiveConcurrency


def drive(
    concurrency: AdaptiveConcurrency, latency: float | None, rounds: int, busy_from: int = 10**9, now: float = 0.0
) -> float:
    """Simulate rounds of `limit` calls; above `busy_from` concurrent calls, latency grows in proportion."""
    for _ in range(rounds):
        limit = concurrency.limit
        seconds = (latency or 0.1) * max(1.0, limit / busy_from)
        for _ in range(limit):
            concurrency.record_answer(now, now + seconds, 10)
        now += seconds
    return now


def test_the_limit_grows_to_its_maximum_while_latency_is_constant() -> None:
    concurrency, now, seen = AdaptiveConcurrency(64), 0.0, list[int]()
    assert concurrency.limit == START
    for _ in range(6):
        now = drive(concurrency, 0.1, 1, now=now)
        seen.append(concurrency.limit)
    assert seen == [8, 16, 32, 64, 64, 64]


def test_the_limit_stops_growing_when_throughput_stops_growing() -> None:
    concurrency = AdaptiveConcurrency(256)
    drive(concurrency, 0.1, 20, busy_from=16)
    assert 16 <= concurrency.limit <= 40


def test_a_maximum_below_the_initial_limit_is_respected() -> None:
    concurrency = AdaptiveConcurrency(1)
    drive(concurrency, 0.1, 5)
    assert concurrency.limit == 1


def test_an_overload_halves_the_limit_once_for_all_calls_in_flight() -> None:
    concurrency = AdaptiveConcurrency(64)
    now = drive(concurrency, 0.1, 4)
    asked_at = now
    for _ in range(64):
        concurrency.record_overload(asked_at, now + 0.05)
    assert concurrency.limit == 32
    concurrency.record_overload(now + 0.06, now + 0.1)
    assert concurrency.limit == 16


def test_after_an_overload_the_limit_grows_by_one() -> None:
    concurrency = AdaptiveConcurrency(64)
    now = drive(concurrency, 0.1, 4)
    concurrency.record_overload(now, now)
    drive(concurrency, 0.1, 3, now=now + 1)
    assert concurrency.limit == 35


def test_the_limit_is_at_least_one() -> None:
    concurrency = AdaptiveConcurrency(4)
    for moment in range(10):
        concurrency.record_overload(float(moment), float(moment))
    assert concurrency.limit == 1


def test_calls_started_before_a_change_of_the_limit_are_ignored() -> None:
    concurrency = AdaptiveConcurrency(64)
    now = drive(concurrency, 0.1, 1)
    for _ in range(100):
        concurrency.record_answer(now - 1, now, 10)
    assert concurrency.limit == 8
