"""Every gate of every asset passes on good data and fails on the defect that it checks for."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.gates.gate import Scope
from assets.gates.verdicts import GATES
from resources.warehouse import Warehouse
from tests.assets.conftest import DATA, Sandbox
from text2graph_dagster.settings import Settings

ELSEWHERE = {("eval_report", "regression"), ("eval_report", "missing_corpora")}  # test_eval_report.py

ENTITY = "{'id': 0, 'text': 'Zz', 'type': 'person', 'mentions': [{'start': 0, 'end': 2}]}"


def count(stage: str, item: str, number: int) -> str:
    return f"UPDATE accounting SET count = {number} WHERE stage = '{stage}' AND item = '{item}'"


def relations(change: str) -> str:
    return f"UPDATE teacher_graphs SET relations = list_transform(relations, lambda r: struct_update(r, {change}))"


def measured(stage: str, figure: str, good: float, bad: float) -> str:
    change = f"""replace(metrics, '"{figure}": {good}', '"{figure}": {bad}')"""
    return f"UPDATE checkpoints SET metrics = {change} WHERE stage = '{stage}'"


def twice(table: str) -> str:
    return f"INSERT INTO {table} SELECT * FROM {table} LIMIT 1"


def diverged(stage: str) -> str:
    """Point to a folder with a learning curve that diverges."""
    return f"UPDATE checkpoints SET path = '{{diverged}}' WHERE stage = '{stage}'"


SPOILED = {
    ("raw_corpus", "contract"): twice("raw_corpus"),
    ("raw_corpus", "accounting"): count("raw_corpus", "documents_in", 1000),
    ("raw_corpus", "quarantined"): count("raw_corpus", "documents_quarantined", 1000),
    ("raw_corpus", "gold_quarantined"): count("raw_corpus", "gold_documents_quarantined", 3),
    ("raw_corpus", "passages"): "UPDATE raw_corpus SET split = 'dev'",
    ("raw_corpus", "language"): "UPDATE raw_corpus SET language = 'zz' WHERE passage_id[1] < '8'",
    ("raw_corpus", "duplicates"): "UPDATE raw_corpus SET duplicate_of = passage_id",
    ("teacher_graphs", "contract"): twice("teacher_graphs"),
    ("teacher_graphs", "accounting"): "DELETE FROM teacher_graphs WHERE passage_id[1] = '0'",
    ("teacher_graphs", "answered"): count("teacher_graphs", "graphs", 3),
    ("teacher_graphs", "grounded"): f"UPDATE teacher_graphs SET entities = [{ENTITY}], relations = []",
    ("teacher_graphs", "evidence"): relations("evidence := {'start': 0::BIGINT, 'end': 100_000::BIGINT}"),
    ("teacher_graphs", "types"): relations("type := 'invented'"),
    ("teacher_graphs", "signatures"): relations("head := r.tail, tail := r.head"),
    ("teacher_graphs", "label_entropy"): relations("type := 'founded'"),
    ("teacher_graphs", "agreement"): (
        "INSERT INTO teacher_graphs SELECT * REPLACE (1 AS sample) FROM teacher_graphs"
        " UNION ALL SELECT * REPLACE (2 AS sample, [] AS relations) FROM teacher_graphs"
    ),
    ("cot_traces", "contract"): twice("cot_traces"),
    ("cot_traces", "accounting"): "DELETE FROM cot_traces WHERE passage_id[1] = '0'",
    ("cot_traces", "verified"): "UPDATE cot_traces SET verified = false",
    ("cot_traces", "leaks"): """UPDATE cot_traces SET rationale = rationale || ' {"relations": []}'""",
    ("filtered_dataset", "contract"): twice("filtered_dataset"),
    ("filtered_dataset", "accounting"): count("filtered_dataset", "traces_in", 1000),
    ("filtered_dataset", "enough"): "DELETE FROM filtered_dataset",
    ("filtered_dataset", "covered"): """
        DELETE FROM filtered_dataset
        WHERE example_id NOT IN (SELECT example_id FROM filtered_dataset WHERE len(relations) > 0 LIMIT 3)
    """,
    ("filtered_dataset", "splits"): "UPDATE raw_corpus SET split = 'test'",
    ("filtered_dataset", "near_gold"): """
        INSERT INTO raw_corpus SELECT * REPLACE (repeat('0', 32) AS passage_id, 'test' AS split) FROM raw_corpus
        WHERE passage_id = (SELECT min(passage_id) FROM filtered_dataset)
    """,
    ("filtered_dataset", "empty"): "UPDATE filtered_dataset SET relations = []",
    ("sft_checkpoint", "loss"): diverged("sft"),
    ("sft_checkpoint", "too_long"): measured("sft", "examples_too_long", 0, 9),
    ("sft_checkpoint", "parse_rate"): measured("sft", "parse_rate", 1.0, 0.2),
    ("sft_checkpoint", "stops"): measured("sft", "stopped", 1.0, 0.2),
    ("reward_model", "pair_accuracy"): measured("reward_model", "all_low", 0.75, 0.5),
    ("grpo_checkpoint", "dev_f1"): measured("grpo", "relation_f1", 0.5, 0.4),
    ("grpo_checkpoint", "few_triples"): measured("grpo", "triple_ratio", 1.0, 0.1),
    ("grpo_checkpoint", "many_triples"): measured("grpo", "triple_ratio", 1.0, 9.0),
    ("grpo_checkpoint", "length"): measured("grpo", "answer_tokens", 20.0, 90.0),
    ("grpo_checkpoint", "empty"): measured("grpo", "empty_share", 0.1, 0.9),
    ("grpo_checkpoint", "kl"): diverged("grpo"),
    ("eval_report", "contract"): twice("eval_report"),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox in which the whole lineage has run."""
    root = tmp_path_factory.mktemp("finished")
    overrides: dict[str, Any] = {"evaluation": {"bootstrap_samples": 100}, "gates": {"dataset_min_examples": 8}}
    overrides["reward_model"] = {"enabled": True}
    with dg.DagsterInstance.ephemeral() as instance:
        sandbox = Sandbox(root, instance, overrides)
        sandbox.add("c")
        assert sandbox.run("c").success
        yield sandbox


def test_every_gate_has_a_test_case() -> None:
    assert set(SPOILED) | ELSEWHERE == {(asset, gate.name) for asset, gates in GATES.items() for gate in gates}


@pytest.mark.parametrize(("asset", "name"), list(SPOILED), ids=lambda part: part)
def test_every_gate_can_fail(finished: Sandbox, tmp_path: Path, asset: str, name: str) -> None:
    shutil.copy(finished.warehouse.path, tmp_path / "w.duckdb")
    points = [{"step": i, "loss": 1.0, "kl": 99.0} for i in range(20)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(point) + "\n" for point in points))
    warehouse = Warehouse(path=str(tmp_path / "w.duckdb"))
    settings = Settings.load(None, finished.overrides)
    scope = Scope(warehouse, settings, finished.home, "c" if asset in DATA else None)
    gate = next(g for g in GATES[asset] if g.name == name)
    assert gate.passes(gate.measure(scope), settings)
    with warehouse._connection() as connection:
        connection.execute(SPOILED[asset, name].replace("{diverged}", str(tmp_path)))
    assert not gate.passes(gate.measure(scope), settings)
