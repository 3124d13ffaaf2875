"""Statements are scored in a separate process, and the scores of a list of statements are cached."""

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


class FakeLauncher(Launcher):
    """Replaces the program: the score is the length of the premise / 100; logs every run."""

    log: str

    def run(self, context: dg.AssetExecutionContext, module: str, config: Path) -> Mapping[str, Any]:
        assert module == PROGRAM
        program = json.loads(config.read_text())
        with Path(self.log).open("a") as file:
            file.write(program["model"] + "\n")
        scores = pl.read_parquet(program["pairs"]).select(entailment=pl.col("premise").str.len_chars() / 100)
        scores.write_parquet(program["output"])
        return {}


def test_scores_are_in_order_and_cached_per_model(tmp_path: Path) -> None:
    home, launcher = Home(root=str(tmp_path)), FakeLauncher(log=str(tmp_path / "log"))
    context = dg.build_asset_context()
    for model in ("one", "one", "other"):
        scorer = make_entailment_scorer(context, home, launcher, model)
        assert scorer is not None
        assert list(scorer(PAIRS)) == [0.17, 0.09]
        assert list(scorer([])) == []
    assert (tmp_path / "log").read_text().split() == ["one", "other"]


def test_without_a_model_there_is_no_scorer(tmp_path: Path) -> None:
    home, launcher = Home(root=str(tmp_path)), FakeLauncher(log="")
    assert make_entailment_scorer(dg.build_asset_context(), home, launcher, None) is None
