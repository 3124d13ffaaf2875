"""Generated examples: the graph is grounded in the passage, and has requested types only."""

import random
import re
from typing import Any

import pytest

from examples.gazette import names, phrases
from examples.gazette.ontology import ENTITY_TYPES, RELATION_TYPES
from examples.nano_base import names as own_names
from examples.nano_base import words
from examples.nano_base.lexicon import PREPOSITIONAL, VERBS
from examples.nano_base.ontology import all_type_names, draw_world
from examples.nano_base.passages import write_passage
from examples.nano_base.rows import make_rows
from text2graph_dagster.ontology import EntityType, Ontology, RelationType
from text2graph_dagster.prompts.rendering import render_prompt

COUNT = 400


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return list(make_rows(COUNT, 5))


def test_equal_seeds_give_equal_examples(rows: list[dict[str, Any]]) -> None:
    assert rows[:30] == list(make_rows(30, 5))
    assert rows[:30] != list(make_rows(30, 6))


def test_mentions_match_their_offsets(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        for entity in row["entities"]:
            surfaces = {row["text"][m["start"] : m["end"]] for m in entity["mentions"]}
            assert surfaces
            assert all(entity["text"].lower().find(s.lower()) >= 0 or "." in entity["text"] for s in surfaces)


def test_graphs_have_requested_types_only(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        kinds = {e["id"]: e["type"] for e in row["entities"]}
        assert set(kinds.values()) <= set(row["entity_types"])
        for relation in row["relations"]:
            assert relation["type"] in row["relation_types"]
            assert relation["head"] in kinds and relation["tail"] in kinds


def test_every_kind_of_example_occurs(rows: list[dict[str, Any]]) -> None:
    assert sum(not r["entities"] for r in rows) > COUNT * 0.02  # nothing to find
    assert sum(bool(r["entities"]) and not r["relations"] for r in rows) > COUNT * 0.05  # unrelated things
    absent = [set(r["relation_types"]) - {x["type"] for x in r["relations"]} for r in rows]
    assert sum(map(bool, absent)) > COUNT * 0.8
    assert sum(r["text"].count(". ") > 1 for r in rows) > COUNT * 0.1


def test_the_prompt_equals_that_of_the_pipeline(rows: list[dict[str, Any]]) -> None:
    for row in rows[:50]:
        ontology = Ontology(
            "made up",
            "en",
            tuple(map(EntityType, row["entity_types"])),
            tuple(map(RelationType, row["relation_types"])),
        )
        expected = render_prompt(row["text"], row["entity_types"], row["relation_types"], ontology, "compact", "en")
        assert row["messages"][0]["content"] == expected


def test_a_passive_name_inverts_the_relation() -> None:
    for seed in range(60):
        rng = random.Random(seed)
        world = draw_world(rng)
        passage = write_passage(rng, world)
        kinds = {r.name: (r.patient, r.agent) if r.passive else (r.agent, r.patient) for r in world.relations}
        for head, name, tail in passage.facts:
            assert (passage.things[head].kind, passage.things[tail].kind) == kinds[name]


def test_names_and_types_of_the_gazette_do_not_occur_in_the_examples(rows: list[dict[str, Any]]) -> None:
    ours = set(all_type_names())
    theirs = {name.lower() for name in (*ENTITY_TYPES, *RELATION_TYPES)}
    assert not ours & theirs
    heads = {word for name in theirs for word in name.split()} - {"for", "of", "in", "at", "to", "with", "by", "child"}
    verbs = {form for g in (*VERBS, *PREPOSITIONAL) for v in g for form in (v.base, v.third, v.past, v.participle)}
    filling = {*words.NOUNS, *words.ADJECTIVES, *words.PAST, *words.ADVERBS}
    assert not heads & (verbs | filling | ours)
    first_names = {*names.FEMALE_FIRST_NAMES, *names.MALE_FIRST_NAMES}
    fixed = {word.capitalize() for word in (*own_names._ADJECTIVES, *own_names._NOUNS)}
    assert not fixed & (first_names | {*names.COMPANY_KINDS, *names.EVENT_KINDS, *names.AWARD_KINDS})
    text = " ".join(row["text"].lower() for row in rows)
    said = {
        words.strip(" ,")
        for phrasing in phrases.PHRASES.values()
        for pattern in (*phrasing.active, *phrasing.passive, *phrasing.nominal)
        for words in re.split(r"\{\w+\}(?:'s)?", pattern)
        if len(words.split()) > 3
    }
    assert said and not {words for words in said if words in text}


@pytest.mark.parametrize(
    ("base", "forms"),
    [
        ("carry", None),
        ("scan", ("scans", "scanned", "scanned", "scanning")),
        ("hide", ("hides", "hid", "hidden", "hiding")),
        ("oversee", ("oversees", "oversaw", "overseen", "overseeing")),
        ("copy", ("copies", "copied", "copied", "copying")),
    ],
)
def test_verbs_are_inflected(base: str, forms: tuple[str, ...] | None) -> None:
    found = {v.base: (v.third, v.past, v.participle, v.gerund) for group in VERBS for v in group}
    assert found.get(base) == forms
