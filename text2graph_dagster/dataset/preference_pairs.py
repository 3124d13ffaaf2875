"""Preference pairs: two graphs of one passage, of which `rewards.scoring` prefers one.

What a reward model learns from, after ChatUIE: the right graph against the same one with a type that the corpus takes
for another, a span that is shifted, a relation turned round, something dropped, something invented; and of a student's
own answers the better against the worse. Only what passes the legality filter is compared, since only that is ever
shown to a reward model: it has to tell right from wrong, and form is judged without it.
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
from text2graph_dagster.graph.mentions import occurrences
from text2graph_dagster.graph.model import Graph, ParsedGraph
from text2graph_dagster.graph.wire import serialise
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.rewards.items import RewardRequest
from text2graph_dagster.rewards.scoring import score_completion

T = TypeVar("T")
Kind = Literal["entity_type", "relation_type", "span", "flip", "dropped", "invented", "sampled"]
_MOST_CONFUSABLE = 3  # a wrong type is drawn from so many, the most tempting ones
_ALL_DROPPED = 0.2  # share of the droppings that leave no relation: the collapse that cheap rewards invite
_WORD = re.compile(r"\w+")
_NEXT_WORD = re.compile(r"\s+\w+")
_LAST_WORD = re.compile(r"\w+\s+$")
_NAME = re.compile(r"\b[A-Z]\w+(?: [A-Z]\w+)*")


@dataclass(frozen=True, slots=True)
class Preference:
    """Two legal graphs of the same passage; `kind` says how the rejected one came about."""

    kind: Kind
    chosen: Graph
    rejected: Graph


@dataclass(frozen=True)
class Case:
    """A passage, what is asked of it, and the graph that it holds; `weights` are the reward's."""

    text: str
    entity_types: Collection[str]
    relation_types: Collection[str]
    gold: Graph
    ontology: Ontology | None
    weights: Mapping[str, float]

    def legal(self, answer: ParsedGraph) -> Graph:
        """Return what the legality filter leaves of an answer."""
        return legalise(answer, self.text, self.entity_types, self.relation_types, self.ontology).graph

    def worth(self, graph: Graph) -> float:
        """Return the reward of a graph."""
        return score_completion(serialise(graph, "compact"), self._request, self.weights)["total"]

    @cached_property
    def _request(self) -> RewardRequest:
        return RewardRequest.prepare(self.text, self.entity_types, self.relation_types, self.gold, self.ontology)


def corrupt(case: Case, confusions: Confusions, rng: random.Random) -> list[Preference]:
    """Return the passage's graph against the same one with a single mistake, at most one pair for every kind."""
    draft = as_written(case.gold)
    right = case.legal(draft)
    worth = case.worth(right)
    pairs = []
    for kind, change in _CHANGES.items():
        changed = change(draft, case, confusions, rng)
        if changed is None:
            continue
        wrong = case.legal(changed)
        # What the filter takes out again is no mistake of this kind that a user would ever see.
        seen = kind == "dropped" or kind == "entity_type" or len(wrong.relations) >= len(right.relations)
        if seen and case.worth(wrong) < worth:
            pairs.append(Preference(kind, right, wrong))
    return pairs


def rank(case: Case, answers: Iterable[ParsedGraph], most: int, rng: random.Random) -> list[Preference]:
    """Return at most `most` pairs of a student's answers, the better of each chosen; equally good ones make none."""
    by_worth = {round(case.worth(graph), 6): graph for graph in map(case.legal, answers)}
    ordered = [by_worth[worth] for worth in sorted(by_worth, reverse=True)]
    pairs = list(itertools.combinations(ordered, 2))
    return [Preference("sampled", *pair) for pair in rng.sample(pairs, min(most, len(pairs)))]


def as_written(graph: Graph) -> ParsedGraph:
    """Return a graph as an answer that says it."""
    return ParsedGraph(
        tuple((entity.text, entity.type) for entity in graph.entities),
        tuple((head.text, kind, tail.text) for head, kind, tail in graph.triples()),
    )


def _mistake_entity_type(
    draft: ParsedGraph, case: Case, confusions: Confusions, rng: random.Random
) -> ParsedGraph | None:
    at = _any(range(len(draft.entities)), rng)
    if at is None:
        return None
    text, kind = draft.entities[at]
    tempting = _tempting(confusions.entity_types.get(kind, ()), case.entity_types)
    others = tempting or [t for t in case.entity_types if t != kind]
    other = _any([t for t in others if (text, t) not in draft.entities], rng)
    return None if other is None else replace(draft, entities=_with(draft.entities, at, (text, other)))


def _mistake_relation_type(
    draft: ParsedGraph, case: Case, confusions: Confusions, rng: random.Random
) -> ParsedGraph | None:
    at = _any(range(len(draft.relations)), rng)
    if at is None:
        return None
    head, kind, tail = draft.relations[at]
    first, _, second = case.gold.triples()[at]
    known = confusions.relation_types.get(kind, ())
    fitting = [t for t in (known or case.relation_types) if t != kind and _fits(case, first.type, t, second.type)]
    said = [t for t in _tempting(fitting, case.relation_types) if (head, t, tail) not in draft.relations]
    other = _any(said, rng)
    return None if other is None else replace(draft, relations=_with(draft.relations, at, (head, other, tail)))


def _shift_span(draft: ParsedGraph, case: Case, confusions: Confusions, rng: random.Random) -> ParsedGraph | None:
    """Let a name begin or end a word too early or too late, wherever it stands in the answer."""
    at = _any(range(len(draft.entities)), rng)
    if at is None:
        return None
    text, kind = draft.entities[at]
    other = _any([s for s in _shifted(text, case.text) if (s, kind) not in draft.entities], rng)
    if other is None:
        return None
    relations = tuple((other if h == text else h, k, other if t == text else t) for h, k, t in draft.relations)
    return replace(draft, entities=_with(draft.entities, at, (other, kind)), relations=relations)


def _shifted(name: str, text: str) -> list[str]:
    """Return the name without its first or last word, or with the word before or after it."""
    words = list(_WORD.finditer(name))
    found = [name[words[1].start() :], name[: words[-2].end()]] if len(words) > 1 else []
    for place in occurrences(name, text)[:1]:
        if after := _NEXT_WORD.match(text, place.end):
            found.append(text[place.start : after.end()])
        if before := _LAST_WORD.search(text[: place.start]):
            found.append(text[before.start() : place.end])
    return found


def _flip(draft: ParsedGraph, case: Case, confusions: Confusions, rng: random.Random) -> ParsedGraph | None:
    """Turn a relation round, where that says something else and the ontology allows it."""
    choices = [
        i
        for i, (head, kind, tail) in enumerate(case.gold.triples())
        if head.text != tail.text and _fits(case, tail.type, kind, head.type) and not _symmetric(case, kind)
    ]
    at = _any(choices, rng)
    return None if at is None else replace(draft, relations=_with(draft.relations, at, draft.relations[at][::-1]))


def _drop(draft: ParsedGraph, case: Case, confusions: Confusions, rng: random.Random) -> ParsedGraph | None:
    """Leave out a relation, an entity with its relations, or everything that is said of anything."""
    if draft.relations and rng.random() < _ALL_DROPPED:
        return replace(draft, relations=())
    at = _any(range(len(draft.entities) + len(draft.relations)), rng)
    if at is None:
        return None
    if at >= len(draft.entities):
        at -= len(draft.entities)
        return replace(draft, relations=draft.relations[:at] + draft.relations[at + 1 :])
    text, _ = draft.entities[at]
    relations = tuple(r for r in draft.relations if text not in (r[0], r[2]))
    return replace(draft, entities=draft.entities[:at] + draft.entities[at + 1 :], relations=relations)


def _invent(draft: ParsedGraph, case: Case, confusions: Confusions, rng: random.Random) -> ParsedGraph | None:
    """Say one relation more of two entities, or name one thing more, written like a name."""
    sayable = [
        (head.text, kind, tail.text)
        for head, tail in itertools.permutations(case.gold.entities, 2)
        for kind in case.relation_types
        if head.text != tail.text and _fits(case, head.type, kind, tail.type)
    ]
    relation = _any([r for r in sayable if r not in draft.relations], rng)
    known = {text for text, _ in draft.entities}
    name = _any([n for n in dict.fromkeys(_NAME.findall(case.text)) if n not in known], rng)
    if relation is not None and (name is None or rng.random() < 0.5):
        return replace(draft, relations=(*draft.relations, relation))
    if name is None or not case.entity_types:
        return None
    return replace(draft, entities=(*draft.entities, (name, rng.choice(list(case.entity_types)))))


_Change = Callable[[ParsedGraph, Case, Confusions, random.Random], ParsedGraph | None]
_CHANGES: Mapping[Kind, _Change] = {
    "entity_type": _mistake_entity_type,
    "relation_type": _mistake_relation_type,
    "span": _shift_span,
    "flip": _flip,
    "dropped": _drop,
    "invented": _invent,
}
KINDS: Sequence[Kind] = (*_CHANGES, "sampled")


def _any(items: Sequence[T], rng: random.Random) -> T | None:
    return rng.choice(items) if items else None


def _with(items: tuple[T, ...], at: int, item: T) -> tuple[T, ...]:
    return (*items[:at], item, *items[at + 1 :])


def _tempting(ranked: Sequence[str], asked: Collection[str]) -> list[str]:
    return [t for t in ranked if t in asked][:_MOST_CONFUSABLE]


def _fits(case: Case, head: str, kind: str, tail: str) -> bool:
    return case.ontology is None or case.ontology.allows(head, kind, tail)


def _symmetric(case: Case, kind: str) -> bool:
    return case.ontology is not None and case.ontology.relation(kind).symmetric
