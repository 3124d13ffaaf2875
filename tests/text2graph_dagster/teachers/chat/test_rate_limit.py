"""Adaptive concurrency, without a server and without a clock."""

from text2graph_dagster.teachers.chat.rate_limit import START, AdaptiveConcurrency


def drive(
    concurrency: AdaptiveConcurrency, latency: float | None, rounds: int, busy_from: int = 10**9, now: float = 0.0
) -> float:
    """Answer so many rounds of `limit` calls; from `busy_from` calls at once on each takes longer in proportion."""
    for _ in range(rounds):
        limit = concurrency.limit
        seconds = (latency or 0.1) * max(1.0, limit / busy_from)
        for _ in range(limit):
            concurrency.record_answer(now, now + seconds, 10)
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
        concurrency.record_overload(asked_at, now + 0.05)
    assert concurrency.limit == 32
    concurrency.record_overload(now + 0.06, now + 0.1)
    assert concurrency.limit == 16


def test_after_an_overload_it_grows_one_by_one() -> None:
    concurrency = AdaptiveConcurrency(64)
    now = drive(concurrency, 0.1, 4)
    concurrency.record_overload(now, now)
    drive(concurrency, 0.1, 3, now=now + 1)
    assert concurrency.limit == 35


def test_it_never_falls_below_one() -> None:
    concurrency = AdaptiveConcurrency(4)
    for moment in range(10):
        concurrency.record_overload(float(moment), float(moment))
    assert concurrency.limit == 1


def test_calls_asked_under_another_limit_say_nothing() -> None:
    concurrency = AdaptiveConcurrency(64)
    now = drive(concurrency, 0.1, 1)
    for _ in range(100):
        concurrency.record_answer(now - 1, now, 10)
    assert concurrency.limit == 8
