"""Canonical texts and the direction of relations: how items of two graphs are compared."""

import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from text2graph_dagster.ontology import Ontology

Item = tuple[str, str]  # canonical text, type
Triple = tuple[str, str, str]  # canonical head, relation type, canonical tail

_OUTER = "\"'`“”„‘’‚«»‹›「」『』《》.,;: "

NO_INVERSIONS: Mapping[str, str] = {}


@lru_cache(maxsize=1 << 16)
def canonicalise(text: str) -> str:
    """Return `text` in NFKC, casefolded, without surplus white space, outer quotes and outer `.,;:`."""
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return folded.strip(_OUTER) or folded


def inverted_relations(ontology: Ontology | None) -> dict[str, str]:
    """Map each relation that may be inverted to the relation that replaces it.

    A symmetric relation is mapped to itself. Of two inverse relations, the alphabetically later is mapped to the other.
    """
    inverted: dict[str, str] = {}
    for relation in ontology.relation_types if ontology else ():
        if relation.symmetric or relation.inverse == relation.name:
            inverted[relation.name] = relation.name
        elif relation.inverse:
            inverted[max(relation.name, relation.inverse)] = min(relation.name, relation.inverse)
    return inverted


def orient(head: Item, tail: Item, kind: str, inverted: Mapping[str, str]) -> tuple[Item, str, Item]:
    """Return a relation in the direction in which it is compared; for a symmetric one, head and tail are sorted."""
    name = inverted.get(kind, kind)
    if name != kind or (kind in inverted and tail < head):
        head, tail = tail, head
    return head, name, tail
