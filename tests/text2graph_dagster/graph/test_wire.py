"""The three wire forms are equivalent."""

import json

import pytest
from hypothesis import given
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
@pytest.mark.parametrize("form", ["public", "compact", "indexed"])
def test_every_form_is_parsed_to_the_same_graph(graph: Graph, form: str) -> None:
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


def test_serialised_order_is_the_order_of_mention() -> None:
    graph = Graph((Entity(0, "B", "x", (Span(5, 6),)), Entity(1, "A", "x", (Span(0, 1),))), (Relation(0, 1, "r"),))
    value = json.loads(serialise(graph))
    assert [e["text"] for e in value["entities"]] == ["A", "B"]
    assert value["relations"] == [{"head": "B", "tail": "A", "type": "r"}]
