"""Examples in the report: the gold graph beside each prediction, with all differences marked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from text2graph_dagster.evaluation.graph_svg import Edge, Mark, Node, draw_graph
from text2graph_dagster.graph.model import Entity, Graph
from text2graph_dagster.identity import digest
from text2graph_dagster.metrics import Directions, Triple, matching_form
from text2graph_dagster.ontology import Ontology


@dataclass(frozen=True, slots=True)
class ReportExample:
    """A gold passage and each system's legal graph of it; None if the system has no readable answer."""

    corpus: str
    passage_id: str
    text: str
    gold: Graph
    predictions: Mapping[str, Graph | None]


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A part of a passage: plain text (no type), or a mention of an entity."""

    text: str
    type: str | None = None
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class GraphPanel:
    """One graph of an example, ready for the page."""

    title: str
    answered: bool
    pieces: tuple[TextPiece, ...]
    drawing: Markup
    right: int
    wrong: int
    missed: int


def sample_passages(passage_ids: Sequence[str], number: int, seed: int) -> list[str]:
    """Sample passages pseudo-randomly; the result depends on the seed, not on the order of the passages."""
    return sorted(passage_ids, key=lambda name: digest(str(seed), name))[:number]


def build_panels(
    example: ReportExample, ontology: Ontology, labels: Mapping[str, str], colors: Mapping[str, tuple[str, str]]
) -> tuple[GraphPanel, list[GraphPanel]]:
    """Return (gold panel, one panel per system). The gold panel marks the items that the last system missed."""
    directions = Directions.of(ontology)
    systems = list(example.predictions)
    last = example.predictions[systems[-1]] if systems else None
    gold = _panel("Gold", example.text, example.gold, last or Graph(), "missed", directions, colors)
    shown = [
        _panel(labels.get(s, s), example.text, example.predictions[s], example.gold, "wrong", directions, colors)
        for s in systems
    ]
    return gold, shown


def _panel(
    title: str,
    text: str,
    graph: Graph | None,
    other: Graph,
    fault: Mark,
    directions: Directions,
    colors: Mapping[str, tuple[str, str]],
) -> GraphPanel:
    answered, graph = graph is not None, graph or Graph()
    entities = sorted(graph.entities, key=lambda e: (e.mentions[0].start if e.mentions else len(text), e.id))
    known_entities = {_key(e) for e in other.entities}
    known_relations = _relations(other, directions)
    marks: list[Mark] = ["right" if _key(e) in known_entities else fault for e in entities]
    nodes = [Node(e.text, e.type, mark) for e, mark in zip(entities, marks, strict=True)]
    place = {e.id: i for i, e in enumerate(entities)}
    by_id = graph.by_id()
    edges = []
    for r in graph.relations:
        known = directions.orient(_key(by_id[r.head]), r.type, _key(by_id[r.tail])) in known_relations
        edges.append(Edge(place[r.head], place[r.tail], r.type, "right" if known else fault))
    all_marks = [node.mark for node in nodes] + [edge.mark for edge in edges]
    return GraphPanel(
        title,
        answered,
        highlight(text, entities, marks),
        draw_graph(nodes, edges, colors, f"{title}: {len(nodes)} entities, {len(edges)} relations"),
        all_marks.count("right"),
        all_marks.count("wrong"),
        all_marks.count("missed"),
    )


def _key(entity: Entity) -> tuple[str, str]:
    return matching_form(entity.text), entity.type


def _relations(graph: Graph, directions: Directions) -> set[Triple]:
    return {directions.orient(_key(head), kind, _key(tail)) for head, kind, tail in graph.triples()}


def highlight(text: str, entities: Sequence[Entity], marks: Sequence[Mark]) -> tuple[TextPiece, ...]:
    """Split a passage at its mentions; if some overlap, only the longest (the first of equally long ones) is shown."""
    mentions = [(m.start, m.end, e.type, mark) for e, mark in zip(entities, marks, strict=True) for m in e.mentions]
    mentions.sort(key=lambda m: (m[0] - m[1], m[0]))
    free: list[tuple[int, int, str, Mark]] = []
    for mention in mentions:
        if all(mention[1] <= start or end <= mention[0] for start, end, _, _ in free):
            free.append(mention)
    pieces, at = [], 0
    for start, end, kind, mark in sorted(free):
        pieces += [TextPiece(text[at:start]), TextPiece(text[start:end], kind, mark)]
        at = end
    return tuple(piece for piece in (*pieces, TextPiece(text[at:])) if piece.text)
