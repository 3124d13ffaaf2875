"""Examples are read lazily, and bad files are refused."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.text2graph_dagster.training import tiny_models
from text2graph_dagster.errors import UserError
from text2graph_dagster.training.data.examples import read_examples


def test_examples_support_indexing_slicing_and_selection(examples: Any) -> None:
    assert list(examples) == [examples[i] for i in range(len(examples))] == examples[:]
    assert list(examples.select([3, 1])) == [examples[3], examples[1]]


def test_a_rationale_precedes_the_json_only_with_thinking(workplace: Path, tmp_path: Path) -> None:
    frame = pl.read_parquet(workplace / "train.parquet").head(1)
    row = frame.to_dicts()[0]
    row["messages"][1]["content"] = "<think>\nAna works.\n</think>\n" + row["messages"][1]["content"]
    pl.DataFrame([row], schema=frame.schema).write_parquet(tmp_path / "one.parquet")
    plain = read_examples(tmp_path / "one.parquet", tiny_models.settings())[0]
    thinking = read_examples(tmp_path / "one.parquet", tiny_models.settings({"dataset": {"thinking": True}}))[0]
    assert plain.answer.startswith('{"entities":')
    assert thinking.answer == "<think>\nAna works.\n</think>\n" + plain.answer


@pytest.mark.parametrize("fault", ["missing", "column", "empty"])
def test_a_bad_file_is_a_user_error(workplace: Path, tmp_path: Path, fault: str) -> None:
    path = tmp_path / "train.parquet"
    frame = pl.read_parquet(workplace / "train.parquet")
    if fault == "column":
        frame.drop("text").write_parquet(path)
    elif fault == "empty":
        frame.clear().write_parquet(path)
    with pytest.raises(UserError, match=str(path)):
        read_examples(path, tiny_models.settings())
