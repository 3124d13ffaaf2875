"""Make preference pairs: two graphs of the same passage with different GRPO rewards.

A reward model is trained on the pairs, as in ChatUIE. Some pairs are the gold graph and a copy with one mistake: a
confusable type, a shifted span, an inverted relation, a dropped item or an invented item. Other pairs are two answers
of a student, the better and the worse. All graphs have passed the legality filter, because a reward model sees no
others: it has to tell right from wrong, and the format is scored without it.
"""

import itertools
import random
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, TypeVar

from text2graph_dagster.dataset.confusions import Confusions
from text2graph_dagster.graph.legality import legalise
from text2graph_dagster.graph.mentions import find_occurrences
from text2graph_dagster.graph.model import Graph, ParsedGraph
from text2graph_dagster.graph.wire import serialise
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.rewards.items import RewardRequest
from text2graph_dagster.rewards.scoring import score_completion

T = TypeVar("T")
PairKind = Literal["entity_type", "relation_type", "span", "flip", "dropped", "invented", "sampled"]
_MAX_CONFUSABLE = 3  # a wrong type is sampled from this many of the most confusable types
_ALL_DROPPED = 0.2  # share of the "dropped" pairs that lose all relations: a collapse that cheap rewards encourage
_WORD = re.compile(r"\w+")
_NEXT_WORD = re.compile(r"\s+\w+")
_LAST_WORD = re.compile(r"\w+\s+$")
_NAME = re.compile(r"\b[A-Z]\w+(?: [A-Z]\w+)*")


@dataclass(frozen=True, slots=True)
class GraphPreference:
    """Two legal graphs of the same passage; `kind` tells how the rejected graph was made."""

    kind: PairKind
    chosen: Graph
    rejected: Graph


@dataclass(frozen=True)
class PairCase:
    """A passage, the requested types, and the gold graph; `weights` are the reward's weights."""

    text: str
    entity_types: Collection[str]
    relation_types: Collection[str]
    gold: Graph
    ontology: Ontology | None
    weights: Mapping[str, float]

    def legalise(self, answer: ParsedGraph) -> Graph:
        """Return the legal part of an answer as a graph."""
        return legalise(answer, self.text, self.entity_types, self.relation_types, self.ontology).graph

    def reward(self, graph: Graph) -> float:
        """Return the reward of a graph."""
        return score_completion(serialise(graph, "compact"), self._request, self.weights)["total"]

    @cached_property
    def _request(self) -> RewardRequest:
        return RewardRequest.prepare(self.text, self.entity_types, self.relation_types, self.gold, self.ontology)


def corrupt_graph(case: PairCase, confusions: Confusions, rng: random.Random) -> list[GraphPreference]:
    """Pair the passage's graph with corrupted copies of it, each with one mistake; at most one pair of each kind."""
    draft = to_parsed_graph(case.gold)
    right = case.legalise(draft)
    reward = case.reward(right)
    pairs = []
    for kind, corrupt in _CORRUPTIONS.items():
        corrupted = corrupt(draft, case, confusions, rng)
        if corrupted is None:
            continue
        wrong = case.legalise(corrupted)
        # Users never see a mistake that the filter removes.
        visible = kind == "dropped" or kind == "entity_type" or len(wrong.relations) >= len(right.relations)
        if visible and case.reward(wrong) < reward:
            pairs.append(GraphPreference(kind, right, wrong))
    return pairs


def rank_answers(
    case: PairCase, answers: Iterable[ParsedGraph], max_pairs: int, rng: random.Random
) -> list[GraphPreference]:
    """Sample at most `max_pairs` pairs of a student's answers with different rewards; the better one is chosen."""
    by_reward = {round(case.reward(graph), 6): graph for graph in map(case.legalise, answers)}
    ordered = [by_reward[reward] for reward in sorted(by_reward, reverse=True)]
    pairs = list(itertools.combinations(ordered, 2))
    return [GraphPreference("sampled", *pair) for pair in rng.sample(pairs, min(max_pairs, len(pairs)))]


def to_parsed_graph(graph: Graph) -> ParsedGraph:
    """Return the parsed answer that has this graph."""
    return ParsedGraph(
        tuple((entity.text, entity.type) for entity in graph.entities),
        tuple((head.text, kind, tail.text) for head, kind, tail in graph.triples()),
    )


def _confuse_entity_type(
    draft: ParsedGraph, case: PairCase, confusions: Confusions, rng: random.Random
) -> ParsedGraph | None:
    at = _choose(range(len(draft.entities)), rng)
    if at is None:
        return None
    text, kind = draft.entities[at]
    confusable = _most_confusable(confusions.entity_types.get(kind, ()), case.entity_types)
    others = confusable or [t for t in case.entity_types if t != kind]
    other = _choose([t for t in others if (text, t) not in draft.entities], rng)
    return None if other is None else replace(draft, entities=_replace_at(draft.entities, at, (text, other)))


def _confuse_relation_type(
    draft: ParsedGraph, case: PairCase, confusions: Confusions, rng: random.Random
) -> ParsedGraph | None:
    at = _choose(range(len(draft.relations)), rng)
    if at is None:
        return None
    head, kind, tail = draft.relations[at]
    first, _, second = case.gold.triples()[at]
    known = confusions.relation_types.get(kind, ())
    fitting = [t for t in (known or case.relation_types) if t != kind and _allows(case, first.type, t, second.type)]
    names = [t for t in _most_confusable(fitting, case.relation_types) if (head, t, tail) not in draft.relations]
    other = _choose(names, rng)
    return None if other is None else replace(draft, relations=_replace_at(draft.relations, at, (head, other, tail)))


def _shift_span(draft: ParsedGraph, case: PairCase, confusions: Confusions, rng: random.Random) -> ParsedGraph | None:
    """Move the start or end of a name by one word, everywhere in the answer."""
    at = _choose(range(len(draft.entities)), rng)
    if at is None:
        return None
    text, kind = draft.entities[at]
    other = _choose([s for s in _shift_name(text, case.text) if (s, kind) not in draft.entities], rng)
    if other is None:
        return None
    relations = tuple((other if h == text else h, k, other if t == text else t) for h, k, t in draft.relations)
    return replace(draft, entities=_replace_at(draft.entities, at, (other, kind)), relations=relations)


def _shift_name(name: str, text: str) -> list[str]:
    """Return the name without its first or last word, or with the word before or after it."""
    words = list(_WORD.finditer(name))
    found = [name[words[1].start() :], name[: words[-2].end()]] if len(words) > 1 else []
    for place in find_occurrences(name, text)[:1]:
        if after := _NEXT_WORD.match(text, place.end):
            found.append(text[place.start : after.end()])
        if before := _LAST_WORD.search(text[: place.start]):
            found.append(text[before.start() : place.end])
    return found


def _invert_relation(
    draft: ParsedGraph, case: PairCase, confusions: Confusions, rng: random.Random
) -> ParsedGraph | None:
    """Swap head and tail of a relation, if this changes its meaning and the ontology allows it."""
    choices = [
        i
        for i, (head, kind, tail) in enumerate(case.gold.triples())
        if head.text != tail.text and _allows(case, tail.type, kind, head.type) and not _is_symmetric(case, kind)
    ]
    at = _choose(choices, rng)
    return None if at is None else replace(draft, relations=_replace_at(draft.relations, at, draft.relations[at][::-1]))


def _drop_item(draft: ParsedGraph, case: PairCase, confusions: Confusions, rng: random.Random) -> ParsedGraph | None:
    """Leave out a relation, an entity with its relations, or all relations."""
    if draft.relations and rng.random() < _ALL_DROPPED:
        return replace(draft, relations=())
    at = _choose(range(len(draft.entities) + len(draft.relations)), rng)
    if at is None:
        return None
    if at >= len(draft.entities):
        at -= len(draft.entities)
        return replace(draft, relations=draft.relations[:at] + draft.relations[at + 1 :])
    text, _ = draft.entities[at]
    relations = tuple(r for r in draft.relations if text not in (r[0], r[2]))
    return replace(draft, entities=draft.entities[:at] + draft.entities[at + 1 :], relations=relations)


def _invent_item(draft: ParsedGraph, case: PairCase, confusions: Confusions, rng: random.Random) -> ParsedGraph | None:
    """Add a relation between two entities, or an entity whose text is written like a name."""
    possible = [
        (head.text, kind, tail.text)
        for head, tail in itertools.permutations(case.gold.entities, 2)
        for kind in case.relation_types
        if head.text != tail.text and _allows(case, head.type, kind, tail.type)
    ]
    relation = _choose([r for r in possible if r not in draft.relations], rng)
    known = {text for text, _ in draft.entities}
    name = _choose([n for n in dict.fromkeys(_NAME.findall(case.text)) if n not in known], rng)
    if relation is not None and (name is None or rng.random() < 0.5):
        return replace(draft, relations=(*draft.relations, relation))
    if name is None or not case.entity_types:
        return None
    return replace(draft, entities=(*draft.entities, (name, rng.choice(list(case.entity_types)))))


_Corruption = Callable[[ParsedGraph, PairCase, Confusions, random.Random], ParsedGraph | None]
_CORRUPTIONS: Mapping[PairKind, _Corruption] = {
    "entity_type": _confuse_entity_type,
    "relation_type": _confuse_relation_type,
    "span": _shift_span,
    "flip": _invert_relation,
    "dropped": _drop_item,
    "invented": _invent_item,
}
PAIR_KINDS: Sequence[PairKind] = (*_CORRUPTIONS, "sampled")


def _choose(items: Sequence[T], rng: random.Random) -> T | None:
    return rng.choice(items) if items else None


def _replace_at(items: tuple[T, ...], at: int, item: T) -> tuple[T, ...]:
    return (*items[:at], item, *items[at + 1 :])


def _most_confusable(ranked: Sequence[str], types: Collection[str]) -> list[str]:
    return [t for t in ranked if t in types][:_MAX_CONFUSABLE]


def _allows(case: PairCase, head: str, kind: str, tail: str) -> bool:
    return case.ontology is None or case.ontology.allows(head, kind, tail)


def _is_symmetric(case: PairCase, kind: str) -> bool:
    return case.ontology is not None and case.ontology.relation(kind).symmetric
