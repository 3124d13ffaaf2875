"""From the graphs of a document's passages to the one graph of the document, without any model.

Entities of the same surface and type become one with all its mentions; a relation stated several times becomes one with
every place that states it. Pure and deterministic: the result does not depend on the order of the passages.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from text2graph_dagster.corpus.text.sentences import split_sentences
from text2graph_dagster.exports.merge import between
from text2graph_dagster.graph.model import Entity, Graph, Relation, Span
from text2graph_dagster.identity import normalise
from text2graph_dagster.ontology import Ontology


@dataclass(frozen=True, slots=True)
class WindowGraph:
    """The graph of one passage, with offsets into its `text`, which begins at `start` of the document."""

    start: int
    text: str
    language: str
    graph: Graph


@dataclass(frozen=True, slots=True)
class DocumentGraph:
    """The graph of a document. `evidence` has, for every relation, the sentences that state it, first to last.

    Entities stand in the order of their first mention and are numbered so; a relation's own `evidence` is the first.
    """

    graph: Graph
    evidence: tuple[tuple[Span, ...], ...]

    def moved(self, back: Callable[[Span], Span]) -> "DocumentGraph":
        """Return the same with every offset changed by `back`, which keeps their order."""
        entities = tuple(
            replace(e, mentions=tuple(dict.fromkeys(back(mention) for mention in e.mentions)))
            for e in self.graph.entities
        )
        evidence = tuple(tuple(dict.fromkeys(back(span) for span in spans)) for spans in self.evidence)
        relations = tuple(replace(r, evidence=s[0]) for r, s in zip(self.graph.relations, evidence, strict=True))
        return DocumentGraph(Graph(entities, relations), evidence)


_Name = tuple[str, str]  # an entity's normalised text, and its type


def merge_windows(passages: Iterable[WindowGraph], ontology: Ontology) -> DocumentGraph:
    """Return the graph of a document from those of its passages, which may overlap."""
    mentions: dict[_Name, set[Span]] = {}
    surfaces: dict[_Name, tuple[int, str]] = {}
    stated: dict[tuple[_Name, str, _Name], set[Span]] = {}
    for passage in passages:
        names: dict[int, _Name] = {}
        for entity in passage.graph.entities:
            name = names[entity.id] = (normalise(entity.text), entity.type)
            placed = {_shift(mention, passage.start) for mention in entity.mentions}
            mentions.setdefault(name, set()).update(placed)
            first = (min((span.start for span in placed), default=passage.start), entity.text)
            surfaces[name] = min(first, surfaces.get(name, first))
        whole = split_sentences(passage.text, passage.language) if passage.graph.relations else []
        by_id = passage.graph.by_id()
        for relation in passage.graph.relations:
            place = _evidence(by_id[relation.head], by_id[relation.tail], whole, passage)
            key = (names[relation.head], relation.type, names[relation.tail])
            stated.setdefault(key, set()).add(_shift(place, passage.start))
    entities, ids = _number(mentions, surfaces)
    return _relate(entities, ids, stated, ontology)


def _number(
    mentions: dict[_Name, set[Span]], surfaces: dict[_Name, tuple[int, str]]
) -> tuple[tuple[Entity, ...], dict[_Name, int]]:
    """Return the entities in the order of their first mention, and their numbers."""
    order = sorted(mentions, key=lambda name: (surfaces[name], name))
    entities = tuple(
        Entity(i, surfaces[name][1], name[1], tuple(sorted(mentions[name], key=_place))) for i, name in enumerate(order)
    )
    return entities, {name: i for i, name in enumerate(order)}


def _relate(
    entities: tuple[Entity, ...],
    ids: dict[_Name, int],
    stated: dict[tuple[_Name, str, _Name], set[Span]],
    ontology: Ontology,
) -> DocumentGraph:
    symmetric = {r.name for r in ontology.relation_types if r.symmetric}
    places: dict[tuple[int, int, str], set[Span]] = {}
    for (head, kind, tail), found in stated.items():
        ends = (ids[head], ids[tail])
        first, second = sorted(ends) if kind in symmetric else ends  # said in both directions, kept once
        places.setdefault((first, second, kind), set()).update(found)
    relations, evidence = [], []
    for (first, second, kind), found in sorted(places.items()):
        spans = tuple(sorted(found, key=_place))
        relations.append(Relation(first, second, kind, spans[0]))
        evidence.append(spans)
    return DocumentGraph(Graph(entities, tuple(relations)), tuple(evidence))


def _evidence(head: Entity, tail: Entity, whole: Sequence[Span], passage: WindowGraph) -> Span:
    """Return the sentences that name both ends, where they stand nearest to each other."""
    stretch = between(head, tail) or Span(0, len(passage.text))
    start = max((s.start for s in whole if s.start <= stretch.start), default=stretch.start)
    end = min((s.end for s in whole if s.end >= stretch.end), default=stretch.end)
    return Span(start, end)


def _shift(span: Span, by: int) -> Span:
    return Span(span.start + by, span.end + by)


def _place(span: Span) -> tuple[int, int]:
    return span.start, span.end
