"""A model judges statements in a process of its own, and the same statements once."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from assets.nli_scorer import PROGRAM, make_entailment_scorer
from resources.home import Home
from resources.launcher import Launcher

PAIRS = [("Ana runs Velsoft.", "Ana leads Velsoft."), ("It rains.", "Ana leads Velsoft.")]


class Judge(Launcher):
    """Stands in for the program: a premise is as true as it is long; writes down how often it is asked."""

    log: str

    def run(self, context: dg.AssetExecutionContext, module: str, config: Path) -> Mapping[str, Any]:
        assert module == PROGRAM
        told = json.loads(config.read_text())
        with Path(self.log).open("a") as file:
            file.write(told["model"] + "\n")
        scores = pl.read_parquet(told["pairs"]).select(entailment=pl.col("premise").str.len_chars() / 100)
        scores.write_parquet(told["output"])
        return {}


def test_statements_are_judged_in_their_order_and_once(tmp_path: Path) -> None:
    home, launcher = Home(root=str(tmp_path)), Judge(log=str(tmp_path / "log"))
    context = dg.build_asset_context()
    for model in ("one", "one", "other"):
        scorer = make_entailment_scorer(context, home, launcher, model)
        assert scorer is not None
        assert list(scorer(PAIRS)) == [0.17, 0.09]
        assert list(scorer([])) == []
    assert (tmp_path / "log").read_text().split() == ["one", "other"]


def test_without_a_model_there_is_no_make_entailment_scorer(tmp_path: Path) -> None:
    assert make_entailment_scorer(dg.build_asset_context(), Home(root=str(tmp_path)), Judge(log=""), None) is None
