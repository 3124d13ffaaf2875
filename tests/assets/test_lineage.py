"""The whole lineage in one run; a second run repeats no work for unchanged data."""

from resources.warehouse import Replace
from tests.assets.conftest import DATA, Sandbox
from text2graph_dagster.contracts import CONTRACTS


def test_the_whole_lineage_runs_and_writes_a_report(sandbox: Sandbox) -> None:
    sandbox.add("good")
    result = sandbox.run("good")
    assert result.success
    assert sandbox.launched() == [
        "sft",
        "grpo",
        "predict",
    ]  # without GRPO steps, both students are the same and are asked once
    assert sandbox.warehouse.count("eval_report") > 0


def test_a_second_run_without_changes_makes_no_calls_and_trains_nothing(sandbox: Sandbox) -> None:
    sandbox.add("c")
    sandbox.run("c")
    calls, launched = sandbox.warehouse.count("teacher_calls"), sandbox.launched()
    report = sandbox.warehouse.read("SELECT * FROM eval_report ORDER BY ALL")
    second = sandbox.run("c")
    assert second.success
    assert sandbox.warehouse.count("teacher_calls") == calls
    assert sandbox.launched() == launched
    assert sandbox.warehouse.read("SELECT * FROM eval_report ORDER BY ALL").equals(report)


def test_a_new_document_adds_only_its_own_teacher_calls(sandbox: Sandbox) -> None:
    sandbox.add("c", documents=64)
    sandbox.run("c", *DATA)
    before = sandbox.warehouse.read("SELECT kind, count(*) AS n FROM teacher_calls GROUP BY ALL ORDER BY ALL")["n"]
    sandbox.add("c", documents=65)
    sandbox.run("c", *DATA)
    after = sandbox.warehouse.read("SELECT kind, count(*) AS n FROM teacher_calls GROUP BY ALL ORDER BY ALL")["n"]
    assert (after - before).to_list() == [1, 1]


def test_a_run_from_emptied_tables_gives_equal_tables(sandbox: Sandbox) -> None:
    sandbox.add("c")
    sandbox.run("c", *DATA, "filtered_dataset")
    tables = ["raw_corpus", "teacher_graphs", "cot_traces", "filtered_dataset", "gold_graphs", "quarantine"]
    first = [sandbox.warehouse.version(t) for t in tables]
    for table in [*tables, "teacher_calls"]:
        sandbox.warehouse.commit(Replace(table, CONTRACTS[table].empty(), {}))
    sandbox.run("c", *DATA, "filtered_dataset")
    assert [sandbox.warehouse.version(t) for t in tables] == first
