"""teacher_graphs with a model behind an endpoint: what it says of its calls, and what it keeps to itself."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from benchmarks import chat_server
from resources import corpora
from tests.assets.conftest import House
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
    """Write a corpus whose passages the server understands."""
    folder.mkdir(parents=True)
    (folder / "ontology.yaml").write_text(ONTOLOGY)
    lines = [
        {"id": f"d{i}", "text": f"Person{i} works for Company{i}. The street was quiet on day {i}, and it rained."}
        for i in range(DOCUMENTS)
    ]
    (folder / "documents.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.fixture
def chat(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """A house whose teacher is asked with a key that must not be seen again."""
    monkeypatch.setenv(KEY_VARIABLE, CANARY)
    corpora.add(write(house.root / "sources" / "c"), "c", house.home, house.instance, link=False, replace=True)
    house.run("c", "raw_corpus")
    return house


def materialise(house: House, url: str, **teacher: Any) -> tuple[dg.ExecuteInProcessResult, dict[str, Any]]:
    """Run the asset; return the result and its metadata's tables, by name."""
    house.overrides["teacher"] = {"kind": "chat", "base_url": url, "model": "m", "backoff_seconds": 0.01, **teacher}
    result = house.run("c", "teacher_graphs")
    events = result.get_asset_materialization_events()
    metadata = events[0].step_materialization_data.materialization.metadata if events else {}
    return result, {
        name: {record.data["what"]: record.data["count"] for record in table.records}
        for name, table in metadata.items()
        if isinstance(table, dg.TableMetadataValue) and "what" in table.records[0].data
    }


def refused_labels(result: dg.ExecuteInProcessResult) -> int:
    """Return how many labels the asset says were refused."""
    materialisation = result.get_asset_materialization_events()[0].step_materialization_data.materialization
    return int(str(materialisation.metadata["labels_refused"].value))


def test_it_says_what_was_spent_dropped_and_forecast(chat: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_server, "NETWORK", ())
    monkeypatch.setattr(chat_server, "MODEL", ("not in the text",))
    with chat_server.serving(0.3) as heard:
        run, tables = materialise(chat, heard.url, prompt_price=2.0, completion_price=10.0)
        assert tables["accounting"]["calls_made"] == DOCUMENTS == chat.warehouse.count("teacher_graphs", "c")
        assert refused_labels(run) >= heard.faults["not in the text"] > 0
        cost = chat.warehouse.value("SELECT sum(cost) FROM teacher_calls")
        assert tables["calls"]["cost"] == pytest.approx(cost)
        assert cost > 0
        assert abs(tables["calls"]["tokens_beyond_forecast"]) < 0.1
        rerun, again = materialise(chat, heard.url)
        assert (again["accounting"]["calls_made"], again["calls"]["cost"]) == (0, 0)
        assert refused_labels(rerun) == refused_labels(run)


def test_a_spent_budget_fails_in_one_sentence_and_the_next_run_goes_on(chat: House) -> None:
    with chat_server.serving() as heard:
        result, _ = materialise(chat, heard.url, max_tokens_total=12_000)
        (failure,) = (event for event in result.all_events if event.is_step_failure)
        assert failure.step_failure_data.error
        sentence = failure.step_failure_data.error.message
        assert "The teacher's budget is spent" in sentence
        assert "teacher.max_tokens_total" in sentence
        kept = chat.warehouse.count("teacher_calls")
        assert 0 < kept < DOCUMENTS
        assert chat.warehouse.count("teacher_graphs") == 0
        _, tables = materialise(chat, heard.url)
    assert tables["accounting"]["calls_from_ledger"] == kept
    assert set(heard.asked.values()) == {1}


def test_the_canary_key_is_in_no_table_no_event_and_no_file(chat: House, capfd: pytest.CaptureFixture[str]) -> None:
    with chat_server.serving(0.3) as heard:
        result, _ = materialise(chat, heard.url, retries=0)
        materialise(chat, heard.url.replace("127.0.0.1", f"user:{CANARY}@127.0.0.1"))
        materialise(chat, "http://127.0.0.1:9/v1", model="other", retries=0)
    events = [repr(record) for record in chat.instance.all_logs(result.run_id)] + [repr(result.all_events)]
    files = [path.read_bytes() for path in chat.root.rglob("*") if path.is_file()]
    written = capfd.readouterr()
    assert events
    assert CANARY not in f"{events} {written.out} {written.err}"
    assert not any(CANARY.encode() in data for data in files)
    for table in ("teacher_calls", "quarantine", "teacher_graphs"):
        assert CANARY not in str(chat.warehouse.read(f"SELECT t::VARCHAR AS row FROM {table} t")["row"].to_list())
