"""The legality filter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from text2graph_dagster.graph.legality import DROP_REASONS, ground, legalise
from text2graph_dagster.graph.model import Entity, Graph, ParsedGraph, Relation, Span
from text2graph_dagster.graph.parsing import parse
from text2graph_dagster.graph.wire import serialise
from text2graph_dagster.ontology import EntityType, Ontology, RelationType

TEXT = "Ana Ruiz founded Velsoft in Oslo. Ruiz lives in Oslo with Ben Ode, her husband."
ONTOLOGY = Ontology(
    "test",
    "en",
    (EntityType("person"), EntityType("company"), EntityType("city")),
    (
        RelationType("founded", signatures=(("person", "company"),)),
        RelationType("lives in", signatures=(("person", "city"),)),
        RelationType("married to", signatures=(("person", "person"),), symmetric=True),
    ),
)
ANA, VELSOFT, OSLO, BEN = ("Ana Ruiz", "person"), ("Velsoft", "company"), ("Oslo", "city"), ("Ben Ode", "person")


def legal(entities=(), relations=(), *, text=TEXT, types=None, relation_types=None, ontology=ONTOLOGY, repair=False):
    return legalise(
        ParsedGraph(tuple(entities), tuple(relations)),
        text,
        ontology.entity_names if types is None and ontology else types,
        ontology.relation_names if relation_types is None and ontology else relation_types,
        ontology,
        repair=repair,
    )


def only(**counts: int) -> dict[str, int]:
    return dict.fromkeys(DROP_REASONS, 0) | counts


def test_a_legal_answer_is_kept_and_grounded_at_every_mention() -> None:
    got = legal([ANA, VELSOFT, OSLO], [("Ana Ruiz", "founded", "Velsoft"), ("Ana Ruiz", "lives in", "Oslo")])
    assert got.dropped == only()
    assert got.graph.relations == (Relation(0, 1, "founded"), Relation(0, 2, "lives in"))
    assert got.graph.entities[2] == Entity(2, "Oslo", "city", (Span(28, 32), Span(48, 52)))


def test_each_illegal_item_is_dropped_under_its_own_reason() -> None:
    got = legal(
        [ANA, VELSOFT, ("Oslo", "planet"), ("Madrid", "city"), ANA, BEN],
        [
            ("Ana Ruiz", "founded", "Velsoft"),
            ("Ana Ruiz", "founded", "Velsoft"),
            ("Ana Ruiz", "owns", "Velsoft"),
            ("Ana Ruiz", "lives in", "Oslo"),
            ("Velsoft", "founded", "Ana Ruiz"),
        ],
    )
    assert got.dropped == dict.fromkeys(DROP_REASONS, 1)
    assert [e.text for e in got.graph.entities] == ["Ana Ruiz", "Velsoft", "Ben Ode"]
    assert got.graph.relations == (Relation(0, 1, "founded"),)


def test_types_outside_the_request_are_illegal_even_when_the_ontology_has_them() -> None:
    got = legal([ANA, OSLO], [("Ana Ruiz", "lives in", "Oslo")], types=["person"])
    assert got.dropped == only(unrequested_entity_type=1, dangling_relation=1)


def test_a_symmetric_relation_is_kept_once_with_the_first_mentioned_entity_as_head() -> None:
    got = legal([BEN, ANA], [("Ben Ode", "married to", "Ana Ruiz"), ("Ana Ruiz", "married to", "Ben Ode")])
    assert got.graph.relations == (Relation(1, 0, "married to"),)
    assert got.dropped == only(duplicate_relation=1)


def test_signatures_disambiguate_entities_with_the_same_text() -> None:
    text = "Ana Ruiz met Washington in Washington."
    got = legal(
        [("Washington", "person"), ("Washington", "city"), ANA], [("Ana Ruiz", "lives in", "Washington")], text=text
    )
    assert got.graph.relations == (Relation(2, 1, "lives in"),)


def test_a_relation_between_equal_names_connects_two_different_entities() -> None:
    got = legal(
        [("Washington", "person"), ("Washington", "city")],
        [("Washington", "r", "Washington")],
        text="Washington lived in Washington.",
        types=["person", "city"],
        relation_types=["r"],
        ontology=None,
    )
    assert got.graph.relations == (Relation(0, 1, "r"),)


def test_grounding_ignores_case_and_white_space_and_copies_the_passages_text() -> None:
    got = legal([("ana  ruiz", "person"), VELSOFT], [("Ana ruiz", "founded", "velsoft")], text="Ana\nRuiz: Velsoft!")
    assert got.graph.entities[0] == Entity(0, "Ana\nRuiz", "person", (Span(0, 8),))
    assert got.graph.relations == (Relation(0, 1, "founded"),)


def test_texts_that_differ_in_case_are_different_entities() -> None:
    got = legal(
        [("US", "city"), ("us", "person"), ("Oslo", "city")],
        [("us", "lives in", "Oslo")],
        text="The US sent us to Oslo.",
    )
    assert got.graph.relations == (Relation(1, 2, "lives in"),)


@pytest.mark.parametrize(
    ("entities", "stated", "expected"),
    [
        pytest.param([ANA, VELSOFT], ("Velsoft", "founded", "Ana Ruiz"), (0, 1), id="inverted"),
        pytest.param([ANA, VELSOFT, OSLO], ("Ana Ruiz", "founded", "Oslo"), (0, 1), id="the only company as tail"),
        pytest.param([ANA, OSLO, VELSOFT], ("Oslo", "founded", "Velsoft"), (0, 2), id="the only person as head"),
        pytest.param([ANA, BEN, OSLO, VELSOFT], ("Oslo", "founded", "Velsoft"), None, id="two persons"),
        pytest.param([ANA, OSLO], ("Ana Ruiz", "founded", "Oslo"), None, id="no company"),
    ],
)
def test_an_illegal_relation_is_repaired_if_the_signatures_leave_one_choice(entities, stated, expected) -> None:
    got = legal(entities, [stated], repair=True)
    assert got.graph.relations == ((Relation(*expected, "founded"),) if expected else ())
    assert (got.repaired, got.dropped) == ((1, only()) if expected else (0, only(signature_violation=1)))
    assert legal(entities, [stated]).dropped == only(signature_violation=1)


def test_a_repaired_relation_that_the_answer_states_anyway_is_dropped() -> None:
    got = legal(
        [ANA, VELSOFT, OSLO],
        [("Ana Ruiz", "founded", "Oslo"), ("Ana Ruiz", "founded", "Velsoft"), ("Velsoft", "founded", "Ana Ruiz")],
        repair=True,
    )
    assert got.graph.relations == (Relation(0, 1, "founded"),)
    assert (got.repaired, got.dropped) == (0, only(signature_violation=2))


def test_without_an_ontology_nothing_is_repaired() -> None:
    got = legal(
        [ANA], [("Ana Ruiz", "r", "Ana Ruiz")], types=["person"], relation_types=["r"], ontology=None, repair=True
    )
    assert (got.repaired, got.graph.relations) == (0, (Relation(0, 0, "r"),))


def test_part_of_a_word_is_not_in_the_passage() -> None:
    assert ground("art", "They started.") is None
    assert ground("Ruiz", TEXT) is not None
    assert ground("京", "在北京大学") is not None
    assert ground("", TEXT) is None
    assert ground("  ", TEXT) is None


NAMES = st.sampled_from(["Ana Ruiz", "Ruiz", "Velsoft", "Oslo", "oslo", "Ben Ode", "Madrid", "uiz", "", "."])
TYPES = st.sampled_from(["person", "company", "city", "planet"])
RELATIONS = st.sampled_from(["founded", "lives in", "married to", "owns"])


@given(
    st.lists(st.tuples(NAMES, TYPES), max_size=12),
    st.lists(st.tuples(NAMES, RELATIONS, NAMES), max_size=12),
    st.booleans(),
)
def test_the_result_is_legal_and_every_item_is_kept_or_counted(entities, relations, repair) -> None:
    got = legal(entities, relations, repair=repair)
    kept = got.graph
    assert len(kept.entities) + len(kept.relations) + sum(got.dropped.values()) == len(entities) + len(relations)
    assert len({(e.text, e.type) for e in kept.entities}) == len(kept.entities)
    for entity in kept.entities:
        assert entity.mentions
        assert all(TEXT[m.start : m.end] == entity.text for m in entity.mentions)
    for head, kind, tail in kept.triples():
        assert ONTOLOGY.allows(head.type, kind, tail.type)
    again = legalise(parse(serialise(kept)), TEXT, ONTOLOGY.entity_names, ONTOLOGY.relation_names, ONTOLOGY)
    assert sum(again.dropped.values()) == 0
    assert _named(again.graph) == _named(kept)
    assert set(legal(entities, relations).graph.relations) <= set(kept.relations)


def _named(graph: Graph) -> tuple[list[tuple[str, str]], list[tuple[str, str, str]]]:
    triples = [(head.text, kind, tail.text) for head, kind, tail in graph.triples()]
    return sorted((e.text, e.type) for e in graph.entities), sorted(triples)
