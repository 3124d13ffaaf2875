"""The entity and relation items that the reward compares."""

import pytest

from tests.text2graph_dagster.rewards.reward_examples import (
    ENTITIES,
    RELATIONS,
    answer,
    graph,
    parts,
    total,
)
from text2graph_dagster.ontology import EntityType, Ontology, RelationType


def test_reversed_relation_is_wrong_unless_it_is_symmetric() -> None:
    assert parts(answer(ENTITIES, [("Velsoft", "founded", "Ana Ruiz"), *RELATIONS[1:]]))["relation_f1"] < 1
    inverted = [*RELATIONS[:2], ("Ben Ode", "married to", "Ana Ruiz")]
    assert parts(answer(ENTITIES, inverted))["relation_f1"] == 1
    assert parts(answer(ENTITIES, [*RELATIONS, inverted[2]]))["relation_f1"] < 1


def test_a_relation_and_its_inverse_are_the_same_item() -> None:
    relations = (RelationType("employs", inverse="works for"), RelationType("works for", inverse="employs"))
    ontology = Ontology("news", "en", (EntityType("person"), EntityType("company")), relations)
    people = [("Ana Ruiz", "person"), ("Velsoft", "company")]
    one, other = ("Ana Ruiz", "works for", "Velsoft"), ("Velsoft", "employs", "Ana Ruiz")

    def relation_f1(gold: list[tuple[str, str, str]], emitted: list[tuple[str, str, str]]) -> float:
        text = "Ana Ruiz works for Velsoft."
        return parts(answer(people, emitted), graph(people, gold), text=text, ontology=ontology)["relation_f1"]

    assert relation_f1([one], [other]) == relation_f1([one, other], [one]) == relation_f1([one], [one, other]) == 1
    assert relation_f1([one], [other, other]) == pytest.approx(2 / 3)
    assert relation_f1([one], [("Velsoft", "works for", "Ana Ruiz")]) == 0


def test_delimiters_in_names_do_not_merge_or_split_items() -> None:
    text, gold = "a_b c and a b_c", graph([("a_b", "person"), ("c", "person")], [("a_b", "founded", "c")])
    confused = answer([("a", "person"), ("b_c", "person")], [("a", "founded", "b_c")])
    assert parts(confused, gold, text=text)["entity_f1"] == 0
    assert parts(confused, gold, text=text)["relation_f1"] == 0


def test_braces_and_quotes_inside_strings_are_read_as_text() -> None:
    gold = graph([('"Rack {9}"', "product")], [])
    assert total(answer([("Rack {9}", "product")], []), gold) == total(answer(), graph())
