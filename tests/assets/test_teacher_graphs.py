"""teacher_graphs with a model behind an endpoint, with a panel of teachers, and with a damaged knowledge base."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from benchmarks import chat_server
from resources import corpora
from tests.assets.conftest import COMPANIES, DATA, PEOPLE, Sandbox
from tests.text2graph_dagster.teachers.chat.chat_server import message, serving
from text2graph_dagster.teachers.chat.endpoint import KEY_VARIABLE

CANARY = "canary-0123456789abcdef"
ONTOLOGY = """
name: work
entity_types: [person, company]
relation_types:
  works for: {signatures: [[person, company]]}
"""
DOCUMENTS = 80


def write(folder: Path) -> Path:
    """Write a corpus whose passages the server can answer."""
    folder.mkdir(parents=True)
    (folder / "ontology.yaml").write_text(ONTOLOGY)
    lines = [
        {"id": f"d{i}", "text": f"Person{i} works for Company{i}. The street was quiet on day {i}, and it rained."}
        for i in range(DOCUMENTS)
    ]
    (folder / "documents.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.fixture
def chat(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A sandbox whose teacher has an API key that must not leak."""
    monkeypatch.setenv(KEY_VARIABLE, CANARY)
    corpora.add_corpus(
        write(sandbox.root / "sources" / "c"), "c", sandbox.home, sandbox.instance, link=False, replace=True
    )
    sandbox.run("c", "raw_corpus")
    return sandbox


def materialise(sandbox: Sandbox, url: str, **teacher: Any) -> tuple[dg.ExecuteInProcessResult, dict[str, Any]]:
    """Run the asset; return the result and its metadata tables, by name."""
    sandbox.overrides["teacher"] = {"kind": "chat", "base_url": url, "model": "m", "backoff_seconds": 0.01, **teacher}
    result = sandbox.run("c", "teacher_graphs")
    events = result.get_asset_materialization_events()
    metadata = events[0].step_materialization_data.materialization.metadata if events else {}
    return result, {
        name: {record.data["what"]: record.data["count"] for record in table.records}
        for name, table in metadata.items()
        if isinstance(table, dg.TableMetadataValue) and "what" in table.records[0].data
    }


def rejected_labels(result: dg.ExecuteInProcessResult) -> int:
    """Return how many labels the asset reports as rejected."""
    materialisation = result.get_asset_materialization_events()[0].step_materialization_data.materialization
    return int(str(materialisation.metadata["labels_rejected"].value))


def test_cost_rejected_labels_and_forecast_are_reported(chat: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_server, "NETWORK", ())
    monkeypatch.setattr(chat_server, "MODEL", ("not in the text",))
    with chat_server.serving(0.3) as server:
        run, tables = materialise(chat, server.url, prompt_price=2.0, completion_price=10.0)
        assert tables["accounting"]["calls_made"] == DOCUMENTS == chat.warehouse.count("teacher_graphs", "c")
        assert rejected_labels(run) >= server.faults["not in the text"] > 0
        cost = chat.warehouse.value("SELECT sum(cost) FROM teacher_calls")
        assert tables["calls"]["cost"] == pytest.approx(cost)
        assert cost > 0
        assert abs(tables["calls"]["tokens_beyond_forecast"]) < 0.1
        rerun, again = materialise(chat, server.url)
        assert (again["accounting"]["calls_made"], again["calls"]["cost"]) == (0, 0)
        assert rejected_labels(rerun) == rejected_labels(run)


def test_a_spent_budget_fails_the_run_and_the_next_run_continues(chat: Sandbox) -> None:
    with chat_server.serving() as server:
        result, _ = materialise(chat, server.url, max_tokens_total=12_000)
        (failure,) = (event for event in result.all_events if event.is_step_failure)
        assert failure.step_failure_data.error
        sentence = failure.step_failure_data.error.message
        assert "The teacher's budget is spent" in sentence
        assert "teacher.max_tokens_total" in sentence
        kept = chat.warehouse.count("teacher_calls")
        assert 0 < kept < DOCUMENTS
        assert chat.warehouse.count("teacher_graphs") == 0
        _, tables = materialise(chat, server.url)
    assert tables["accounting"]["calls_from_ledger"] == kept
    assert set(server.asked.values()) == {1}


def test_the_api_key_is_in_no_table_event_or_file(chat: Sandbox, capfd: pytest.CaptureFixture[str]) -> None:
    with chat_server.serving(0.3) as server:
        result, _ = materialise(chat, server.url, retries=0)
        materialise(chat, server.url.replace("127.0.0.1", f"user:{CANARY}@127.0.0.1"))
        materialise(chat, "http://127.0.0.1:9/v1", model="other", retries=0)
    events = [repr(record) for record in chat.instance.all_logs(result.run_id)] + [repr(result.all_events)]
    files = [path.read_bytes() for path in chat.root.rglob("*") if path.is_file()]
    written = capfd.readouterr()
    assert events
    assert CANARY not in f"{events} {written.out} {written.err}"
    assert not any(CANARY.encode() in data for data in files)
    for table in ("teacher_calls", "quarantine", "teacher_graphs"):
        assert CANARY not in str(chat.warehouse.read(f"SELECT t::VARCHAR AS row FROM {table} t")["row"].to_list())


def founder_reply(body: dict[str, Any]) -> dict[str, Any]:
    """Answer with the founding relation of the passage."""
    prompt = body["messages"][0]["content"]
    person = next((name for name in PEOPLE if name in prompt), "")
    company = next((name for name in COMPANIES if name in prompt), "")
    entities = [{"id": 0, "text": person, "type": "person"}, {"id": 1, "text": company, "type": "company"}]
    return message(json.dumps({"entities": entities, "relations": [{"head": 0, "tail": 1, "type": "founded"}]}))


def test_the_panels_majority_graph_is_the_training_graph(sandbox: Sandbox) -> None:
    with serving(founder_reply) as seen:
        sandbox.overrides["teacher"] = {"panel": [{"kind": "chat", "model": "m", "base_url": seen.url}]}
        sandbox.overrides["gates"]["teacher_min_agreement"] = 0.3
        sandbox.add("c", documents=16, gold=2)
        assert sandbox.run("c", *DATA).success
    read = sandbox.warehouse.read
    votes = read("SELECT sample, teacher, count(*) FROM teacher_graphs GROUP BY ALL ORDER BY ALL").rows()
    passages = sandbox.warehouse.value("SELECT count(DISTINCT passage_id) FROM raw_corpus WHERE duplicate_of IS NULL")
    assert votes == [(0, "vote", passages), (1, "knowledge_base", passages), (2, "chat:m", passages)]
    sql = """
    SELECT DISTINCT r.type, r.confidence, r.provenance[1:8] FROM (
        SELECT unnest(relations) AS r FROM teacher_graphs WHERE sample = ?
    )
    """
    assert read(sql, [0]).rows() == [("founded", 1.0, "chat:m; ")]
    assert {row[0] for row in read(sql, [1]).rows()} == {"founded", "lives in"}
    assert sandbox.warehouse.count("cot_traces") == sandbox.warehouse.value(
        "SELECT count(DISTINCT passage_id) FROM raw_corpus WHERE split = 'train' AND duplicate_of IS NULL"
    )


def test_the_graph_of_a_single_teacher_is_the_training_graph(sandbox: Sandbox) -> None:
    sandbox.add("c", documents=16, gold=2)
    sandbox.run("c", *DATA)
    rows = sandbox.warehouse.read("SELECT DISTINCT sample, teacher, call_key = '' FROM teacher_graphs").rows()
    assert rows == [(0, "knowledge_base", False)]


def test_a_damaged_line_of_the_knowledge_base_is_quarantined(sandbox: Sandbox) -> None:
    sandbox.add("c")
    file = sandbox.home.corpora / "c" / "knowledge_base.jsonl"
    lines = file.read_text() + "".join(
        f'{{"head": "H{i}", "relation": "founded", "tail": "T{i}"}}\n' for i in range(30)
    )
    file.write_text(lines + "{broken\n")
    assert sandbox.run("c", *DATA).success
    rows = sandbox.warehouse.read("SELECT doc_id, reason FROM quarantine WHERE stage = 'teacher_graphs'").rows()
    assert rows == [("knowledge_base.jsonl:47", "broken_fact")]
