"""Labels of a model are mapped to types of the ontology or rejected."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.text2graph_dagster.teachers.knowledge_base.sample_knowledge import NEWS
from text2graph_dagster.graph.model import ParsedGraph
from text2graph_dagster.ontology import EntityType, Ontology, RelationType
from text2graph_dagster.teachers.chat.label_mapping import LabelMapper, LabelTally

WORLD = Ontology(
    "world",
    "en",
    (*NEWS.entity_types, EntityType("Local Government", kb_types=("municipality", "council/*")), EntityType("城市")),
    (
        *NEWS.relation_types,
        RelationType("founded", signatures=(("person", "company"),), aliases=("established", "co-founder of")),
        RelationType("acquired by", signatures=(("company", "company"),)),
        RelationType("date of birth", signatures=(("person", "city"),)),
        RelationType("headquartered in", signatures=(("company", "city"),), aliases=("based in", "from")),
        RelationType("comes from", signatures=(("person", "city"),), aliases=("from",)),
        RelationType("出生地", signatures=(("person", "城市"),), aliases=("出生于", "生于")),
    ),
)
MAPPER = LabelMapper(WORLD, 0.85)
PERSON, COMPANY, CITY = ["person"], ["company"], ["city"]


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("person", "person"),
        ("PERSON", "person"),
        ("Person ", "person"),
        ("ｐｅｒｓｏｎ", "person"),
        ("persons", "person"),
        ("local_government", "Local Government"),
        ("LocalGovernment", "Local Government"),
        ("LOCAL-GOVERNMENT", "Local Government"),
        ("municipality", "Local Government"),
        ("Business", "company"),
        ("城市", "城市"),
        ("城 市", "城市"),
        ("council/*", None),
        ("organisation", None),
        ("per", None),
        ("", None),
        ("???", None),
        ("x" * 100_000, None),
    ],
)
def test_entity_labels(label: str, name: str | None) -> None:
    assert MAPPER.map_entity(label) == name


@pytest.mark.parametrize(
    ("label", "ends", "meaning"),
    [
        ("works for", (PERSON, COMPANY), ("works for", False)),
        ("WORKS_FOR", (PERSON, COMPANY), ("works for", False)),
        ("worksFor", (PERSON, COMPANY), ("works for", False)),
        (
            "works for",
            (COMPANY, PERSON),
            ("works for", False),
        ),  # an exact match: the head and tail types are checked later
        ("work for", (PERSON, COMPANY), ("works for", False)),
        ("work for", (COMPANY, PERSON), None),  # a match by similarity must respect the signature
        ("employer", (PERSON, COMPANY), ("works for", False)),
        ("is married to", (PERSON, PERSON), ("married to", False)),
        ("has been married to", (PERSON, PERSON), ("married to", False)),
        ("has capital", ((), ()), ("has capital", False)),
        ("hasCapital", ((), ()), ("has capital", False)),
        ("owned by", (COMPANY, COMPANY), ("owns", True)),
        ("is owned by", (COMPANY, COMPANY), ("owns", True)),
        ("founded by", (COMPANY, PERSON), ("founded", True)),
        ("was established by", (COMPANY, PERSON), ("founded", True)),
        ("co_founder_of", (PERSON, COMPANY), ("founded", False)),
        ("acquired by", (COMPANY, COMPANY), ("acquired by", False)),
        ("acquired", (COMPANY, COMPANY), ("acquired by", True)),
        ("birth date", (PERSON, CITY), ("date of birth", False)),
        ("from", (PERSON, CITY), ("comes from", False)),
        ("from", (COMPANY, CITY), ("headquartered in", False)),
        ("from", ((), ()), None),
        ("born in", (PERSON, CITY), ("born in", False)),
        ("died in", (PERSON, CITY), None),
        ("place of birth", (PERSON, CITY), None),
        ("出生于", ((), ()), ("出生地", False)),
        ("出生", ((), ()), None),
        ("by", ((), ()), None),
        ("is", ((), ()), None),
        ("", ((), ()), None),
        ("works for " * 1000, ((), ()), None),
    ],
)
def test_relation_labels(label: str, ends: tuple[list[str], list[str]], meaning: tuple[str, bool] | None) -> None:
    assert MAPPER.map_relation(label, ends) == meaning


def test_types_with_the_same_folded_name_match_only_exact_labels() -> None:
    mapper = LabelMapper(Ontology("o", "en", (EntityType("C++"), EntityType("C#")), ()), 0.85)
    assert (mapper.map_entity("C#"), mapper.map_entity("c++"), mapper.map_entity("C")) == ("C#", None, None)


def test_a_tie_in_similarity_is_rejected() -> None:
    mapper = LabelMapper(Ontology("o", "en", (EntityType("river boat"), EntityType("river goat")), ()), 0.5)
    assert mapper.map_entity("river moat") is None


def test_labels_of_an_answer_are_mapped_and_counted() -> None:
    parsed = ParsedGraph(
        (("Ana", "PERSON"), ("Velsoft", "business"), ("Oslo", "spaceship"), ("Gramont", "company")),
        (("Velsoft", "founded by", "Ana"), ("Ana", "likes", "Velsoft"), ("ANA", "works for", "Velsoft")),
    )
    done = MAPPER.map_answer(parsed)
    assert done.parsed.entities == (("Ana", "person"), ("Velsoft", "company"), ("Gramont", "company"))
    assert done.parsed.relations == (("Ana", "founded", "Velsoft"), ("ANA", "works for", "Velsoft"))
    tally = LabelTally()
    tally.add(done)
    tally.add(done)
    assert tally.mapped == {
        ("entity", "PERSON", "person"): 2,
        ("entity", "business", "company"): 2,
        ("relation", "founded by", "founded (inverted)"): 2,
    }
    assert tally.rejected == {("entity", "spaceship"): 2, ("relation", "likes"): 2}


def test_the_size_of_a_tally_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("text2graph_dagster.teachers.chat.label_mapping.MAX_TALLIED_LABELS", 3)
    tally = LabelTally()
    for number in range(10):
        tally.add(MAPPER.map_answer(ParsedGraph((("x", f"label {number}"),), ())))
    assert len(tally.rejected) == 4
    assert tally.rejected["entity", "…"] == 7


LABELS = st.one_of(
    st.text(max_size=12), st.sampled_from([*WORLD.entity_names, *WORLD.relation_names, "founded by", "worked for"])
)
patient = settings(deadline=None)


@patient
@given(st.lists(st.tuples(st.text(max_size=4), LABELS)), st.lists(st.tuples(st.just("x"), LABELS, st.just("y"))))
def test_every_item_has_a_known_type_or_is_counted(
    entities: list[tuple[str, str]], relations: list[tuple[str, str, str]]
) -> None:
    done = MAPPER.map_answer(ParsedGraph(tuple(entities), tuple(relations)))
    assert {kind for _, kind in done.parsed.entities} <= set(WORLD.entity_names)
    assert {kind for _, kind, _ in done.parsed.relations} <= set(WORLD.relation_names)
    left = len(done.parsed.entities) + len(done.parsed.relations)
    assert left + done.rejected.total() == len(entities) + len(relations)


@patient
@given(LABELS, st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_higher_threshold_maps_no_more_labels(label: str, first: float, second: float) -> None:
    low, high = (LabelMapper(WORLD, least).map_relation(label) for least in sorted((first, second)))
    assert high is None or high == low


@patient
@given(st.sampled_from(WORLD.relation_names), st.sampled_from(["_", "-", "  ", " "]), st.booleans())
def test_case_and_separators_do_not_matter(name: str, blank: str, shouted: bool) -> None:
    written = name.replace(" ", blank)
    assert MAPPER.map_relation(written.upper() if shouted else written) == (name, False)
