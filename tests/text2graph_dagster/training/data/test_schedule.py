"""What is taught, laid out on disk."""

from pathlib import Path

import pytest

from text2graph_dagster.training.data.arrow_files import from_rows
from text2graph_dagster.training.data.schedule import ROW, padding_of, padding_share


@pytest.mark.parametrize(
    ("lengths", "pass_size", "share"),
    [([4, 4, 4], 3, 0.0), ([1, 3], 2, 2 / 6), ([1, 3], 1, 0.0), ([2, 4, 6], 2, 2 / 14), ([], 4, 0.0)],
)
def test_padding_is_counted_pass_by_pass(lengths: list[int], pass_size: int, share: float) -> None:
    assert padding_share(lengths, pass_size) == pytest.approx(share)


def test_the_lengths_are_those_of_the_rows(tmp_path: Path) -> None:
    rows = [{"input_ids": [1] * n, "labels": [1] * n} for n in (3, 1, 2)]
    assert padding_of(from_rows(rows, tmp_path / "course.arrow", ROW), 2) == pytest.approx(2 / 8)
