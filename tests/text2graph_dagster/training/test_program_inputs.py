"""The files that training programs read."""

import json
from pathlib import Path

import polars as pl
import pytest

from text2graph_dagster.errors import UserError
from text2graph_dagster.settings import Settings
from text2graph_dagster.training.program_inputs import write_program_inputs

ROWS = pl.DataFrame({"example_id": ["a", "b", "c"]})


def test_slices_become_one_file_and_dev_is_null_without_gold(tmp_path: Path) -> None:
    path = write_program_inputs(
        tmp_path / "sft-1", Settings(), ROWS.iter_slices(2), pl.DataFrame(), {"c": tmp_path}, "base", None
    )
    assert path == tmp_path / "sft-1.inputs" / "run.json"
    config = json.loads(path.read_text())
    assert pl.read_parquet(config["train"]).equals(ROWS)
    assert (config["dev"], config["base"], config["reward_model"]) == (None, "base", None)
    assert (config["output"], config["ontologies"]) == (str(tmp_path / "sft-1"), {"c": str(tmp_path)})
    assert Settings.model_validate(config["settings"]) == Settings()


def test_dev_gold_is_written_beside_the_examples(tmp_path: Path) -> None:
    path = write_program_inputs(tmp_path / "m", Settings(), iter([ROWS]), ROWS.head(1), {}, None, "judge")
    config = json.loads(path.read_text())
    assert pl.read_parquet(config["dev"]).height == 1
    assert config["reward_model"] == "judge"


def test_no_examples_are_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no examples"):
        write_program_inputs(tmp_path / "m", Settings(), iter([]), ROWS, {}, None, None)
