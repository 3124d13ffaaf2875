"""A knowledge base and a model vote: both stand in teacher_graphs, what they agree on is taught."""

import json
from typing import Any

from tests.assets.conftest import COMPANIES, DATA, PEOPLE, House
from tests.text2graph_dagster.teachers.chat.chat_server import message, serving


def reply(body: dict[str, Any]) -> dict[str, Any]:
    """Say who founded what, and that everybody lives in a company."""
    prompt = body["messages"][0]["content"]
    person = next((name for name in PEOPLE if name in prompt), "")
    company = next((name for name in COMPANIES if name in prompt), "")
    entities = [{"id": 0, "text": person, "type": "person"}, {"id": 1, "text": company, "type": "company"}]
    return message(json.dumps({"entities": entities, "relations": [{"head": 0, "tail": 1, "type": "founded"}]}))


def test_what_a_panel_agrees_on_is_taught(house: House) -> None:
    with serving(reply) as seen:
        house.overrides["teacher"] = {"panel": [{"kind": "chat", "model": "m", "base_url": seen.url}]}
        house.overrides["gates"]["teacher_min_agreement"] = 0.3
        house.add("c", documents=16, gold=2)
        assert house.run("c", *DATA).success
    read = house.warehouse.read
    voices = read("SELECT sample, teacher, count(*) FROM teacher_graphs GROUP BY ALL ORDER BY ALL").rows()
    passages = house.warehouse.value("SELECT count(DISTINCT passage_id) FROM raw_corpus WHERE duplicate_of IS NULL")
    assert voices == [(0, "vote", passages), (1, "knowledge_base", passages), (2, "chat:m", passages)]
    sql = """
    SELECT DISTINCT r.type, r.confidence, r.provenance[1:8] FROM (
        SELECT unnest(relations) AS r FROM teacher_graphs WHERE sample = ?
    )
    """
    assert read(sql, [0]).rows() == [("founded", 1.0, "chat:m; ")]
    assert {row[0] for row in read(sql, [1]).rows()} == {"founded", "lives in"}
    assert house.warehouse.count("cot_traces") == house.warehouse.value(
        "SELECT count(DISTINCT passage_id) FROM raw_corpus WHERE split = 'train' AND duplicate_of IS NULL"
    )


def test_one_teacher_asked_once_is_taught_as_it_is(house: House) -> None:
    house.add("c", documents=16, gold=2)
    house.run("c", *DATA)
    rows = house.warehouse.read("SELECT DISTINCT sample, teacher, call_key = '' FROM teacher_graphs").rows()
    assert rows == [(0, "knowledge_base", False)]
