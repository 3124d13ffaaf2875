"""Several graphs of one passage become one: what enough of them say.

Entities are aligned by text and type, relations by their ends and type, as the project compares them everywhere
(`rewards.canonical`; symmetric relations and declared inverses are turned). Every graph has one voice of some weight
for each entity and each relation; the share of the weight that speaks for a relation is its confidence. Choosing by
the agreement of samples is self-consistency (Wang et al. 2022), here item by item.

These hold, and are tests: the order of the graphs does not matter, graphs that are all alike give that graph, a higher
threshold never adds anything, and a relation that is kept has both its ends.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import fsum
from statistics import fmean
from typing import TypeVar

from text2graph_dagster.graph.model import Entity, Graph, Relation, Span
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.rewards.canonical import Item, canonicalise, inverted_relations, orient

Triple = tuple[Item, str, Item]
Form = tuple[Item, str, Item]  # a triple as a graph says it, not turned
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Vote:
    """A graph, and what its voice weighs (above 0)."""

    graph: Graph
    weight: float = 1.0


def vote(votes: Sequence[Vote], ontology: Ontology | None, keep_above: float) -> Graph:
    """Return what more than `keep_above` (in [0, 1)) of the votes' weight says; a relation's confidence is its share.

    An entity's mentions are those of all who name it, its text is the one that weighs most. A relation's evidence is
    the shortest that anybody gives, its provenance names everybody's. One that is said in several directions or by
    both names of an inverse pair is kept in those that pass the threshold, at least in the one that weighs most.
    """
    if not votes:
        return Graph()
    turned = inverted_relations(ontology)
    weights = [v.weight for v in votes]
    named = _by_key(votes, lambda graph: ((_item(e), e) for e in graph.entities))
    said = _by_key(votes, lambda graph: _said(graph, turned))
    share = _Share(weights)
    entities = {item: _entity(item, by_vote, share) for item, by_vote in named.items() if share(by_vote) > keep_above}
    order = sorted(entities, key=lambda item: _place(entities[item]))
    ids = {item: number for number, item in enumerate(order)}
    relations = [
        Relation(ids[head], ids[tail], kind, _evidence(given), _provenance(given), share(by_vote))
        for triple, by_vote in said.items()
        if share(by_vote) > keep_above
        for (head, kind, tail), given in _forms(triple, by_vote, share, keep_above)
    ]
    return Graph(
        tuple(Entity(ids[i], entities[i].text, entities[i].type, entities[i].mentions) for i in order),
        tuple(sorted(relations, key=lambda r: (r.head, r.tail, r.type))),
    )


def vote_agreement(graphs: Sequence[Graph], ontology: Ontology | None) -> float | None:
    """Return the mean F1 of the triples of every two graphs (Hripcsak and Rothschild 2005); None for fewer than two."""
    turned = inverted_relations(ontology)
    sets = [vote_triples(graph, turned) for graph in graphs]
    return fmean(set_f1(one, other) for one, other in combinations(sets, 2)) if len(sets) > 1 else None


def vote_triples(graph: Graph, turned: Mapping[str, str]) -> frozenset[Triple]:
    """Return the distinct triples of a graph as they are compared, each with the types of its ends."""
    return frozenset(orient(_item(head), _item(tail), kind, turned) for head, kind, tail in graph.triples())


def set_f1(one: frozenset[K], other: frozenset[K]) -> float:
    """Return the F1 of two sets, 1 where both are empty."""
    return 2 * len(one & other) / (len(one) + len(other)) if one or other else 1.0


@dataclass(frozen=True, slots=True)
class _Share:
    """The share of the votes' weight, from the numbers of those who speak; `fsum`, so that order does not matter."""

    weights: Sequence[float]

    def __call__(self, voters: Iterable[int]) -> float:
        return fsum(self.weights[number] for number in set(voters)) / fsum(self.weights)


def _by_key(votes: Sequence[Vote], items: Callable[[Graph], Iterable[tuple[K, V]]]) -> dict[K, dict[int, list[V]]]:
    """Return key → number of the vote → what it says there."""
    found: dict[K, dict[int, list[V]]] = {}
    for number, given in enumerate(votes):
        for key, value in items(given.graph):
            found.setdefault(key, {}).setdefault(number, []).append(value)
    return found


def _item(entity: Entity) -> Item:
    return canonicalise(entity.text), entity.type


def _said(graph: Graph, turned: Mapping[str, str]) -> Iterable[tuple[Triple, tuple[Form, Relation]]]:
    entities = graph.by_id()
    for relation in graph.relations:
        head, tail = _item(entities[relation.head]), _item(entities[relation.tail])
        yield orient(head, tail, relation.type, turned), ((head, relation.type, tail), relation)


def _entity(item: Item, by_vote: Mapping[int, Sequence[Entity]], share: _Share) -> Entity:
    writers: dict[str, set[int]] = {}
    for number, named in by_vote.items():
        for entity in named:
            writers.setdefault(entity.text, set()).add(number)
    text = max(writers, key=lambda written: (share(writers[written]), len(written), written))
    mentions = {span for named in by_vote.values() for entity in named for span in entity.mentions}
    return Entity(0, text, item[1], tuple(sorted(mentions, key=lambda span: (span.start, span.end))))


def _place(entity: Entity) -> tuple[int, int, str, str]:
    """Return the key by which entities are ordered: where they are first mentioned, the longer one first."""
    first = entity.mentions[0] if entity.mentions else Span(0, 0)
    return first.start, -first.end, entity.text, entity.type


def _forms(
    triple: Triple, by_vote: Mapping[int, Sequence[tuple[Form, Relation]]], share: _Share, keep_above: float
) -> list[tuple[Form, list[Relation]]]:
    """Return the forms in which a triple is kept, each with everybody's relations of that form."""
    speakers: dict[Form, set[int]] = {}
    given: dict[Form, list[Relation]] = {}
    for number, saying in by_vote.items():
        for form, relation in saying:
            speakers.setdefault(form, set()).add(number)
            given.setdefault(form, []).append(relation)
    best = min(speakers, key=lambda form: (-share(speakers[form]), form != triple, form))
    kept = sorted(form for form in speakers if form == best or share(speakers[form]) > keep_above)
    return [(form, given[form]) for form in kept]


def _evidence(given: Sequence[Relation]) -> Span | None:
    spans = [relation.evidence for relation in given if relation.evidence]
    return min(spans, key=lambda span: (span.end - span.start, span.start), default=None)


def _provenance(given: Sequence[Relation]) -> str:
    return "; ".join(sorted({relation.provenance for relation in given if relation.provenance}))
