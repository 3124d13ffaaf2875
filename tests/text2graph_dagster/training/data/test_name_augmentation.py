"""Replacing names by invented ones keeps the facts, and updates the offsets of mentions."""

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text2graph_dagster.training import tiny_models
from text2graph_dagster.graph.legality import legalise
from text2graph_dagster.graph.model import Entity, Graph, Relation, Span
from text2graph_dagster.graph.parsing import parse
from text2graph_dagster.graph.wire import serialise
from text2graph_dagster.prompts.rendering import list_given_entities
from text2graph_dagster.training.data.examples import Example
from text2graph_dagster.training.data.name_augmentation import NameAugmenter


@given(seed=st.integers(0, 10_000))
def test_mentions_have_right_offsets_and_the_answer_has_the_same_facts(examples: Any, seed: int) -> None:
    rng = random.Random(seed)
    example = rng.choice(examples)
    renamed = NameAugmenter(examples).rename(example, rng, "indexed")
    assert renamed.text in renamed.prompt[0]["content"]
    for old, new in zip(example.graph.entities, renamed.graph.entities, strict=True):
        assert (old.id, old.type, len(old.mentions)) == (new.id, new.type, len(new.mentions))
        assert all(renamed.text[m.start : m.end] == new.text for m in new.mentions)
    assert [(r.head, r.type, r.tail) for r in example.graph.relations] == [
        (r.head, r.type, r.tail) for r in renamed.graph.relations
    ]
    legal = legalise(parse(renamed.answer), renamed.text, renamed.entity_types, renamed.relation_types)
    assert not any(legal.dropped.values())
    assert renamed.answer == serialise(renamed.graph, "indexed")


@pytest.fixture
def graph() -> Graph:
    entities = (
        Entity(0, "Laura Fateski", "person", (Span(0, 13), Span(41, 48))),
        Entity(1, "Velhigo Academy", "university", (Span(25, 40),)),
    )
    return Graph(entities, (Relation(0, 1, "studied at", Span(0, 40)),))


def test_short_forms_are_renamed_too_shared_words_stay_and_offsets_are_updated(graph: Graph) -> None:
    text = "Laura Fateski studied at Velhigo Academy Fateski"
    example = Example("", "c", text, ({"role": "user", "content": f"text: {text}"},), "", (), (), graph)
    others = [
        replace(example, graph=Graph((Entity(0, f"Laura B{i}b", "person"), Entity(1, f"{n} Academy", "university"))))
        for i, n in enumerate(["Kalo", "Miru", "Sate", "Vobe", "Lomi", "Ruke", "Teba", "Kemi"])
    ]
    renamed = NameAugmenter([example, *others]).rename(example, random.Random(1), "compact")
    words = renamed.text.split()
    assert (words[0], words[2:4], words[5]) == ("Laura", ["studied", "at"], "Academy")
    assert words[1] == words[6] != "Fateski" and words[4] != "Velhigo"
    evidence = renamed.graph.relations[0].evidence
    assert evidence and renamed.text[evidence.start : evidence.end] == " ".join(words[:6])
    assert [renamed.text[m.start : m.end] for m in renamed.graph.entities[0].mentions] == [
        " ".join(words[:2]),
        words[6],
    ]


def test_the_rationale_has_the_new_names(examples: Any) -> None:
    example = examples[0]
    name = example.graph.entities[0].text
    thinking = replace(example, answer=f"<think>\n{name} is meant.\n</think>\n" + example.answer)
    renamed = NameAugmenter(examples).rename(thinking, random.Random(1), "indexed")
    assert renamed.answer.startswith(f"<think>\n{renamed.graph.entities[0].text} is meant.")
    assert name not in renamed.answer


def test_the_configured_share_is_renamed_and_depends_on_the_seed(examples: Any) -> None:
    augmenter, settings = NameAugmenter(examples), tiny_models.settings()
    some = list(augmenter.augment(examples, 0.5, settings))
    assert some == list(augmenter.augment(examples, 0.5, settings))
    assert 10 < sum(a == b for a, b in zip(some, examples, strict=True)) < 50
    assert list(augmenter.augment(examples, 0.0, settings)) == list(examples)


def test_given_entities_are_renamed_with_the_text(examples: Any) -> None:
    example = examples[0]
    given = list_given_entities(example.graph.entities, "compact")
    prompt = ({"role": "user", "content": f'"person";"works for"\n{given}\n{example.text}\n'},)
    renamed = next(
        NameAugmenter(examples).augment(
            [replace(example, task="relations", prompt=prompt)], 1.0, tiny_models.settings()
        )
    )
    given = list_given_entities(renamed.graph.entities, "compact")
    assert renamed.prompt[0]["content"] == f'"person";"works for"\n{given}\n{renamed.text}\n'
    assert renamed.text != example.text
