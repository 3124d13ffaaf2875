"""Composed rationales: mentions, relations, rejected pairs, no leaks."""

from text2graph_dagster.graph.model import Entity, Graph, Relation, Span
from text2graph_dagster.ontology import EntityType, Ontology, RelationType
from text2graph_dagster.reasoning.composed_reasoner import MAX_REJECTED, ComposedReasoner, compose_rationale
from text2graph_dagster.reasoning.verifier import find_leaks
from text2graph_dagster.teachers.protocol import ReasoningRequest

ONTOLOGY = Ontology(
    "news",
    "en",
    (EntityType("person"), EntityType("company"), EntityType("city")),
    (
        RelationType("works for", signatures=(("person", "company"),)),
        RelationType("founded", signatures=(("person", "company"),)),
        RelationType("married to", signatures=(("person", "person"),), symmetric=True),
    ),
)
TEXT = "Ana Berg joined Velsoft. She met Tom Lund there. Berg lives in Oslo."


def entity(number: int, kind: str, *surfaces: str, text: str = TEXT) -> Entity:
    spans = [Span(text.index(s), text.index(s) + len(s)) for s in surfaces]
    return Entity(number, max(surfaces, key=len), kind, tuple(spans))


ANA = Entity(0, "Ana Berg", "person", (Span(0, 8), Span(49, 53)))
GRAPH = Graph(
    (ANA, entity(1, "company", "Velsoft"), entity(2, "person", "Tom Lund"), entity(3, "city", "Oslo")),
    (Relation(0, 1, "works for", Span(0, 24)), Relation(0, 2, "married to", Span(0, 48))),
)


def test_a_rationale_lists_mentions_and_relations_by_sentence() -> None:
    assert compose_rationale(TEXT, "en", ONTOLOGY, GRAPH).splitlines() == [
        'Sentence 1 names "Ana Berg" (person), "Velsoft" (company).',
        'Sentence 2 names "Tom Lund" (person).',
        'Sentence 3 names "Berg" ("Ana Berg", person), "Oslo" (city).',
        'Sentence 1 states: "Ana Berg" - works for - "Velsoft".',
        'Sentences 1 to 2 state: "Ana Berg" - married to - "Tom Lund".',
    ]


def test_allowed_pairs_without_a_relation_are_listed_as_rejected() -> None:
    rationale = compose_rationale(TEXT, "en", ONTOLOGY, Graph(GRAPH.entities))
    assert rationale.splitlines()[-2:] == [
        "No sentence states a relation of the listed types.",
        'Sentence 1 also allows to ask about "Ana Berg" and "Velsoft", but does not state: works for, founded.',
    ]


def test_a_symmetric_pair_is_rejected_once() -> None:
    text = "Ana Berg met Tom Lund."
    graph = Graph((entity(0, "person", "Ana Berg", text=text), entity(1, "person", "Tom Lund", text=text)))
    assert compose_rationale(text, "en", ONTOLOGY, graph).count("married to") == 1


def test_rejected_pairs_are_bounded() -> None:
    names = [f"Person{letter}" for letter in "ABCDEFGH"]
    text = f"{', '.join(names)} met."
    graph = Graph(tuple(entity(i, "person", name, text=text) for i, name in enumerate(names)))
    assert compose_rationale(text, "en", ONTOLOGY, graph).count("but does not state") == MAX_REJECTED


def test_an_empty_graph_has_a_rationale() -> None:
    assert compose_rationale("It rained.", "en", ONTOLOGY, Graph()).splitlines() == [
        "No sentence names anything of the listed types.",
        "No sentence states a relation of the listed types.",
    ]


def test_a_chinese_passage_has_a_chinese_rationale() -> None:
    text = "天气好。王明在北京。"
    graph = Graph((entity(0, "person", "王明", text=text), entity(1, "city", "北京", text=text)))
    assert compose_rationale(text, "zh", ONTOLOGY, graph).splitlines() == [
        '第2句提到"王明"（person）、"北京"（city）。',
        "没有句子说明所列类型的关系。",
    ]


def test_a_rationale_contains_no_json() -> None:
    """In an earlier project, rationales quoted the answer that the model had been given."""
    assert find_leaks(compose_rationale(TEXT, "en", ONTOLOGY, GRAPH)) == []


def test_the_reasoner_is_deterministic() -> None:
    requests = [ReasoningRequest(f"p{i}", TEXT, "en", ONTOLOGY, GRAPH) for i in range(3)]
    first, second = list(ComposedReasoner().answer(requests)), list(ComposedReasoner().answer(requests))
    assert first == second
    assert [a.passage_id for a in first] == ["p0", "p1", "p2"]
    assert all(a.status == "ok" for a in first)
