"""Worlds have consistent facts, and some ambiguous names."""

from collections import Counter

from examples.gazette.ontology import RELATION_TYPES, SYMMETRIC
from examples.gazette.world import World


def test_a_world_has_each_fact_once_with_the_right_types(world: World) -> None:
    assert len(set(world.facts)) == len(world.facts)
    for head, relation, tail in world.facts:
        assert (head.type, tail.type) == RELATION_TYPES[relation][:2]
        assert head != tail
        assert relation not in SYMMETRIC or not world.holds(tail, relation, head)


def test_some_names_are_ambiguous(world: World) -> None:
    owners = Counter((form.text, e.type) for e in world.entities for form in e.forms)
    assert any(count > 1 for (_, type_), count in owners.items() if type_ == "person")
    cities = {form.text for city in world.of_type["city"] for form in city.forms}
    assert any(form.text in cities for company in world.of_type["company"] for form in company.forms)
