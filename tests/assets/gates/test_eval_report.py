"""Reports are only compared with accepted reports on the same gold and corpora."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from assets.gates.eval_report import EVAL_REPORT_GATES
from assets.gates.gate import Gate, Scope
from resources.home import Home
from resources.warehouse import Replace, Warehouse
from text2graph_dagster.settings import Settings

GATES: dict[str, Gate] = {gate.name: gate for gate in EVAL_REPORT_GATES if gate.name != "contract"}


class Reports:
    """Stores reports as the asset does, and evaluates the gates on each."""

    def __init__(self, root: Path) -> None:
        self.warehouse = Warehouse(path=str(root / "w.duckdb"))
        self.scope = Scope(self.warehouse, Settings(), Home(root=str(root)), None)
        self.now = datetime(2026, 1, 1)

    def add(self, run: str, gold: str = "g1", **figures: float) -> list[str]:
        """Store a report with a figure per corpus; return the gates that fail."""
        self.now += timedelta(hours=1)
        what = {"run": run, "system": "grpo", "metric": "relation_strict_f1", "n": 100}
        rows = [
            {**what, "corpus": c, "value": value, "low": value - 0.05, "high": value + 0.05}
            for c, value in figures.items()
        ]
        measured_on = [{"run": run, "corpus": c, "gold_version": gold} for c in figures]
        self.warehouse.commit(
            Replace("eval_report", pl.DataFrame(rows), {"run": run}),
            Replace("report_runs", pl.DataFrame([{"run": run, "made_at": self.now, "path": "x"}]), {"run": run}),
            Replace("report_gold", pl.DataFrame(measured_on), {"run": run}),
        )
        failed = [n for n, gate in GATES.items() if not gate.passes(gate.measure(self.scope), self.scope.settings)]
        verdicts = [
            {"asset": "eval_report", "corpus": "*", "gate": name, "data_version": run, "value": None}
            | {"threshold": "", "passed": name not in failed, "judged_at": self.now}
            for name in GATES
        ]
        self.warehouse.commit(Replace("gates", pl.DataFrame(verdicts), {"data_version": run}))
        return failed


@pytest.fixture
def reports(tmp_path: Path) -> Reports:
    return Reports(tmp_path)


def test_the_first_report_and_an_equal_second_report_pass(reports: Reports) -> None:
    assert reports.add("a", news=0.80) == []
    assert reports.add("b", news=0.79) == []


def test_a_regression_is_detected_after_a_report_on_another_corpus(reports: Reports) -> None:
    assert reports.add("a", news=0.80) == []
    assert reports.add("b", news=0.10) == ["regression"]
    assert reports.add("c", other=0.05) == ["missing_corpora"]
    assert reports.add("b", news=0.10) == ["regression"]
    assert reports.add("d", news=0.10, other=0.05) == ["regression"]


def test_every_corpus_is_compared_with_its_own_last_accepted_figure(reports: Reports) -> None:
    assert reports.add("a", news=0.80, other=0.50) == []
    assert reports.add("b", news=0.90, other=0.50) == []
    assert reports.add("c", news=0.90, other=0.30) == ["regression"]


def test_a_removed_corpus_is_not_reported_as_missing(reports: Reports) -> None:
    assert reports.add("a", news=0.80, other=0.50) == []
    assert reports.add("b", news=0.80) == ["missing_corpora"]
    rows = reports.warehouse.read("SELECT * FROM eval_report").filter(pl.col("corpus") != "other")
    reports.warehouse.commit(Replace("eval_report", rows, {}))
    assert reports.add("b", news=0.80) == []


def test_scores_on_different_gold_are_not_compared(reports: Reports) -> None:
    assert reports.add("a", news=0.80) == []
    assert reports.add("b", gold="g2", news=0.40) == []
    assert reports.add("c", gold="g2", news=0.20) == ["regression"]
    assert reports.add("d", gold="g1", news=0.40) == ["regression"]
