"""The table rollouts has the rollouts of the current checkpoint only, without repetitions."""

import json
from pathlib import Path

import pytest

from assets.grpo_checkpoint import store_rollouts
from resources.warehouse import Replace, Warehouse
from tests.assets.conftest import rollout
from text2graph_dagster.contracts import CONTRACTS
from text2graph_dagster.identity import digest


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(path=str(tmp_path / "warehouse.duckdb"))


def write(folder: Path, steps: int) -> dict[str, str]:
    """Write the rollouts of a checkpoint on three passages; return its row."""
    folder.mkdir()
    examples = [
        {"corpus": "c", "passage_id": digest(str(i)), "example_id": digest("e", str(i)), "text": f"Passage {i}."}
        for i in range(3)
    ]
    rows = [rollout(example, step) for step in range(1, steps + 1) for example in examples]
    (folder / "rollouts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"path": str(folder), "checkpoint_id": digest(folder.name)}


def test_the_table_satisfies_its_contract_and_has_only_the_current_checkpoint(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    first, second = write(tmp_path / "first", 2), write(tmp_path / "second", 3)
    assert [store_rollouts(warehouse, c) for c in (first, first, second)] == [6, 6, 9]
    rows = warehouse.read("SELECT * FROM rollouts")
    CONTRACTS["rollouts"].schema.validate(rows)
    assert rows.height == 9 and set(rows["run"]) == {second["checkpoint_id"]}


def test_a_checkpoint_without_rollouts_leaves_the_table_empty(warehouse: Warehouse, tmp_path: Path) -> None:
    store_rollouts(warehouse, write(tmp_path / "first", 1))
    (tmp_path / "none").mkdir()
    assert store_rollouts(warehouse, {"path": str(tmp_path / "none"), "checkpoint_id": "x"}) == 0
    assert warehouse.count("rollouts") == 0


def test_the_documented_query_works(warehouse: Warehouse, tmp_path: Path) -> None:
    sql = (Path(__file__).parents[2] / "docs" / "rewards.md").read_text().split("```sql\n")[1].split("```")[0]
    store_rollouts(warehouse, write(tmp_path / "first", 1))
    place = {"corpus": "c", "start": 0, "end": 9, "text": "t", "language": "en", "split": "train", "tokens": 2}
    passages = [{"doc_id": f"d{i}", "passage_id": digest(str(i)), "duplicate_of": None, **place} for i in range(2)]
    warehouse.commit(Replace("raw_corpus", CONTRACTS["raw_corpus"].frame(passages), {}))
    assert warehouse.read(sql).select("doc_id", "completions").rows() == [("d0", 1), ("d1", 1)]
