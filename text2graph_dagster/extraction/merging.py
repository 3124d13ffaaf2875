"""Merge the graphs of a document's passages into one graph of the document, without a model.

Entities of the same text and type become one entity with all its mentions; a relation that is stated several times
becomes one relation with all its evidence. The result does not depend on the order of the passages.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from text2graph_dagster.corpus.text.sentences import split_sentences
from text2graph_dagster.exports.merge import covering_span
from text2graph_dagster.graph.model import Entity, Graph, Relation, Span
from text2graph_dagster.identity import normalise
from text2graph_dagster.ontology import Ontology


@dataclass(frozen=True, slots=True)
class WindowGraph:
    """The graph of one passage, with offsets into `text`; the passage begins at offset `start` of the document."""

    start: int
    text: str
    language: str
    graph: Graph


@dataclass(frozen=True, slots=True)
class DocumentGraph:
    """The graph of a document. `evidence` has, for every relation, the sentences that state it, in text order.

    Entities are numbered in the order of their first mention; a relation's own `evidence` is the first of its spans.
    """

    graph: Graph
    evidence: tuple[tuple[Span, ...], ...]

    def map_spans(self, convert: Callable[[Span], Span]) -> "DocumentGraph":
        """Return a copy with every span converted; `convert` must keep their order."""
        entities = tuple(
            replace(e, mentions=tuple(dict.fromkeys(convert(mention) for mention in e.mentions)))
            for e in self.graph.entities
        )
        evidence = tuple(tuple(dict.fromkeys(convert(span) for span in spans)) for spans in self.evidence)
        relations = tuple(replace(r, evidence=s[0]) for r, s in zip(self.graph.relations, evidence, strict=True))
        return DocumentGraph(Graph(entities, relations), evidence)


_Name = tuple[str, str]  # an entity's normalised text and its type


def merge_windows(passages: Iterable[WindowGraph], ontology: Ontology) -> DocumentGraph:
    """Return the graph of a document from the graphs of its passages, which may overlap."""
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
    """Return (entities in the order of their first mention, number of every name)."""
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
        first, second = sorted(ends) if kind in symmetric else ends  # stated in both directions, kept once
        places.setdefault((first, second, kind), set()).update(found)
    relations, evidence = [], []
    for (first, second, kind), found in sorted(places.items()):
        spans = tuple(sorted(found, key=_place))
        relations.append(Relation(first, second, kind, spans[0]))
        evidence.append(spans)
    return DocumentGraph(Graph(entities, tuple(relations)), tuple(evidence))


def _evidence(head: Entity, tail: Entity, whole: Sequence[Span], passage: WindowGraph) -> Span:
    """Return the sentences around the closest mentions of head and tail."""
    stretch = covering_span(head, tail) or Span(0, len(passage.text))
    start = max((s.start for s in whole if s.start <= stretch.start), default=stretch.start)
    end = min((s.end for s in whole if s.end >= stretch.end), default=stretch.end)
    return Span(start, end)


def _shift(span: Span, by: int) -> Span:
    return Span(span.start + by, span.end + by)


def _place(span: Span) -> tuple[int, int]:
    return span.start, span.end
