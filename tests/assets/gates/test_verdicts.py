"""A corpus whose gates have not passed never reaches training, however the assets are run."""

from assets.gates.verdicts import open_corpora
from resources.warehouse import Replace
from tests.assets.conftest import DATA, Sandbox, failure
from text2graph_dagster.settings import Settings


def test_a_failed_gate_stops_the_run_before_the_next_asset(sandbox: Sandbox) -> None:
    sandbox.add("bad", broken=64)
    result = sandbox.run("bad")
    assert not result.success
    assert [e.check_name for e in result.get_asset_check_evaluations() if not e.passed] == ["quarantined"]
    assert sandbox.warehouse.count("teacher_graphs") == 0
    assert sandbox.launched() == []


def test_a_later_backfill_does_not_bypass_a_failed_gate(sandbox: Sandbox) -> None:
    """A backfill runs unpartitioned assets in a run of their own, even if a partition's gate has failed."""
    sandbox.add("bad", broken=64)
    sandbox.run("bad", *DATA)
    sandbox.run("bad", "teacher_graphs")  # forced, asset by asset
    sandbox.run("bad", "cot_traces")
    result = sandbox.run(None, "filtered_dataset", "sft_checkpoint", "grpo_checkpoint", "eval_report")
    assert not result.success
    assert "no corpus has passed its gates" in failure(result, "filtered_dataset")
    assert "raw_corpus/quarantined of bad failed" in failure(result, "filtered_dataset")
    assert sandbox.launched() == []


def test_a_bad_corpus_is_left_out_and_does_not_block_a_good_one(sandbox: Sandbox) -> None:
    sandbox.add("good")
    sandbox.add("bad", broken=64)
    sandbox.run("bad", *DATA)
    assert sandbox.run("good").success
    trained_on = sandbox.warehouse.read("SELECT DISTINCT corpus FROM filtered_dataset")["corpus"].to_list()
    assert trained_on == ["good"]


def test_a_corpus_whose_gate_fails_later_stops_training(sandbox: Sandbox) -> None:
    sandbox.add("c")
    assert sandbox.run("c").success
    sandbox.add("c", broken=64)
    sandbox.run("c", "raw_corpus")
    result = sandbox.run(None, "sft_checkpoint")
    assert "nothing is trained: raw_corpus/quarantined of c failed" in failure(result, "sft_checkpoint")


def test_a_verdict_on_earlier_data_is_ignored(sandbox: Sandbox) -> None:
    sandbox.add("c")
    sandbox.run("c", *DATA)
    assert open_corpora(sandbox.warehouse, Settings.load(None, sandbox.overrides))[0] == ["c"]
    with sandbox.warehouse._connection() as connection:
        connection.execute(
            "UPDATE cot_traces SET verified = false WHERE passage_id = (SELECT min(passage_id) FROM cot_traces)"
        )
    names, closed = open_corpora(sandbox.warehouse, Settings.load(None, sandbox.overrides))
    assert names == []
    assert any("on other data than the present" in why for why in closed["c"])


def test_a_changed_threshold_needs_a_new_verdict(sandbox: Sandbox) -> None:
    sandbox.add("c")
    sandbox.run("c", *DATA)
    stricter = Settings.load(None, {**sandbox.overrides, "gates": {"traces_min_verified": 0.99}})
    names, closed = open_corpora(sandbox.warehouse, stricter)
    assert names == []
    assert any("another threshold" in why for why in closed["c"])


def test_gates_that_were_never_evaluated_count_as_failed(sandbox: Sandbox) -> None:
    sandbox.add("c")
    sandbox.run("c", *DATA)
    empty = sandbox.warehouse.read("SELECT * FROM gates WHERE false")
    sandbox.warehouse.commit(Replace("gates", empty, {"gate": "types"}))
    _, closed = open_corpora(sandbox.warehouse, Settings.load(None, sandbox.overrides))
    assert closed == {"c": ["teacher_graphs/types of c was never evaluated"]}
