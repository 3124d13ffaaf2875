"""Templates that state no fact fit the types of their slots."""

import re

from examples.gazette import fillers
from examples.gazette.ontology import ENTITY_TYPES, RELATION_TYPES


def test_templates_without_facts_have_the_right_slots() -> None:
    assert set(fillers.PREDICATES) == set(ENTITY_TYPES)
    for templates in fillers.COOCCURRENCES.values():
        assert all(sorted(re.findall(r"\{\w+\}", template)) == ["{a}", "{b}"] for template in templates)
    for templates in (*fillers.HEDGES.values(), *fillers.DENIALS.values()):
        assert all(sorted(re.findall(r"\{\w+\}", template)) == ["{h}", "{t}"] for template in templates)
    assert set(fillers.HEDGES) | set(fillers.DENIALS) <= set(RELATION_TYPES)
