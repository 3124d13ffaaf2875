"""Merge several graphs of one passage into one by a weighted vote on each entity and relation.

Entities are aligned by text and type, relations by head, tail and type, as everywhere in the project
(`rewards.canonical`; symmetric and inverse relations are brought into one direction). Every graph votes for each of its
entities and relations, with the graph's weight; a relation's confidence is its share of the total weight. This is
self-consistency (Wang et al. 2022), applied to single items.

Tested invariants: the order of the graphs does not matter, identical graphs give that graph, a higher threshold never
adds an item, and the head and tail of a kept relation are kept.
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
Form = tuple[Item, str, Item]  # a triple as it is in a graph, before inversion
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Vote:
    """A graph and the weight of its vote (above 0)."""

    graph: Graph
    weight: float = 1.0


def vote(votes: Sequence[Vote], ontology: Ontology | None, keep_above: float) -> Graph:
    """Return the graph of all items with more than `keep_above` (in [0, 1)) of the votes' total weight.

    An entity gets the mentions of all votes and the text with the most weight. A relation gets its share of the weight
    as confidence, the shortest evidence, and the joined provenance of all votes. If the votes contain a relation in
    both directions, or under both names of an inverse pair, the form with the most weight is kept, and every other form
    that exceeds the threshold.
    """
    if not votes:
        return Graph()
    inverted = inverted_relations(ontology)
    weights = [v.weight for v in votes]
    entity_votes = _group_by_key(votes, lambda graph: ((_item(e), e) for e in graph.entities))
    triple_votes = _group_by_key(votes, lambda graph: _keyed_relations(graph, inverted))
    share = _WeightShare(weights)
    entities = {
        item: _merge_entity(item, by_vote, share)
        for item, by_vote in entity_votes.items()
        if share(by_vote) > keep_above
    }
    order = sorted(entities, key=lambda item: _position(entities[item]))
    ids = {item: number for number, item in enumerate(order)}
    relations = [
        Relation(ids[head], ids[tail], kind, _shortest_evidence(same), _join_provenance(same), share(by_vote))
        for triple, by_vote in triple_votes.items()
        if share(by_vote) > keep_above
        for (head, kind, tail), same in _kept_forms(triple, by_vote, share, keep_above)
    ]
    return Graph(
        tuple(Entity(ids[i], entities[i].text, entities[i].type, entities[i].mentions) for i in order),
        tuple(sorted(relations, key=lambda r: (r.head, r.tail, r.type))),
    )


def vote_agreement(graphs: Sequence[Graph], ontology: Ontology | None) -> float | None:
    """Return the mean pairwise F1 of the graphs' triples (Hripcsak and Rothschild 2005); None for fewer than two."""
    inverted = inverted_relations(ontology)
    sets = [vote_triples(graph, inverted) for graph in graphs]
    return fmean(set_f1(one, other) for one, other in combinations(sets, 2)) if len(sets) > 1 else None


def vote_triples(graph: Graph, inverted: Mapping[str, str]) -> frozenset[Triple]:
    """Return the distinct triples of a graph in canonical form, each with the types of head and tail."""
    return frozenset(orient(_item(head), _item(tail), kind, inverted) for head, kind, tail in graph.triples())


def set_f1(one: frozenset[K], other: frozenset[K]) -> float:
    """Return the F1 of two sets, 1 if both are empty."""
    return 2 * len(one & other) / (len(one) + len(other)) if one or other else 1.0


@dataclass(frozen=True, slots=True)
class _WeightShare:
    """Computes the share of the total weight that the numbered votes have; `fsum` makes it independent of order."""

    weights: Sequence[float]

    def __call__(self, voters: Iterable[int]) -> float:
        return fsum(self.weights[number] for number in set(voters)) / fsum(self.weights)


def _group_by_key(
    votes: Sequence[Vote], items: Callable[[Graph], Iterable[tuple[K, V]]]
) -> dict[K, dict[int, list[V]]]:
    """Return {key: {number of a vote: the vote's values for this key}}."""
    found: dict[K, dict[int, list[V]]] = {}
    for number, given in enumerate(votes):
        for key, value in items(given.graph):
            found.setdefault(key, {}).setdefault(number, []).append(value)
    return found


def _item(entity: Entity) -> Item:
    return canonicalise(entity.text), entity.type


def _keyed_relations(graph: Graph, inverted: Mapping[str, str]) -> Iterable[tuple[Triple, tuple[Form, Relation]]]:
    entities = graph.by_id()
    for relation in graph.relations:
        head, tail = _item(entities[relation.head]), _item(entities[relation.tail])
        yield orient(head, tail, relation.type, inverted), ((head, relation.type, tail), relation)


def _merge_entity(item: Item, by_vote: Mapping[int, Sequence[Entity]], share: _WeightShare) -> Entity:
    spellings: dict[str, set[int]] = {}
    for number, same in by_vote.items():
        for entity in same:
            spellings.setdefault(entity.text, set()).add(number)
    text = max(spellings, key=lambda spelling: (share(spellings[spelling]), len(spelling), spelling))
    mentions = {span for same in by_vote.values() for entity in same for span in entity.mentions}
    return Entity(0, text, item[1], tuple(sorted(mentions, key=lambda span: (span.start, span.end))))


def _position(entity: Entity) -> tuple[int, int, str, str]:
    """Return an entity's sort key: the start of its first mention; with the same start, the longer mention first."""
    first = entity.mentions[0] if entity.mentions else Span(0, 0)
    return first.start, -first.end, entity.text, entity.type


def _kept_forms(
    triple: Triple, by_vote: Mapping[int, Sequence[tuple[Form, Relation]]], share: _WeightShare, keep_above: float
) -> list[tuple[Form, list[Relation]]]:
    """Return the kept forms of a triple, each with the relations that the votes have in this form."""
    voters: dict[Form, set[int]] = {}
    relations: dict[Form, list[Relation]] = {}
    for number, found in by_vote.items():
        for form, relation in found:
            voters.setdefault(form, set()).add(number)
            relations.setdefault(form, []).append(relation)
    best = min(voters, key=lambda form: (-share(voters[form]), form != triple, form))
    kept = sorted(form for form in voters if form == best or share(voters[form]) > keep_above)
    return [(form, relations[form]) for form in kept]


def _shortest_evidence(relations: Sequence[Relation]) -> Span | None:
    spans = [relation.evidence for relation in relations if relation.evidence]
    return min(spans, key=lambda span: (span.end - span.start, span.start), default=None)


def _join_provenance(relations: Sequence[Relation]) -> str:
    return "; ".join(sorted({relation.provenance for relation in relations if relation.provenance}))
