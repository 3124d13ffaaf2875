"""A corpus whose gates are closed never reaches training, whichever way the assets are run."""

import polars as pl
import pytest

from assets.filtered_dataset import open_corpora
from resources.warehouse import Replace
from tests.assets.conftest import DATA, House
from text2graph_dagster.contracts import CONTRACTS
from text2graph_dagster.settings import Settings


def failure(result: object, node: str) -> str:
    return str(result.failure_data_for_node(node))  # type: ignore[attr-defined]


def test_the_whole_lineage_runs_and_ends_with_a_report(house: House) -> None:
    house.add("good")
    result = house.run("good")
    assert result.success
    assert house.launched() == ["sft", "grpo", "predict"]  # a student that is handed on is asked once
    assert house.warehouse.count("eval_report") > 0


@pytest.mark.parametrize(("share", "shared"), [(0.3, False), (0.0, True)])
def test_grpo_is_rewarded_on_passages_that_sft_did_not_see(house: House, share: float, shared: bool) -> None:
    house.overrides["dataset"] = {"held_out_for_grpo": share}
    house.add("good")
    assert house.run("good").success
    sft, grpo = (
        set(pl.read_parquet(next(house.root.glob(f"checkpoints/{stage}-*.inputs/train.parquet")))["passage_id"])
        for stage in ("sft", "grpo")
    )
    assert sft and grpo
    assert sft == grpo if shared else not sft & grpo


def test_a_failed_gate_stops_the_run_before_the_next_asset(house: House) -> None:
    house.add("bad", broken=64)
    result = house.run("bad")
    assert not result.success
    assert [e.check_name for e in result.get_asset_check_evaluations() if not e.passed] == ["quarantined"]
    assert house.warehouse.count("teacher_graphs") == 0
    assert house.launched() == []


def test_what_a_backfill_does_afterwards_does_not_get_round_it(house: House) -> None:
    """A backfill runs the unpartitioned assets in a run of their own, whether or not a partition's gate has failed."""
    house.add("bad", broken=64)
    house.run("bad", *DATA)
    house.run("bad", "teacher_graphs")  # forced, asset by asset
    house.run("bad", "cot_traces")
    result = house.run(None, "filtered_dataset", "sft_checkpoint", "grpo_checkpoint", "eval_report")
    assert not result.success
    assert "no corpus may be trained on" in failure(result, "filtered_dataset")
    assert "raw_corpus/quarantined of bad failed" in failure(result, "filtered_dataset")
    assert house.launched() == []


def test_one_bad_corpus_does_not_hold_up_a_good_one_nor_slip_in_beside_it(house: House) -> None:
    house.add("good")
    house.add("bad", broken=64)
    house.run("bad", *DATA)
    assert house.run("good").success
    trained_on = house.warehouse.read("SELECT DISTINCT corpus FROM filtered_dataset")["corpus"].to_list()
    assert trained_on == ["good"]


def test_a_corpus_that_goes_bad_later_stops_training_on_it(house: House) -> None:
    house.add("c")
    assert house.run("c").success
    house.add("c", broken=64)
    house.run("c", "raw_corpus")
    result = house.run(None, "sft_checkpoint")
    assert "nothing is trained: raw_corpus/quarantined of c failed" in failure(result, "sft_checkpoint")


def test_a_verdict_on_other_data_does_not_count(house: House) -> None:
    house.add("c")
    house.run("c", *DATA)
    assert open_corpora(house.warehouse, Settings.load(None, house.overrides))[0] == ["c"]
    with house.warehouse._connection() as connection:
        connection.execute(
            "UPDATE cot_traces SET verified = false WHERE passage_id = (SELECT min(passage_id) FROM cot_traces)"
        )
    names, closed = open_corpora(house.warehouse, Settings.load(None, house.overrides))
    assert names == []
    assert any("on other data than the present" in why for why in closed["c"])


def test_a_threshold_that_was_raised_asks_for_a_new_verdict(house: House) -> None:
    house.add("c")
    house.run("c", *DATA)
    stricter = Settings.load(None, {**house.overrides, "gates": {"traces_min_verified": 0.99}})
    names, closed = open_corpora(house.warehouse, stricter)
    assert names == []
    assert any("another threshold" in why for why in closed["c"])


def test_gates_that_were_never_evaluated_are_closed(house: House) -> None:
    house.add("c")
    house.run("c", *DATA)
    empty = house.warehouse.read("SELECT * FROM gates WHERE false")
    house.warehouse.commit(Replace("gates", empty, {"gate": "types"}))
    _, closed = open_corpora(house.warehouse, Settings.load(None, house.overrides))
    assert closed == {"c": ["teacher_graphs/types of c was never evaluated"]}


def test_nothing_new_costs_nothing(house: House) -> None:
    house.add("c")
    house.run("c")
    calls, launched = house.warehouse.count("teacher_calls"), house.launched()
    report = house.warehouse.read("SELECT * FROM eval_report ORDER BY ALL")
    second = house.run("c")
    assert second.success
    assert house.warehouse.count("teacher_calls") == calls
    assert house.launched() == launched
    assert house.warehouse.read("SELECT * FROM eval_report ORDER BY ALL").equals(report)


def test_one_new_document_costs_its_own_calls_only(house: House) -> None:
    house.add("c", documents=64)
    house.run("c", *DATA)
    before = house.warehouse.read("SELECT kind, count(*) AS n FROM teacher_calls GROUP BY ALL ORDER BY ALL")["n"]
    house.add("c", documents=65)
    house.run("c", *DATA)
    after = house.warehouse.read("SELECT kind, count(*) AS n FROM teacher_calls GROUP BY ALL ORDER BY ALL")["n"]
    assert (after - before).to_list() == [1, 1]


def test_equal_input_gives_equal_tables(house: House) -> None:
    house.add("c")
    house.run("c", *DATA, "filtered_dataset")
    tables = ["raw_corpus", "teacher_graphs", "cot_traces", "filtered_dataset", "gold_graphs", "quarantine"]
    first = [house.warehouse.version(t) for t in tables]
    for table in [*tables, "teacher_calls"]:
        house.warehouse.commit(Replace(table, CONTRACTS[table].empty(), {}))
    house.run("c", *DATA, "filtered_dataset")
    assert [house.warehouse.version(t) for t in tables] == first


def test_a_broken_line_of_the_knowledge_base_is_quarantined(house: House) -> None:
    house.add("c")
    file = house.home.corpora / "c" / "knowledge_base.jsonl"
    lines = file.read_text() + "".join(
        f'{{"head": "H{i}", "relation": "founded", "tail": "T{i}"}}\n' for i in range(30)
    )
    file.write_text(lines + "{broken\n")
    assert house.run("c", *DATA).success
    rows = house.warehouse.read("SELECT doc_id, reason FROM quarantine WHERE stage = 'teacher_graphs'").rows()
    assert rows == [("knowledge_base.jsonl:47", "broken_fact")]
