"""Phrases state one relation each and fit its signature."""

import re

import pytest

from examples.gazette.ontology import RELATION_TYPES
from examples.gazette.phrases import PHRASES


@pytest.mark.parametrize("relation", RELATION_TYPES)
def test_each_relation_has_many_phrases(relation: str) -> None:
    phrasing = PHRASES[relation]
    kinds = (phrasing.active, phrasing.passive, phrasing.apposition, phrasing.prenominal, phrasing.nominal)
    assert all(len(kind) >= 2 for kind in kinds)
    for kind in kinds:
        for phrase in kind:
            assert sorted(re.findall(r"\{\w+\}", phrase)) == ["{h}", "{t}"], phrase
    assert all(phrase.startswith(("{h}", "{t}")) for phrase in phrasing.active + phrasing.passive + phrasing.apposition)
    assert all(phrase.endswith(("{h}", "{t}")) for phrase in phrasing.prenominal)
    for phrase in phrasing.many:
        assert sorted(re.findall(r"\{\w+\}", phrase)) in (["{h}", "{ts}"], ["{hs}", "{t}"]), phrase


def test_phrases_of_different_relations_differ() -> None:
    """Within a signature, no phrase may state two relations: gold would be ambiguous."""
    owner: dict[tuple[str, str, str], str] = {}
    for relation, phrasing in PHRASES.items():
        for kind in vars(phrasing).values():
            for phrase in kind:
                assert owner.setdefault((*RELATION_TYPES[relation][:2], phrase), relation) == relation, phrase
