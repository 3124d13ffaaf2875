"""The best model of a run on dev is kept."""

from pathlib import Path

from text2graph_dagster.training.rl.best_checkpoint import BestCheckpoint


def test_only_a_better_model_is_kept(tmp_path: Path) -> None:
    best = BestCheckpoint(tmp_path / "best", lambda model, folder: (folder / "model").write_text(model))
    assert best.offer("first", 0, {"relation_f1": 0.5})
    assert not best.offer("equal", 1, {"relation_f1": 0.5})
    assert best.offer("better", 2, {"relation_f1": 0.6})
    assert best.move_to(tmp_path / "out")["step"] == 2
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["model"]
    assert (tmp_path / "out" / "model").read_text() == "better"


def test_a_gain_below_min_gain_is_not_better(tmp_path: Path) -> None:
    best = BestCheckpoint(tmp_path / "best", lambda model, folder: (folder / "model").write_text(model), min_gain=0.05)
    assert best.offer("first", 0, {"relation_f1": 0.5})
    assert not best.offer("too little", 1, {"relation_f1": 0.54})
    assert best.offer("better", 2, {"relation_f1": 0.56})
