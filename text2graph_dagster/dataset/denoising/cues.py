"""Cues that a passage states a relation between two names; they need no training and speak of every relation alike.

Whether a word by which the ontology itself speaks of the relation stands there, how far apart the two names are, what
stands between them, whether it is denied or hedged. So a relation with too few labels to learn from can be judged too.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from text2graph_dagster.dataset.denoising.pair_features import Place, stems, words
from text2graph_dagster.ontology import Ontology, RelationType

# Each cue's weight in a logistic regression. They were rounded from fits on the gold of the gazette's dev part and of
# CoNLL04's train part (all pairs of a legal signature); "always" is lower than fitted, so that silence means no.
WEIGHTS = {
    "always": -1.5,
    "far": -0.5,
    "beside": 0.5,
    "same_type": -0.7,
    "other_type": -0.5,
    "denied": -1.5,
    "across": -1.0,
    "listed": -2.5,
    "named_between": 2.5,
    "named_around": 1.0,
    "described": 1.5,
    "whole": 2.5,
}
COMMON = 8  # so many of them are the same for every relation
_FAR = 24  # tokens; what is farther apart is as far
_DENIAL_LIST = """
    not never no nor neither without deny denied denies false rumour rumor rumours rumors alleged allegedly reportedly
    may might could would if whether perhaps possibly nearly almost former ex 不 没 未 非 无 否 若 或 据 传 曾
"""
_DENIALS = frozenset(_DENIAL_LIST.split())
_SENTENCE_ENDS = frozenset(".!?;。！？；")
_LISTING = frozenset({("and",), (",",), (",", "and"), ("、",), ("和",), ("与",), ("及",), ("or",)})


@dataclass(frozen=True, slots=True)
class Triggers:
    """Words by which the ontology itself speaks of a relation: of its name and aliases, and of its description.

    `whole` are aliases without a word of their own ("in", ","): they count where they are all that stands from a head
    to the tail behind it.
    """

    named: frozenset[str]
    described: frozenset[str]
    whole: frozenset[tuple[str, ...]]

    @classmethod
    def of(cls, relation: RelationType, ontology: Ontology) -> "Triggers":
        """Read them from the ontology; names of entity types tell nothing and are left out."""
        types = {stem for name in ontology.entity_names for stem in stems(words(name))}
        phrases = [words(phrase) for phrase in (relation.name, *relation.kb_relations, *relation.aliases)]
        named = {stem for phrase in phrases for stem in stems(phrase)} - types
        described = set(stems(words(relation.description))) - types - named
        aliases = [words(alias) for alias in relation.aliases]
        whole = {tuple(alias) for alias in aliases if not set(stems(alias))}
        return cls(frozenset(named), frozenset(described), frozenset(whole))


def common_cues(place: Place) -> tuple[float, ...]:
    """Return the cues that are the same for every relation, in the order of `WEIGHTS`."""
    same = sum(kind in place.ends for kind in place.types_between)
    return (
        1.0,
        min(len(place.between), _FAR) / 10,
        float(len(place.between) <= 1),
        float(min(same, 3)),
        float(min(len(place.types_between) - same, 3)),
        float(not (_DENIALS.isdisjoint(place.between) and _DENIALS.isdisjoint(place.before))),
        float(not _SENTENCE_ENDS.isdisjoint(place.between)),
        float(place.ends[0] == place.ends[1] and place.between in _LISTING),
    )


def trigger_cues(place: Place, triggers: Triggers) -> tuple[bool, bool, bool, bool]:
    """Return the cues that depend on the relation, in the order of `WEIGHTS`."""
    return (
        not triggers.named.isdisjoint(place.inside),
        not triggers.named.isdisjoint(place.outside),
        not (triggers.described.isdisjoint(place.inside) and triggers.described.isdisjoint(place.outside)),
        place.forwards and place.between in triggers.whole,
    )


def likelihood(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return how likely a statement is by the cues alone: (pairs, cues) to (pairs,)."""
    logits = values.astype(np.float64) @ np.array(list(WEIGHTS.values()))
    return np.asarray(1 / (1 + np.exp(-logits)))
