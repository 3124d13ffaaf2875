"""The graphs of passages are merged into the document's graph; their order does not matter."""

import random
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from text2graph_dagster.extraction.merging import DocumentGraph, WindowGraph, merge_windows
from text2graph_dagster.graph.mentions import find_occurrences
from text2graph_dagster.graph.model import Entity, Graph, Relation, Span
from text2graph_dagster.identity import normalise
from text2graph_dagster.ontology import EntityType, Ontology, RelationType

ONTOLOGY = Ontology(
    "world",
    "en",
    (EntityType("person"), EntityType("city")),
    (RelationType("lives in"), RelationType("married to", symmetric=True)),
)
NAMES = ["Ana", "Bo Lind", "Cora", "Dene", "Ana Lind"]


@dataclass(frozen=True)
class World:
    """A document and the graphs of its passages."""

    text: str
    passages: list[WindowGraph]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw consecutive passages whose sentences mention names."""
    text, passages = "", []
    for _ in range(draw(st.integers(0, 4))):
        sentences = draw(
            st.lists(st.lists(st.sampled_from([*NAMES, "met", "saw"]), min_size=1, max_size=5), max_size=3)
        )
        words = " ".join(f"Then {' '.join(sentence)} left." for sentence in sentences)
        there = [name for name in NAMES if find_occurrences(name, words)]
        kinds = draw(st.lists(st.sampled_from(["person", "city"]), min_size=len(there), max_size=len(there)))
        entities = tuple(
            Entity(i, name, kind, find_occurrences(name, words))
            for i, (name, kind) in enumerate(zip(there, kinds, strict=True))
        )
        ends = st.integers(0, len(entities) - 1)
        drawn = st.tuples(ends, st.sampled_from(["lives in", "married to"]), ends)
        stated = draw(st.lists(drawn, max_size=4, unique=True)) if entities else []
        graph = Graph(entities, tuple(Relation(h, t, kind) for h, kind, t in stated))
        passages.append(WindowGraph(len(text), words, "en", graph))
        text += f"{words}\n\n"
    return World(text, passages)


def merge(world: World) -> DocumentGraph:
    return merge_windows(world.passages, ONTOLOGY)


@given(worlds())
def test_mention_spans_match_their_text_and_no_mention_is_lost(world: World) -> None:
    merged = merge(world)
    for entity in merged.graph.entities:
        assert entity.mentions
        assert all(world.text[m.start : m.end] == entity.text for m in entity.mentions)
    expected = {
        (e.text, e.type, m.start + p.start) for p in world.passages for e in p.graph.entities for m in e.mentions
    }
    assert {(e.text, e.type, m.start) for e in merged.graph.entities for m in e.mentions} == expected


@given(worlds())
def test_entities_and_relations_are_unique_and_numbered_in_order(world: World) -> None:
    graph = merge(world).graph
    assert [e.id for e in graph.entities] == list(range(len(graph.entities)))
    assert len({(normalise(e.text), e.type) for e in graph.entities}) == len(graph.entities)
    firsts = [e.mentions[0].start for e in graph.entities]
    assert firsts == sorted(firsts)
    edges = [(r.head, r.type, r.tail) for r in graph.relations]
    assert len(set(edges)) == len(edges)
    assert not {(t, k, h) for h, k, t in edges if k == "married to" and h != t} & set(edges)


@given(worlds())
def test_the_evidence_of_a_relation_mentions_head_and_tail(world: World) -> None:
    merged = merge(world)
    by_id = merged.graph.by_id()
    for relation, places in zip(merged.graph.relations, merged.evidence, strict=True):
        assert relation.evidence == places[0] and list(places) == sorted(places, key=lambda s: (s.start, s.end))
        for place in places:
            words = world.text[place.start : place.end]
            assert by_id[relation.head].text in words and by_id[relation.tail].text in words
            assert words.endswith(".") and words.startswith("Then")


@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_the_passages_does_not_matter(world: World, rng: random.Random) -> None:
    shuffled = rng.sample(world.passages, len(world.passages))
    assert merge_windows(shuffled, ONTOLOGY) == merge(world)


@given(worlds())
def test_a_repeated_passage_changes_nothing(world: World) -> None:
    assert merge_windows([*world.passages, *world.passages], ONTOLOGY) == merge(world)


def test_a_relation_stated_in_two_passages_has_two_pieces_of_evidence() -> None:
    first = "Ana lives in Dene."
    second = "It is late. Dene is where Ana lives. Nobody knows."
    people = [Entity(0, "Ana", "person"), Entity(1, "Dene", "city")]
    passages = [
        WindowGraph(
            start,
            text,
            "en",
            Graph(
                tuple(Entity(e.id, e.text, e.type, find_occurrences(e.text, text)) for e in people),
                (Relation(0, 1, "lives in"),),
            ),
        )
        for start, text in ((0, first), (20, second))
    ]
    merged = merge_windows(passages, ONTOLOGY)
    assert merged.graph.relations == (Relation(0, 1, "lives in", Span(0, 18)),)
    assert merged.evidence == ((Span(0, 18), Span(32, 56)),)


def test_offsets_of_all_mentions_and_evidence_are_mapped() -> None:
    world = World("Ana met.", [WindowGraph(0, "Ana met.", "en", Graph((Entity(0, "Ana", "person", (Span(0, 3),)),)))])
    moved = merge(world).map_spans(lambda span: Span(span.start + 2, span.end + 2))
    assert moved.graph.entities[0].mentions == (Span(2, 5),)
