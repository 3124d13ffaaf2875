"""Linking: which entity a name refers to, and the entity's type."""

from pathlib import Path

import pytest

from tests.text2graph_dagster.teachers.knowledge_base.sample_knowledge import (
    AMBIGUOUS,
    WORLD,
    line,
    make_teacher,
    named_triples,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Paris loves France.", "city"), ("Paris left Velsoft.", "person"), ("Paris is fine.", "city")],
)
def test_an_ambiguous_name_is_resolved_by_facts_then_by_frequency(tmp_path: Path, text: str, expected: str) -> None:
    graph = make_teacher(tmp_path, AMBIGUOUS).annotate(text, "en")
    assert [e.type for e in graph.entities if e.text == "Paris"] == [expected]


def test_a_name_keeps_all_its_candidates(tmp_path: Path) -> None:
    """KG2Instruction's alias index kept only the last entity of a name."""
    teacher = make_teacher(tmp_path, AMBIGUOUS)
    assert named_triples(teacher.annotate("Paris loves France.", "en")) == {
        ("Paris", "capital of", "France"), ("France", "has capital", "Paris"),
    }  # fmt: skip
    assert named_triples(teacher.annotate("Velsoft hired Paris.", "en")) == {("Paris", "works for", "Velsoft")}


def test_a_short_form_is_linked_to_the_entity_with_its_full_name_in_the_passage(tmp_path: Path) -> None:
    teacher = make_teacher(
        tmp_path,
        [
            line("Eva Berg", "employer", "Northwind", "person", "business", head_aliases=["Berg"]),
            line("Eva Berg", "born in", "Oslo", "person", "city", head_aliases=["Berg"]),
            line("Ana Berg", "employer", "Velsoft", "person", "business", head_aliases=["Berg"]),
        ],
    )
    graph = teacher.annotate("Ana Berg left. Berg now lives in Oslo.", "en")
    assert [(e.text, len(e.mentions)) for e in graph.entities] == [("Ana Berg", 2), ("Oslo", 1)]
    assert not graph.relations


def test_facts_with_certain_entities_count_more_than_with_possible_ones(tmp_path: Path) -> None:
    teacher = make_teacher(
        tmp_path,
        [
            line("Lee", "employer", "Velsoft", "person", "business", head_id="worker"),
            *[line("Lee", "born in", "Kim", "person", "city", head_id="native", tail_id="city")] * 2,
            line("Kim", "married to", "Per Moe", "person", "person", head_id="other"),
        ],
    )
    assert named_triples(teacher.annotate("Lee left Velsoft with Kim.", "en")) == {("Lee", "works for", "Velsoft")}


def test_a_word_that_is_part_of_many_names_is_not_used_as_a_name(tmp_path: Path) -> None:
    cities = [
        line(f"{name} City", "capital of", "Norway", "city", "country")
        for name in ("Ada", "Bel", "Cor", "Dan", "Eva", "Fin")
    ]
    teacher = make_teacher(
        tmp_path, [*cities, line("Manley City Club", "owns", "Velsoft", "company", "business", head_aliases=["City"])]
    )
    assert not teacher.annotate("The City is large.", "en").entities
    assert teacher.annotate("Ada City is large.", "en").entities


def test_a_single_lower_case_alias_is_not_used(tmp_path: Path) -> None:
    teacher = make_teacher(
        tmp_path, [line("House Music Ltd", "owns", "Velsoft", "company", "business", head_aliases=["house"])]
    )
    assert not teacher.annotate("The house burnt down.", "en").entities


def test_names_of_unknown_types_block_shorter_names(tmp_path: Path) -> None:
    teacher = make_teacher(tmp_path, [*WORLD, line("Oslo Symphony", "part of", "Music", "orchestra", "art")])
    graph = teacher.annotate("The Oslo Symphony toured Norway.", "en")
    assert [e.text for e in graph.entities] == ["Norway"]


def test_an_entity_with_two_types_gets_the_one_its_facts_need(tmp_path: Path) -> None:
    row = line("Monaco", "has capital", "Monte", "country", "city", head_id="m")
    teacher = make_teacher(tmp_path, [row, {**row, "head_type": "city"}, {**row, "head_type": "city"}])
    graph = teacher.annotate("Monaco shines; Monte is its heart.", "en")
    assert ("Monaco", "has capital", "Monte") in named_triples(graph)
