"""Each component of the reward by itself."""

import pytest

from tests.text2graph_dagster.rewards.reward_examples import (
    ENTITIES,
    RELATIONS,
    WEIGHTS,
    answer,
    graph,
    parts,
    think,
    total,
)
from text2graph_dagster.ontology import EntityType, Ontology, RelationType
from text2graph_dagster.rewards.components import penalty, reward_f1, verbosity
from text2graph_dagster.rewards.matching import token_f1


def test_f1_from_counts() -> None:
    assert reward_f1(0, 0, 0) == 1
    assert reward_f1(0, 3, 0) == 0.25
    assert reward_f1(0, 0, 3) == 0
    assert reward_f1(2, 4, 2) == pytest.approx(2 / 3)


def test_penalties_are_per_gold_item_and_at_least_minus_one() -> None:
    assert penalty(2, 4) == -0.5
    assert penalty(9, 4) == -1
    assert penalty(1, 0) == -1
    assert verbosity(5, 4) == 0
    assert verbosity(7, 4) == pytest.approx(-2 / 5)
    assert verbosity(100, 4) == -1


def test_format_requires_one_closed_think_block_and_then_the_object() -> None:
    def format_of(completion: str) -> float:
        return parts(completion, thinking=True)["format"]

    assert format_of(think(answer())) == 1
    assert format_of(answer()) == 0
    assert format_of(think(answer(), "  ")) == 0
    assert format_of("Well. " + think(answer())) == 0
    assert format_of(think(answer()) + " Done.") == 0
    assert format_of("<think>" + think(answer())) == 0


def test_relations_without_entities_earn_nothing() -> None:
    got = parts(answer((), RELATIONS))
    assert got["entity_f1"] == got["relation_f1"] == 0
    assert got["total"] <= WEIGHTS["json_valid"]


def test_a_relation_counts_only_if_head_and_tail_have_the_right_type() -> None:
    mistyped = [("Ana Ruiz", "person"), ("Velsoft", "city"), ("Oslo", "city"), ("Ben Ode", "person")]
    assert parts(answer(mistyped))["relation_f1"] == pytest.approx(2 * 2 / (3 + 3))


def test_a_relation_does_not_count_if_its_head_or_tail_is_also_emitted_with_a_wrong_type() -> None:
    hedged = parts(answer([*ENTITIES, ("Oslo", "company")]))
    assert hedged["relation_f1"] == pytest.approx(2 * 2 / 6) and hedged["entity_f1"] == pytest.approx(8 / 9)
    both = graph([*ENTITIES, ("Oslo", "company")])
    assert parts(answer([*ENTITIES, ("Oslo", "company")]), both)["relation_f1"] == 1


def test_items_that_the_filter_drops_are_penalised_and_not_counted_in_f1() -> None:
    ungrounded = parts(answer([*ENTITIES, ("Madrid", "city")]))
    assert ungrounded["entity_f1"] == 1
    assert ungrounded["grounding"] == pytest.approx(-1 / 7)
    unrequested = parts(answer([*ENTITIES, ("a_b", "planet")], [*RELATIONS, ("Oslo", "owns", "Velsoft")]))
    assert unrequested["entity_f1"] == unrequested["relation_f1"] == 1
    assert unrequested["schema_legal"] == pytest.approx(-2 / 7)


def test_relations_with_a_wrong_signature_are_penalised_and_not_counted_in_f1() -> None:
    owns = RelationType("owns", signatures=(("person", "company"),))
    ontology = Ontology("news", "en", (EntityType("person"), EntityType("company")), (owns,))
    people, facts = [("Ben Ode", "person"), ("Velsoft", "company")], [("Ben Ode", "owns", "Velsoft")]

    def of(relations: list[tuple[str, str, str]], emitted: list[tuple[str, str]] = people) -> dict[str, float]:
        return parts(answer(emitted, relations), graph(people, facts), ontology=ontology)

    reversed_too = of([*facts, ("Velsoft", "owns", "Ben Ode")])
    assert reversed_too["relation_f1"] == 1 and reversed_too["spurious"] == 0
    assert reversed_too["schema_legal"] == pytest.approx(-1 / 3)
    dangling = of([*facts, ("Velsoft", "owns", "Ben Ode")], people[:1])
    assert dangling["relation_f1"] == 0 and dangling["spurious"] == pytest.approx(-1)


def test_a_wrong_relation_earns_less_than_an_empty_answer() -> None:
    empty, wrong = answer(relations=[]), answer(relations=[("Ben Ode", "lives in", "Oslo")])
    assert parts(empty)["relation_f1"] == parts(wrong)["relation_f1"] == 0
    assert parts(wrong)["spurious"] == pytest.approx(-1 / 3) and parts(empty)["spurious"] == 0
    assert total(wrong) < total(empty)
    one = graph(relations=RELATIONS[:1])
    right, other = (total(answer(relations=[r]), one) for r in (RELATIONS[0], RELATIONS[1]))
    break_even = (total(empty, one) - other) / (right - other)
    assert break_even == pytest.approx(WEIGHTS["spurious"] / (WEIGHTS["relation_f1"] + WEIGHTS["spurious"]))


def test_an_overlapping_span_earns_credit_by_its_tokens() -> None:
    short = answer([("Ana", "person"), *ENTITIES[1:]], [("Ana", "founded", "Velsoft"), *RELATIONS[1:]])
    none, some = parts(short), parts(short, span_credit=0.5)
    for name in ("entity_f1", "relation_f1"):
        assert none[name] < some[name] < 1
    assert none["spurious"] == some["spurious"] < 0
    assert some["entity_f1"] == pytest.approx(2 * (3 + 0.5 * token_f1("ana", "ana ruiz")) / 8)
