"""Cues that a passage states a relation between two names; they need no training and apply to every relation alike.

Cues are the relation's trigger words from the ontology, the distance between the names, what is between them, negation
and hedging. With them, relations with too few labels to train on can be judged too.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from text2graph_dagster.dataset.denoising.pair_features import PairContext, iterate_stems, tokenise_words
from text2graph_dagster.ontology import Ontology, RelationType

# Each cue's weight in a logistic regression, rounded from fits on the gold of the gazette's dev part and of CoNLL04's
# train part (all pairs with a legal signature). "bias" is lower than fitted: without a cue, no relation is predicted.
CUE_WEIGHTS = {
    "bias": -1.5,
    "distance": -0.5,
    "adjacent": 0.5,
    "same_type_between": -0.7,
    "other_type_between": -0.5,
    "negated_or_hedged": -1.5,
    "across_sentences": -1.0,
    "enumerated": -2.5,
    "named_between": 2.5,
    "named_around": 1.0,
    "described": 1.5,
    "connected_by_alias": 2.5,
}
COMMON_CUES = 8  # the first 8 cues are the same for every relation
_MAX_DISTANCE = 24  # tokens; longer distances count as this
_DENIAL_LIST = """
    not never no nor neither without deny denied denies false rumour rumor rumours rumors alleged allegedly reportedly
    may might could would if whether perhaps possibly nearly almost former ex 不 没 未 非 无 否 若 或 据 传 曾
"""
_DENIALS = frozenset(_DENIAL_LIST.split())
_SENTENCE_ENDS = frozenset(".!?;。！？；")
_ENUMERATIONS = frozenset({("and",), (",",), (",", "and"), ("、",), ("和",), ("与",), ("及",), ("or",)})


@dataclass(frozen=True, slots=True)
class TriggerWords:
    """Words that the ontology itself uses for a relation: in its name and aliases, and in its description.

    `connectors` are aliases without a content word ("in", ","): they count only if nothing else is between a head
    and a tail that follows it.
    """

    named: frozenset[str]
    described: frozenset[str]
    connectors: frozenset[tuple[str, ...]]

    @classmethod
    def of(cls, relation: RelationType, ontology: Ontology) -> "TriggerWords":
        """Collect a relation's trigger words; words of entity types are left out, because they are not specific."""
        types = {stem for name in ontology.entity_names for stem in iterate_stems(tokenise_words(name))}
        phrases = [tokenise_words(phrase) for phrase in (relation.name, *relation.kb_relations, *relation.aliases)]
        named = {stem for phrase in phrases for stem in iterate_stems(phrase)} - types
        described = set(iterate_stems(tokenise_words(relation.description))) - types - named
        aliases = [tokenise_words(alias) for alias in relation.aliases]
        connectors = {tuple(alias) for alias in aliases if not set(iterate_stems(alias))}
        return cls(frozenset(named), frozenset(described), frozenset(connectors))


def compute_common_cues(context: PairContext) -> tuple[float, ...]:
    """Return the cues that are the same for every relation, in the order of `CUE_WEIGHTS`."""
    same = sum(kind in context.ends for kind in context.types_between)
    return (
        1.0,
        min(len(context.between), _MAX_DISTANCE) / 10,
        float(len(context.between) <= 1),
        float(min(same, 3)),
        float(min(len(context.types_between) - same, 3)),
        float(not (_DENIALS.isdisjoint(context.between) and _DENIALS.isdisjoint(context.before))),
        float(not _SENTENCE_ENDS.isdisjoint(context.between)),
        float(context.ends[0] == context.ends[1] and context.between in _ENUMERATIONS),
    )


def compute_trigger_cues(context: PairContext, triggers: TriggerWords) -> tuple[bool, bool, bool, bool]:
    """Return the cues that depend on the relation, in the order of `CUE_WEIGHTS`."""
    return (
        not triggers.named.isdisjoint(context.inside),
        not triggers.named.isdisjoint(context.outside),
        not (triggers.described.isdisjoint(context.inside) and triggers.described.isdisjoint(context.outside)),
        context.forwards and context.between in triggers.connectors,
    )


def predict_from_cues(cues: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the probability that each pair has the relation, from cues alone: (pairs, cues) → (pairs,)."""
    logits = cues.astype(np.float64) @ np.array(list(CUE_WEIGHTS.values()))
    return np.asarray(1 / (1 + np.exp(-logits)))
