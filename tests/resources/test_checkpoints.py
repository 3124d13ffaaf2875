"""The current checkpoint of each stage."""

from pathlib import Path

from resources.checkpoints import current_checkpoint, find_checkpoint, make_current
from resources.warehouse import Warehouse


def row(name: str, stage: str) -> dict[str, object]:
    text = dict.fromkeys(("path", "sha256", "dataset_digest"), "x")
    return {"checkpoint_id": name, "stage": stage, "parent": None, "config": '{"a": 1}', "metrics": '{"b": 2}', **text}


def test_each_stage_has_one_current_checkpoint(tmp_path: Path) -> None:
    warehouse = Warehouse(path=str(tmp_path / "w.duckdb"))
    assert current_checkpoint(warehouse, "sft") is None
    for name, stage in (("one", "sft"), ("two", "sft"), ("three", "grpo")):
        make_current(warehouse, row(name, stage))
    sft = current_checkpoint(warehouse, "sft")
    assert sft is not None
    assert (sft["checkpoint_id"], sft["config"], sft["metrics"]) == ("two", {"a": 1}, {"b": 2})
    older = find_checkpoint(warehouse, "one")
    assert older is not None and not older["current"]
    make_current(warehouse, older)
    assert [(current_checkpoint(warehouse, s) or {})["checkpoint_id"] for s in ("sft", "grpo")] == ["one", "three"]
    assert find_checkpoint(warehouse, "four") is None
