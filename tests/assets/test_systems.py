"""Other systems stand in the report beside the lineage's own: a model that runs here, and one behind an endpoint."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.predictions import legal_graph
from assets.systems import fill_in
from tests.assets.conftest import COMPANIES, PEOPLE, House
from tests.text2graph_dagster.teachers.chat.chat_server import message, serving
from text2graph_dagster.errors import UserError
from text2graph_dagster.ontology import EntityType, Ontology, RelationType
from text2graph_dagster.settings import Settings


def reply(body: dict[str, Any]) -> dict[str, Any]:
    """Say who founded what, in labels of its own."""
    prompt = body["messages"][0]["content"]
    person, company = (next(n for n in names if n in prompt) for names in (PEOPLE, COMPANIES))
    entities = [{"id": 0, "text": person, "type": "Person"}, {"id": 1, "text": company, "type": "COMPANY"}]
    return message(json.dumps({"entities": entities, "relations": [{"head": 0, "tail": 1, "type": "FOUNDED"}]}))


def figures(house: House, metric: str) -> dict[str, float | None]:
    sql = """
    SELECT system, value FROM eval_report
    WHERE metric = ? AND run = (SELECT run FROM report_runs ORDER BY made_at DESC LIMIT 1)
    """
    return dict(house.warehouse.read(sql, [metric]).rows())


def test_they_are_asked_once_and_measured_like_the_others(house: House, tmp_path: Path) -> None:
    house.add("c")
    own = [{"role": "system", "content": "Find: {relation_types}"}, {"role": "user", "content": "In {text}, please"}]
    with serving(reply) as seen:
        house.overrides["systems"] = {
            "big-model": {"endpoint": {"kind": "chat", "model": "m", "base_url": seen.url}},
            "other": {"model": str(tmp_path / "other"), "messages": own, "label_similarity": 0.85},
        }
        assert house.run("c").success
        assert house.run(None, "eval_report").success
        assert len(seen.bodies) == 3  # as many as there are test passages, in two runs
    assert house.launched().count("predict") == 2  # other and sft, which is handed on without reinforcement
    shown = figures(house, "relation_strict_f1")
    assert set(shown) == {"teacher", "big-model", "other", "sft", "grpo"}
    assert shown["big-model"] == 1.0 and shown["other"] == 0.0
    asked = pl.concat(pl.read_parquet(path) for path in house.root.glob("predictions/*.prompts.parquet"))
    systems = [m for messages in asked["messages"] for m in messages if m["role"] == "system"]
    assert [m["content"] for m in systems] == ["Find: founded, lives in"] * 3
    rows = house.warehouse.read("SELECT * FROM predictions WHERE system = 'big-model'")
    assert rows.height == 3 and all("FOUNDED" in raw for raw in rows["raw_output"])


def test_a_reinforced_student_is_asked_beside_the_one_it_was(house: House) -> None:
    house.add("c")
    house.overrides["grpo"] = {"max_steps": 2}
    assert house.run("c").success
    assert house.launched().count("predict") == 2
    assert set(figures(house, "relation_strict_f1")) == {"teacher", "sft", "grpo"}


def test_a_message_is_filled_in_and_a_text_cannot_ask_for_more() -> None:
    row = {"text": "Ana {entity_types}", "entity_types": ["person", "city"], "relation_types": []}
    assert fill_in('{"a": {text}} {entity_types}/{relation_types}', row) == '{"a": Ana {entity_types}} person, city/'


def test_labels_are_read_only_where_that_is_wanted() -> None:
    ontology = Ontology("o", "en", (EntityType("person"),), (RelationType("works for"),))
    raw = json.dumps(
        {
            "entities": [{"text": "Ana", "type": "PERSON"}, {"text": "Bo", "type": "Person"}],
            "relations": [{"head": "Ana", "tail": "Bo", "type": "WORKS_FOR"}],
        }
    )
    row = {"text": "Ana works for Bo.", "entity_types": ["person"], "relation_types": ["works for"]}
    assert not legal_graph(raw, row, ontology).entities
    assert len(legal_graph(raw, row, ontology, 0.85).relations) == 1


@pytest.mark.parametrize(
    ("systems", "says"),
    [
        ({"grpo": {"model": "m"}}, "systems"),
        ({"a:b": {"model": "m"}}, "systems"),
        ({"a": {}}, "either a model or an endpoint"),
        ({"a": {"model": "m", "endpoint": {"kind": "chat"}}}, "either a model or an endpoint"),
        ({"a": {"endpoint": {}}}, "of kind chat"),
        ({"a": {"model": "m", "messages": [{"role": "user", "content": "hello"}]}}, "must contain {text}"),
    ],
)
def test_what_cannot_be_a_system_is_refused(systems: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        Settings.load(None, {"systems": systems})
