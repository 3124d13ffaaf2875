"""A model's rationales: verified ones are kept; rejected ones are kept with the reason, or replaced."""

from typing import Any

import pytest

from tests.assets.conftest import CITIES, COMPANIES, DATA, PEOPLE, Sandbox
from tests.text2graph_dagster.teachers.chat.chat_server import message, serving


def reply(body: dict[str, Any]) -> dict[str, Any]:
    """Return a rationale; for texts about a city, it is invalid because it refers to the given answer."""
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
def test_rejected_rationales_are_kept_or_replaced(sandbox: Sandbox, fallback: str) -> None:
    with serving(reply) as seen:
        sandbox.overrides["reasoner"] = {"kind": "chat", "model": "r", "base_url": seen.url, "fallback": fallback}
        sandbox.add("c", documents=24, gold=2)
        sandbox.run("c", *DATA)
    sql = """
    SELECT author, verified, rejected IS NOT NULL, bool_and(contains(coalesce(rejected, rationale), 'As given')),
           bool_and(list_contains(reasons, 'refers_to_the_answer: as given'))
    FROM cot_traces GROUP BY ALL ORDER BY ALL
    """
    rows = sandbox.warehouse.read(sql).rows()
    good = ("chat:r", True, False, False, False)
    bad = ("composed", True, True, True, True) if fallback == "composed" else ("chat:r", False, False, True, True)
    assert rows == sorted([good, bad])
    passed = sandbox.warehouse.value("SELECT passed FROM gates WHERE asset = 'cot_traces' AND gate = 'verified'")
    assert passed == (fallback == "composed")


def test_the_blind_reader_is_asked_once_per_verified_rationale(sandbox: Sandbox) -> None:
    with serving(reply) as seen:
        blind = {"kind": "knowledge_base"}
        sandbox.overrides["reasoner"] = {"kind": "chat", "model": "r", "base_url": seen.url, "blind": blind}
        sandbox.add("c", documents=24, gold=2)
        sandbox.run("c", *DATA)
    value = sandbox.warehouse.value
    accepted = value("SELECT count(*) FROM cot_traces WHERE verified AND author = 'chat:r'")
    assert accepted > 0
    asked = value("SELECT count(*) FROM teacher_calls WHERE teacher = 'knowledge_base'")
    assert asked == sandbox.warehouse.count("teacher_graphs") + accepted
