"""The list of contracts, and how a contract shapes a frame."""

import polars as pl
import pytest

from text2graph_dagster.contracts import CONTRACTS, REPORT_GOLD, Contract, data_tables, model_tables


def test_every_table_is_listed_under_its_name() -> None:
    defined = {
        c.name: c for module in (data_tables, model_tables) for c in vars(module).values() if type(c) is Contract
    }
    assert defined == CONTRACTS


def test_conforming_rejects_missing_and_unknown_columns() -> None:
    with pytest.raises(ValueError, match=r"missing columns \['corpus', 'gold_version'\], unknown columns \['name'\]"):
        REPORT_GOLD.conform(pl.DataFrame({"run": ["r"], "name": ["n"]}))


def test_a_missing_nullable_column_becomes_null() -> None:
    row = {"run": "r", "system": "s", "corpus": "c", "metric": "m", "n": 3}
    frame = CONTRACTS["eval_report"].conform(pl.DataFrame([row]))
    assert frame.schema == CONTRACTS["eval_report"].empty().schema
    assert frame.row(0, named=True) == {**row, "value": None, "low": None, "high": None}
