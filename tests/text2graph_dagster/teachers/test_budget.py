"""Prices, budgets, forecasts and progress."""

from dataclasses import replace
from typing import Any

import pytest

from tests.text2graph_dagster.teachers.memory_ledger import MemoryLedger
from tests.text2graph_dagster.teachers.scripted_teacher import ScriptedTeacher, make_requests
from text2graph_dagster.errors import UserError
from text2graph_dagster.teachers import call_runner
from text2graph_dagster.teachers.budget import Budget, CallTally, Forecast
from text2graph_dagster.teachers.ledger import ask_teacher

PRICES: dict[str, Any] = {"prompt_price": 2.0, "completion_price": 10.0}


class Metered(ScriptedTeacher):
    """A scripted teacher that makes one call at a time, of 100 tokens each."""

    def answer(self, requests: Any) -> Any:
        for request in requests:
            for answer in super().answer([request]):
                yield replace(answer, prompt_tokens=80, completion_tokens=20, request="?")


def test_a_calls_cost_follows_from_its_tokens() -> None:
    assert Budget(**PRICES).cost(1_000_000, 100_000) == 3.0
    memory = MemoryLedger()
    asked = ask_teacher(Metered(), make_requests(3), memory, budget=Budget(**PRICES))
    assert {row["cost"] for row in memory.rows.values()} == {0.00036}
    assert asked.answers[0].cost == 0.00036
    assert asked.figures == {"calls_failed": 0, "tokens": 300, "cost": pytest.approx(0.00108)}


@pytest.mark.parametrize("limit", [{"max_tokens_total": 450}, {"max_cost": 0.0017}])
def test_a_run_stops_before_it_exceeds_the_budget_and_the_next_one_continues(limit: dict[str, Any]) -> None:
    memory, teacher = MemoryLedger(), Metered()
    with pytest.raises(UserError) as error:
        ask_teacher(teacher, make_requests(10), memory, budget=Budget(**PRICES, **limit))
    assert len(memory.rows) == len(teacher.asked) == 4
    for words in ("4 calls", "400 tokens", "6 calls are left", "600 tokens", "teacher.max_cost", "kept"):
        assert words in str(error.value)
    with pytest.raises(UserError):
        ask_teacher(teacher, make_requests(10), memory, budget=Budget(**PRICES, **limit))
    asked = ask_teacher(teacher, make_requests(10), memory, budget=Budget(**PRICES, **limit))
    assert (asked.new_calls, len(teacher.asked)) == (2, 10)


def test_calls_in_flight_are_budgeted_at_the_mean_cost() -> None:
    tally = CallTally(100, 0.0, budget=Budget(max_tokens_total=1000), started=5, done=5, tokens=500)
    assert tally.affords_another()
    tally.started = 9  # with the four calls in flight, one more call would be the tenth
    assert tally.affords_another()
    tally.started = 10
    assert not tally.affords_another()


def test_the_forecast_is_logged_early_and_its_error_is_reported() -> None:
    lines: list[str] = []
    asked = ask_teacher(Metered(), make_requests(100), MemoryLedger(), lines.append, Budget(**PRICES))
    assert "100 calls will take about 10,000 tokens, cost 0.04" in lines[0]
    assert "100 of 100 calls done" in lines[-1]
    assert asked.figures["tokens_beyond_forecast"] == asked.figures["cost_beyond_forecast"] == 0
    assert "seconds_beyond_forecast" in asked.figures
    few = ask_teacher(
        Metered(), make_requests(20), MemoryLedger(), lines.append, Budget(**PRICES)
    )  # too few for a forecast
    assert "tokens_beyond_forecast" not in few.figures


def test_the_preview_has_passages_of_every_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_runner, "PREVIEW", 4)
    open_ = {f"k{i}": replace(request, text="x" * (i % 10)) for i, request in enumerate(make_requests(100))}
    lengths = sorted(len(open_[key].text) for key in call_runner._choose_preview(open_))
    assert lengths == [1, 3, 6, 8]


def test_the_forecast_warns_of_an_insufficient_budget() -> None:
    forecast = Forecast.of(CallTally(100, 0.0, done=10), 5, 250, 0.5, 20.0)
    assert forecast == Forecast(100, 5000.0, 10.0, 200.0)
    assert "exceeds max_cost" in forecast.line(Budget(max_cost=9.0))
    assert "more than" not in forecast.line(Budget(max_cost=11.0, max_tokens_total=5000))
    assert forecast.errors(CallTally(100, 0.0, done=100, tokens=5500, cost=10.0), 100.0) == {
        "tokens": pytest.approx(0.1),
        "cost": 0.0,
        "seconds": -0.5,
    }


def test_the_progress_line_has_all_figures() -> None:
    tally = CallTally(200, 0.0, cached=50, done=100, failed=3, tokens=40_000, cost=1.5)
    expected = "100 of 200 calls done, 50 from the ledger, 3 failed, 4,000 tokens/s, cost 1.50, about 10 s left"
    assert tally.line(10.0) == expected
    assert CallTally(5, 0.0).line(0.0) == "0 of 5 calls done, 0/s"
