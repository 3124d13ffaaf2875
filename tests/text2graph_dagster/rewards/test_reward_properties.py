"""Properties of the reward that hold for all answers, gold graphs and settings of partial credit."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text2graph_dagster.rewards.reward_examples import (
    BEST,
    ENTITIES,
    ONTOLOGY,
    RELATIONS,
    TEXT,
    WEIGHTS,
    WORST,
    answer,
    graph,
    parts,
    think,
    total,
)
from text2graph_dagster.rewards.canonical import canonicalise
from text2graph_dagster.rewards.matching import token_f1

# A small vocabulary in which right, wrong, half-right, repeated, ungrounded and unrequested items all occur.
SURFACES = ["Ana Ruiz", "Ana", "Velsoft", "Oslo", "Ben Ode", "with Ben Ode", "a_b", "Madrid", "Rack {9}"]
ITEM = st.tuples(st.sampled_from(SURFACES), st.sampled_from(["person", "company", "city", "planet"]))
TRIPLE = st.tuples(
    st.sampled_from(SURFACES),
    st.sampled_from(["founded", "lives in", "married to", "visited", "owns"]),
    st.sampled_from(SURFACES),
)
OUTPUT = st.tuples(
    st.lists(st.sampled_from(ENTITIES) | ITEM, max_size=8), st.lists(st.sampled_from(RELATIONS) | TRIPLE, max_size=8)
)
TWO_CITIES = [*ENTITIES[:3], ("Velsoft", "city")]
GOLDS = st.sampled_from(
    [graph(), graph(ENTITIES, []), graph(ENTITIES[:2], RELATIONS[:1]), graph(TWO_CITIES, RELATIONS[1:2]), graph([], [])]
)
CREDITS = st.sampled_from([0.0, 0.25, 0.5])
TOLERANCE = 1e-9


def is_gold_triple(triple, gold) -> bool:
    known = {(h.text, kind, t.text) for h, kind, t in gold.triples()}
    return triple in known or (triple[1] == "married to" and triple[::-1] in known)


def is_like(one: str, other: str) -> bool:
    return token_f1(canonicalise(one), canonicalise(other)) > 0


def is_partly_right_entity(item, gold) -> bool:
    """Tell whether an entity may earn span credit: its type is right and its span overlaps."""
    return any(is_like(item[0], e.text) for e in gold.entities if e.type == item[1])


def is_partly_right_relation(triple, gold) -> bool:
    for h, kind, t in gold.triples():
        ways = [triple, triple[::-1]] if kind == "married to" else [triple]
        if kind == triple[1] and any(is_like(w[0], h.text) and is_like(w[2], t.text) for w in ways):
            return True
    return False


@given(OUTPUT, GOLDS, st.randoms(use_true_random=False), CREDITS)
def test_the_order_of_items_does_not_matter(output, gold, rng: random.Random, credit) -> None:
    entities, relations = output
    shuffled = rng.sample(entities, len(entities)), rng.sample(relations, len(relations))
    assert total(answer(*shuffled), gold, span_credit=credit) == pytest.approx(
        total(answer(*output), gold, span_credit=credit)
    )


@given(OUTPUT, GOLDS, ITEM, CREDITS)
def test_adding_a_wrong_entity_never_helps(output, gold, item, credit) -> None:
    entities, relations = output
    repeated = item in entities
    right = item in {(e.text, e.type) for e in gold.entities} or (credit > 0 and is_partly_right_entity(item, gold))
    if repeated or not right:
        before, after = (total(answer(e, relations), gold, span_credit=credit) for e in (entities, [*entities, item]))
        assert after <= before + TOLERANCE


@given(OUTPUT, GOLDS, TRIPLE, CREDITS)
def test_adding_a_wrong_relation_never_helps(output, gold, triple, credit) -> None:
    entities, relations = output
    right = is_gold_triple(triple, gold) or (credit > 0 and is_partly_right_relation(triple, gold))
    if triple in relations or not right:
        before, after = (
            total(answer(entities, r), gold, span_credit=credit) for r in (relations, [*relations, triple])
        )
        assert after <= before + TOLERANCE


@given(OUTPUT, GOLDS, st.data(), CREDITS)
def test_removing_a_right_item_never_helps(output, gold, data, credit) -> None:
    entities, relations = list(output[0]), list(output[1])
    right = [(0, e) for e in entities if e in {(g.text, g.type) for g in gold.entities} and entities.count(e) == 1]
    right += [(1, r) for r in relations if is_gold_triple(r, gold) and not _twice(r, relations)]
    which = [(w, i) for w, i in right if w == 0 or _counts(i, entities, gold)]
    if which:
        kind, item = data.draw(st.sampled_from(which))
        before = total(answer(entities, relations), gold, span_credit=credit)
        (entities, relations)[kind].remove(item)
        assert total(answer(entities, relations), gold, span_credit=credit) <= before + TOLERANCE


def _twice(triple, relations) -> bool:
    return relations.count(triple) + (relations.count(triple[::-1]) if triple[1] == "married to" else 0) > 1


def _counts(triple, entities, gold) -> bool:
    """Tell whether a right relation counts: head and tail are emitted with the right type and with no wrong type."""
    known = {(e.text, e.type) for e in gold.entities}
    types = {(h.text, k, t.text): ((h.text, h.type), (t.text, t.type)) for h, k, t in gold.triples()}
    ends = types.get(triple) or types[triple[::-1]]
    requested = [e for e in entities if e[1] in ONTOLOGY.entity_names]
    return set(ends) <= set(entities) and all(e in known for e in requested if e[0] in {text for text, _ in ends})


@given(OUTPUT, GOLDS, st.integers(2, 20), CREDITS)
def test_repetition_never_helps(output, gold, times: int, credit) -> None:
    entities, relations = output
    once, many = answer(*output), answer(entities * times, relations * times)
    assert total(many, gold, span_credit=credit) <= total(once, gold, span_credit=credit) + TOLERANCE


@given(OUTPUT, GOLDS, CREDITS, st.booleans())
def test_the_reward_is_bounded_and_only_the_gold_graph_gets_the_best(output, gold, credit, thinking: bool) -> None:
    completion = think(answer(*output)) if thinking else answer(*output)
    got = parts(completion, gold, span_credit=credit, thinking=thinking)
    best = BEST + thinking * WEIGHTS["format"]
    assert WORST <= got["total"] <= best + TOLERANCE
    if math.isclose(got["total"], best):
        assert sorted(output[0]) == sorted((e.text, e.type) for e in gold.entities)
        assert len(output[1]) == len(gold.relations) and all(is_gold_triple(r, gold) for r in output[1])


@given(OUTPUT, GOLDS, CREDITS)
def test_an_empty_answer_in_valid_form_never_beats_a_right_one_in_invalid_form(output, gold, credit) -> None:
    right = answer([(e.text, e.type) for e in gold.entities], [(h.text, k, t.text) for h, k, t in gold.triples()])
    if gold.entities and gold.relations:
        assert total(answer([], []), gold, span_credit=credit) < total(
            f"```json\n{right}\n```", gold, span_credit=credit
        )


PIECES = ["<think>", "</think>", "{", "}", "[", "]", ",", "```", "\ud800", "1e999", "NaN"]
PIECES += ['"entities":', '"relations":', '"', '{"text":1}']


@given(st.text() | st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=20).map("".join), st.booleans())
def test_no_string_raises(completion: str, thinking: bool) -> None:
    got = parts(completion, thinking=thinking, span_credit=0.5, text=TEXT + completion)
    assert WORST - TOLERANCE <= got["total"] <= sum(WEIGHTS.values())
    assert all(map(math.isfinite, got.values()))
