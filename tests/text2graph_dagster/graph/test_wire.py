"""The wire forms are equivalent."""

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from text2graph_dagster.graph.model import Entity, Graph, Relation, Span
from text2graph_dagster.graph.parsing import parse
from text2graph_dagster.graph.wire import serialise


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    texts = draw(st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=5))
    ids = draw(st.permutations(range(len(texts))))
    entities = tuple(Entity(i, t, "a", (Span(n, n + 1),)) for n, (i, t) in enumerate(zip(ids, texts, strict=True)))
    pairs = draw(st.lists(st.tuples(st.sampled_from(ids), st.sampled_from(ids)), unique=True)) if texts else []
    return Graph(entities, tuple(Relation(h, t, "r") for h, t in pairs))


@given(graph=graphs())
@pytest.mark.parametrize("form", ["public", "compact", "indexed", "lines"])
def test_every_form_is_parsed_to_the_same_graph(graph: Graph, form: str) -> None:
    if form == "lines":  # names of passages never begin or end with white space
        assume(all(e.text == e.text.strip() for e in graph.entities))
    parsed = parse(serialise(graph, form))  # type: ignore[arg-type]
    assert parsed.strict
    assert set(parsed.entities) == {(e.text, e.type) for e in graph.entities}
    assert sorted(parsed.relations) == sorted((h.text, kind, t.text) for h, kind, t in graph.triples())


def test_numbers_in_the_indexed_form_follow_the_order_of_mention() -> None:
    graph = Graph(
        (Entity(7, "B", "x", (Span(9, 10),)), Entity(4, "A", "x", (Span(0, 1),))),
        (Relation(7, 4, "r"),),
    )
    assert serialise(graph, "indexed") == (
        '{"entities":[{"id":0,"text":"A","type":"x"},{"id":1,"text":"B","type":"x"}],'
        '"relations":[{"head":1,"type":"r","tail":0}]}'
    )


def test_lines_escape_what_would_end_a_line_or_a_part() -> None:
    texts = ("a | b", "c\nd", "e\\n", "---")
    graph = Graph(tuple(Entity(i, t, "x|y") for i, t in enumerate(texts)), (Relation(0, 3, "r"),))
    written = serialise(graph, "lines")
    assert written == "a \\| b | x\\|y\nc\\nd | x\\|y\ne\\\\n | x\\|y\n--- | x\\|y\n---\na \\| b | r | ---"
    assert [text for text, _ in parse(written).entities] == list(texts)
    assert serialise(Graph(), "lines") == "---" and parse("---").entities == ()


def test_serialised_order_is_the_order_of_mention() -> None:
    graph = Graph((Entity(0, "B", "x", (Span(5, 6),)), Entity(1, "A", "x", (Span(0, 1),))), (Relation(0, 1, "r"),))
    value = json.loads(serialise(graph))
    assert [e["text"] for e in value["entities"]] == ["A", "B"]
    assert value["relations"] == [{"head": "B", "tail": "A", "type": "r"}]
