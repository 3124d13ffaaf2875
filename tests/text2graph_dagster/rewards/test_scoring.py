"""The formulas of the rewards, each by itself."""

import pytest

from tests.text2graph_dagster.rewards.reward_examples import (
    BEST,
    ENTITIES,
    RELATIONS,
    SETTINGS,
    WEIGHTS,
    answer,
    graph,
    parts,
    think,
    total,
)
from text2graph_dagster.errors import UserError
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.ontology import EntityType, Ontology, RelationType
from text2graph_dagster.rewards.matching import Credit, best_matching, token_f1
from text2graph_dagster.rewards.scoring import canonical, f1, penalty, verbosity
from text2graph_dagster.settings import Settings


def test_the_best_total_is_every_weight_and_no_penalty() -> None:
    assert total(answer()) == pytest.approx(BEST)
    assert total(think(answer()), thinking=True) == pytest.approx(BEST + WEIGHTS["format"])
    assert total(answer([], []), Graph()) == pytest.approx(BEST)


def test_relations_without_entities_earn_nothing() -> None:
    got = parts(answer((), RELATIONS))
    assert got["entity_f1"] == got["relation_f1"] == 0
    assert got["total"] <= WEIGHTS["json_valid"]


def test_a_relation_needs_ends_of_the_right_type() -> None:
    mistyped = [("Ana Ruiz", "person"), ("Velsoft", "city"), ("Oslo", "city"), ("Ben Ode", "person")]
    assert parts(answer(mistyped))["relation_f1"] == pytest.approx(2 * 2 / (3 + 3))


def test_reversed_relation_is_wrong_unless_it_is_symmetric() -> None:
    assert parts(answer(ENTITIES, [("Velsoft", "founded", "Ana Ruiz"), *RELATIONS[1:]]))["relation_f1"] < 1
    turned = [*RELATIONS[:2], ("Ben Ode", "married to", "Ana Ruiz")]
    assert parts(answer(ENTITIES, turned))["relation_f1"] == 1
    assert parts(answer(ENTITIES, [*RELATIONS, turned[2]]))["relation_f1"] < 1


def test_a_relation_may_be_said_by_its_inverse() -> None:
    relations = (RelationType("employs", inverse="works for"), RelationType("works for", inverse="employs"))
    ontology = Ontology("news", "en", (EntityType("person"), EntityType("company")), relations)
    people = [("Ana Ruiz", "person"), ("Velsoft", "company")]
    one, other = ("Ana Ruiz", "works for", "Velsoft"), ("Velsoft", "employs", "Ana Ruiz")

    def relation_f1(gold: list[tuple[str, str, str]], said: list[tuple[str, str, str]]) -> float:
        text = "Ana Ruiz works for Velsoft."
        return parts(answer(people, said), graph(people, gold), text=text, ontology=ontology)["relation_f1"]

    assert relation_f1([one], [other]) == relation_f1([one, other], [one]) == relation_f1([one], [one, other]) == 1
    assert relation_f1([one], [other, other]) == pytest.approx(2 / 3)
    assert relation_f1([one], [("Velsoft", "works for", "Ana Ruiz")]) == 0


def test_items_are_tuples_so_a_delimiter_in_a_name_means_nothing() -> None:
    text, gold = "a_b c and a b_c", graph([("a_b", "person"), ("c", "person")], [("a_b", "founded", "c")])
    confused = answer([("a", "person"), ("b_c", "person")], [("a", "founded", "b_c")])
    assert parts(confused, gold, text=text)["entity_f1"] == 0
    assert parts(confused, gold, text=text)["relation_f1"] == 0


def test_braces_and_quotes_inside_strings_are_text() -> None:
    gold = graph([('"Rack {9}"', "product")], [])
    assert total(answer([("Rack {9}", "product")], []), gold) == total(answer(), graph())


def test_an_untidy_answer_keeps_a_share_of_its_f1() -> None:
    fenced = parts(f"```json\n{answer()}\n```")
    assert fenced["json_valid"] == 0
    assert fenced["entity_f1"] == fenced["relation_f1"] == SETTINGS.credit.untidy


@pytest.mark.parametrize("untidy", [0.0, 0.5])
def test_weights_under_which_form_beats_content_are_refused(untidy: float) -> None:
    weights = {"json_valid": 1.4, "format": 0.1, "entity_f1": 1.0, "relation_f1": 2.0 if untidy else 0.5}
    with pytest.raises(UserError, match="json_valid and format"):
        Settings.load(overrides={"grpo": {"weights": weights, "credit": {"untidy": untidy}}})
    Settings.load(overrides={"grpo": {"weights": {**weights, "format": 0.0}, "credit": {"untidy": untidy}}})


def test_format_wants_one_closed_block_first_and_the_object_after_it() -> None:
    def format_of(completion: str) -> float:
        return parts(completion, thinking=True)["format"]

    assert format_of(think(answer())) == 1
    assert format_of(answer()) == 0
    assert format_of(think(answer(), "  ")) == 0
    assert format_of("Well. " + think(answer())) == 0
    assert format_of(think(answer()) + " Done.") == 0
    assert format_of("<think>" + think(answer())) == 0


def test_what_the_filter_drops_is_priced_and_not_scored() -> None:
    ungrounded = parts(answer([*ENTITIES, ("Madrid", "city")]))
    assert ungrounded["entity_f1"] == 1
    assert ungrounded["grounding"] == pytest.approx(-1 / 7)
    unrequested = parts(answer([*ENTITIES, ("a_b", "planet")], [*RELATIONS, ("Oslo", "owns", "Velsoft")]))
    assert unrequested["entity_f1"] == unrequested["relation_f1"] == 1
    assert unrequested["schema_legal"] == pytest.approx(-2 / 7)


def test_relations_between_types_that_may_not_be_are_dropped_too() -> None:
    owns = RelationType("owns", signatures=(("person", "company"),))
    ontology = Ontology("news", "en", (EntityType("person"), EntityType("company")), (owns,))
    people, held = [("Ben Ode", "person"), ("Velsoft", "company")], [("Ben Ode", "owns", "Velsoft")]

    def of(said: list[tuple[str, str, str]], emitted: list[tuple[str, str]] = people) -> dict[str, float]:
        return parts(answer(emitted, said), graph(people, held), ontology=ontology)

    turned = of([*held, ("Velsoft", "owns", "Ben Ode")])
    assert turned["relation_f1"] == 1 and turned["spurious"] == 0
    assert turned["schema_legal"] == pytest.approx(-1 / 3)
    endless = of([*held, ("Velsoft", "owns", "Ben Ode")], people[:1])
    assert endless["relation_f1"] == 0 and endless["spurious"] == pytest.approx(-1)


def test_a_wrong_relation_costs_even_where_silence_earns_nothing() -> None:
    silent, wrong = answer(relations=[]), answer(relations=[("Ben Ode", "lives in", "Oslo")])
    assert parts(silent)["relation_f1"] == parts(wrong)["relation_f1"] == 0
    assert parts(wrong)["spurious"] == pytest.approx(-1 / 3) and parts(silent)["spurious"] == 0
    assert total(wrong) < total(silent)
    one = graph(relations=RELATIONS[:1])
    right, other = (total(answer(relations=[r]), one) for r in (RELATIONS[0], RELATIONS[1]))
    pays_from = (total(silent, one) - other) / (right - other)
    assert pays_from == pytest.approx(WEIGHTS["spurious"] / (WEIGHTS["relation_f1"] + WEIGHTS["spurious"]))


def test_formulas() -> None:
    assert f1(0, 0, 0) == 1
    assert f1(0, 3, 0) == 0.25
    assert f1(0, 0, 3) == 0
    assert f1(2, 4, 2) == pytest.approx(2 / 3)
    assert penalty(2, 4) == -0.5
    assert penalty(9, 4) == -1
    assert penalty(1, 0) == -1
    assert verbosity(5, 4) == 0
    assert verbosity(7, 4) == pytest.approx(-2 / 5)
    assert verbosity(100, 4) == -1
    assert canonical("  “Ｖｅｌ  Soft”., ") == "vel soft"
    assert canonical("...") != canonical(";")
    assert token_f1("ana ruiz", "ana maria ruiz") == pytest.approx(0.8)
    assert token_f1("ana", "ana maria ruiz de oslo") == 0
    assert token_f1("北京大学", "北京") == pytest.approx(2 / 3)
    assert token_f1("new york new york", "new york") == pytest.approx(2 / 3)
    assert best_matching({(0, 0): 0.4, (0, 1): 0.5, (1, 1): 0.45}) == pytest.approx(0.85)
    assert best_matching({(0, 7): 0.4, (3, 1): 0.5}) == pytest.approx(0.9)
    assert best_matching({(0, 0): 0.4, (0, 1): 0.5}) == best_matching({(0, 1): 0.4, (2, 1): 0.5}) == 0.5
    assert best_matching({}) == 0


def test_an_overlapping_span_earns_credit_by_its_tokens() -> None:
    short = answer([("Ana", "person"), *ENTITIES[1:]], [("Ana", "founded", "Velsoft"), *RELATIONS[1:]])
    none, some = parts(short), parts(short, credit=Credit(span=0.5))
    for name in ("entity_f1", "relation_f1"):
        assert none[name] < some[name] < 1
    assert none["spurious"] == some["spurious"] < 0
    assert some["entity_f1"] == pytest.approx(2 * (3 + 0.5 * token_f1("ana", "ana ruiz")) / 8)


def test_a_right_type_on_a_wrong_span_earns_credit_once() -> None:
    elsewhere = answer([*ENTITIES[:3], ("c", "person"), ("a_b", "person")], [])
    assert parts(elsewhere)["entity_f1"] == pytest.approx(2 * 3 / 9)
    assert parts(elsewhere, credit=Credit(type=0.3))["entity_f1"] == pytest.approx(2 * 3.3 / 9)


def test_the_right_pair_under_another_type_earns_credit() -> None:
    renamed = answer(ENTITIES, [("Ana Ruiz", "visited", "Velsoft"), *RELATIONS[1:]])
    assert parts(renamed)["relation_f1"] == pytest.approx(2 * 2 / 6)
    assert parts(renamed, credit=Credit(pair=0.5))["relation_f1"] == pytest.approx(2 * 2.5 / 6)
    turned = answer(ENTITIES, [("Velsoft", "visited", "Ana Ruiz"), *RELATIONS[1:]])
    assert parts(turned, credit=Credit(pair=0.5))["relation_f1"] == pytest.approx(2 * 2 / 6)


def test_credit_for_what_is_half_right_never_reaches_that_for_what_is_right() -> None:
    with pytest.raises(ValueError, match="span"):
        Credit(span=0.6)


def test_a_name_under_a_second_and_wrong_type_ends_no_relation() -> None:
    hedged = parts(answer([*ENTITIES, ("Oslo", "company")]))
    assert hedged["relation_f1"] == pytest.approx(2 * 2 / 6) and hedged["entity_f1"] == pytest.approx(8 / 9)
    both = graph([*ENTITIES, ("Oslo", "company")])
    assert parts(answer([*ENTITIES, ("Oslo", "company")]), both)["relation_f1"] == 1


def test_counts_are_given_for_monitoring() -> None:
    got = parts(answer(ENTITIES[:3], RELATIONS[:1]))
    assert [got[f"{side}_{kind}"] for side in ("predicted", "gold") for kind in ("entities", "relations")] == [
        3,
        1,
        4,
        3,
    ]
