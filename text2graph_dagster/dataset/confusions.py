"""Find which types are confused in a corpus, so that type lists can include hard negatives.

The score of two types is the sum of three numbers in [0, 1]: (a) how far the ontology allows both in the same place,
(b) how often passages contain both, (c) how often one was mistaken for the other. A mistake is a label that denoising
dropped while it kept another one for the same entities, or a disagreement of two samples about the same entities.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

from text2graph_dagster.graph.model import Graph
from text2graph_dagster.ontology import Ontology

_Labels = dict[tuple[str, ...], set[str]]  # the types of each name, or of each pair of head and tail names


@dataclass(frozen=True, slots=True)
class Confusions:
    """For every entity type and every relation type, the types mistaken for it, the most confusable first."""

    entity_types: Mapping[str, Sequence[str]] = field(default_factory=dict)
    relation_types: Mapping[str, Sequence[str]] = field(default_factory=dict)


class ConfusionCounter:
    """Collects the counts from which `Confusions` are computed, graph by graph."""

    def __init__(self, ontology: Ontology) -> None:
        self._ontology = ontology
        self._seen: Counter[tuple[bool, str]] = Counter()  # (whether a relation type, type)
        self._together: Counter[tuple[bool, str, str]] = Counter()
        self._mistaken: Counter[tuple[bool, str, str]] = Counter()

    def add(self, graph: Graph) -> None:
        """Count the types in one passage's graph, and the pairs of these types."""
        for relations, items in ((False, graph.entities), (True, graph.relations)):
            types = sorted({item.type for item in items})  # type: ignore[attr-defined]
            self._seen.update((relations, t) for t in types)
            self._together.update((relations, a, b) for a in types for b in types if a != b)

    def add_disagreement(self, one: Graph, other: Graph) -> None:
        """Count entities, and entity pairs, that are in both graphs of a passage but with different types."""
        self._count_mistakes(False, _entity_labels(one), _entity_labels(other))
        self._count_mistakes(True, _relation_labels(one), _relation_labels(other))

    def _count_mistakes(self, relations: bool, first: _Labels, second: _Labels) -> None:
        for place in first.keys() & second.keys():
            for a in first[place] - second[place]:
                for b in second[place] - {a}:
                    self._mistaken[relations, a, b] += 1
                    self._mistaken[relations, b, a] += 1

    def confusions(self) -> Confusions:
        """Return the types ranked by how easily they are confused; types with a score of 0 are left out."""
        entity_places: dict[str, set[object]] = defaultdict(set)
        relation_places: dict[str, set[object]] = defaultdict(set)
        for relation in self._ontology.relation_types:
            for head, tail in relation.signatures:
                entity_places[head].add((relation.name, "head"))
                entity_places[tail].add((relation.name, "tail"))
            relation_places[relation.name] = set(relation.signatures) or {"anything"}
        return Confusions(
            self._rank(False, self._ontology.entity_names, entity_places),
            self._rank(True, self._ontology.relation_names, relation_places),
        )

    def _rank(
        self, relations: bool, names: Sequence[str], places: Mapping[str, set[object]]
    ) -> dict[str, tuple[str, ...]]:
        def score(a: str, b: str) -> float:
            either = places.get(a, set()) | places.get(b, set())
            place = len(places.get(a, set()) & places.get(b, set())) / len(either) if either else 0.0
            both = sqrt(self._seen[relations, a] * self._seen[relations, b])
            near = self._together[relations, a, b] / both if both else 0.0
            mistaken = self._mistaken[relations, a, b]
            return place + near + mistaken / (mistaken + self._seen[relations, a] + 1)

        ranked: dict[str, tuple[str, ...]] = {}
        for a in names:
            scores = {b: score(a, b) for b in names if b != a}
            ranked[a] = tuple(sorted((b for b, s in scores.items() if s > 0), key=lambda b: (-scores[b], b)))
        return ranked


def mine_confusions(
    ontology: Ontology, graphs: Iterable[Graph], disagreements: Iterable[tuple[Graph, Graph]] = ()
) -> Confusions:
    """Return a corpus's confusions, from the graphs of its passages and pairs of graphs of the same passage."""
    counter = ConfusionCounter(ontology)
    for graph in graphs:
        counter.add(graph)
    for one, other in disagreements:
        counter.add_disagreement(one, other)
    return counter.confusions()


def _entity_labels(graph: Graph) -> _Labels:
    labels: _Labels = defaultdict(set)
    for entity in graph.entities:
        labels[entity.text,].add(entity.type)
    return labels


def _relation_labels(graph: Graph) -> _Labels:
    labels: _Labels = defaultdict(set)
    for head, kind, tail in graph.triples():
        labels[head.text, tail.text].add(kind)
    return labels
