"""A model argues: what leads back to its graph is kept, what does not is kept with its reason, or replaced."""

from typing import Any

import pytest

from tests.assets.conftest import CITIES, COMPANIES, DATA, PEOPLE, House
from tests.text2graph_dagster.teachers.chat.chat_server import message, serving


def reply(body: dict[str, Any]) -> dict[str, Any]:
    """Argue from the text; about every city, give away that the answer was shown."""
    prompt = body["messages"][0]["content"]
    passage = prompt.partition("<<<")[2].partition(">>>")[0]
    person = next((name for name in PEOPLE if name in passage), None)
    company = next((name for name in COMPANIES if name in passage), None)
    city = next((name for name in CITIES if name in passage), None)
    if company:
        text = f'The text names "{person}" (person) and "{company}" (company). So {person} founded {company}.'
    elif city:
        text = f'As given, "{person}" (person) and "{city}" (city) are named, and {person} lives in {city}.'
    else:
        text = "The text names nothing of the listed types at all."
    return message(f"<think>let me see</think>{text}")


@pytest.mark.parametrize("fallback", ["none", "composed"])
def test_rejected_rationales_are_kept_or_replaced(house: House, fallback: str) -> None:
    with serving(reply) as seen:
        house.overrides["reasoner"] = {"kind": "chat", "model": "r", "base_url": seen.url, "fallback": fallback}
        house.add("c", documents=24, gold=2)
        house.run("c", *DATA)
    sql = """
    SELECT author, verified, rejected IS NOT NULL, bool_and(contains(coalesce(rejected, rationale), 'As given')),
           bool_and(list_contains(reasons, 'refers_to_the_answer: as given'))
    FROM cot_traces GROUP BY ALL ORDER BY ALL
    """
    rows = house.warehouse.read(sql).rows()
    good = ("chat:r", True, False, False, False)
    bad = ("composed", True, True, True, True) if fallback == "composed" else ("chat:r", False, False, True, True)
    assert rows == sorted([good, bad])
    passed = house.warehouse.value("SELECT passed FROM gates WHERE asset = 'cot_traces' AND gate = 'verified'")
    assert passed == (fallback == "composed")


def test_a_blind_reader_is_a_teacher_that_is_asked_about_rationales(house: House) -> None:
    with serving(reply) as seen:
        blind = {"kind": "knowledge_base"}
        house.overrides["reasoner"] = {"kind": "chat", "model": "r", "base_url": seen.url, "blind": blind}
        house.add("c", documents=24, gold=2)
        house.run("c", *DATA)
    value = house.warehouse.value
    accepted = value("SELECT count(*) FROM cot_traces WHERE verified AND author = 'chat:r'")
    assert accepted > 0
    asked = value("SELECT count(*) FROM teacher_calls WHERE teacher = 'knowledge_base'")
    assert asked == house.warehouse.count("teacher_graphs") + accepted
