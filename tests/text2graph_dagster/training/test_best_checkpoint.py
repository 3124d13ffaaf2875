"""The best model of a run on dev is kept."""

import shutil
from pathlib import Path

import pytest

from text2graph_dagster.training.best_checkpoint import BestCheckpoint, count_checks_without_gain, space_checks


def write_model(model: str, folder: Path) -> None:
    (folder / "model").write_text(model)


def test_only_a_better_model_is_kept(tmp_path: Path) -> None:
    best = BestCheckpoint(tmp_path / "best", write_model)
    assert best.offer("first", 0, {"relation_f1": 0.5})
    assert not best.offer("equal", 1, {"relation_f1": 0.5})
    assert best.offer("better", 2, {"relation_f1": 0.6})
    assert best.copy_to(tmp_path / "out")["step"] == 2
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["model"]
    assert (tmp_path / "out" / "model").read_text() == "better"


def test_a_gain_below_min_gain_is_not_better(tmp_path: Path) -> None:
    best = BestCheckpoint(tmp_path / "best", write_model, min_gain=0.05)
    assert best.offer("first", 0, {"relation_f1": 0.5})
    assert not best.offer("too little", 1, {"relation_f1": 0.54})
    assert best.offer("better", 2, {"relation_f1": 0.56})


def test_a_model_is_complete_and_can_be_published_again_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove = shutil.rmtree

    def die_while_saving(model: str, folder: Path) -> None:
        write_model(model, folder)
        raise KeyboardInterrupt

    def die_before_removing_the_old_model(path: Path, **options: bool) -> None:
        if path.name == "5":
            raise KeyboardInterrupt
        remove(path, **options)

    best = BestCheckpoint(tmp_path / "best", write_model)
    assert best.offer("first", 5, {"relation_f1": 0.5})
    with pytest.raises(KeyboardInterrupt):
        BestCheckpoint(tmp_path / "best", die_while_saving).offer("half", 10, {"relation_f1": 0.6})
    assert best.record == {"step": 5, "dev": {"relation_f1": 0.5}}
    monkeypatch.setattr(shutil, "rmtree", die_before_removing_the_old_model)
    with pytest.raises(KeyboardInterrupt):
        best.offer("whole", 10, {"relation_f1": 0.6})
    for target in ("out", "again"):
        assert best.copy_to(tmp_path / target)["step"] == 10
        assert (tmp_path / target / "model").read_text() == "whole"


@pytest.mark.parametrize(
    ("steps", "checks", "expected"),
    [(2000, 4, {500, 1000, 1500, 2000}), (10, 3, {3, 7, 10}), (10, 1, {10}), (2, 2, {1, 2})],
)
def test_checks_are_evenly_spaced_and_include_the_last_step(steps: int, checks: int, expected: set[int]) -> None:
    assert space_checks(steps, checks) == expected


@pytest.mark.parametrize(
    ("values", "min_gain", "count"),
    [
        ([], 0.0, 0),
        ([0.5], 0.0, 0),
        ([0.5, 0.5, 0.4], 0.0, 2),
        ([0.5, 0.4, 0.6], 0.0, 0),
        ([0.5, 0.505, 0.509], 0.01, 2),
        ([0.0, 0.0, 0.0], 0.0, 2),
    ],
)
def test_checks_since_the_best_one_are_counted(values: list[float], min_gain: float, count: int) -> None:
    assert count_checks_without_gain(values, min_gain) == count
