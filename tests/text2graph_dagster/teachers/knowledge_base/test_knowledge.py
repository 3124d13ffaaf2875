"""Loading a knowledge base: invalid lines, identity of entities, mapping to the ontology."""

import hashlib
from pathlib import Path

import pytest

from tests.text2graph_dagster.teachers.knowledge_base.sample_knowledge import NEWS, line, write
from text2graph_dagster.errors import UserError
from text2graph_dagster.teachers.knowledge_base.knowledge import Knowledge, load_knowledge

GOOD = line("Ana Berg", "employer", "Velsoft", "person", "business")


def load(tmp_path: Path, *lines: object) -> Knowledge:
    return load_knowledge(write(tmp_path / "kb.jsonl", list(lines)), NEWS)  # type: ignore[arg-type]


def facts(knowledge: Knowledge) -> set[tuple[str, str, str]]:
    names = [entity.name for entity in knowledge.entities]
    return {
        (names[head], fact.relation, names[tail])
        for head, tails in knowledge.facts.items()
        for tail, found in tails.items()
        for fact in found
    }


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        ({**GOOD, "head": ""}, "'head' is missing, empty or not text"),
        ({**GOOD, "tail": 7}, "'tail' is missing, empty or not text"),
        ({k: v for k, v in GOOD.items() if k != "relation"}, "'relation' is missing, empty or not text"),
        ({**GOOD, "head_type": 3}, "'head_type' is not text"),
        ({**GOOD, "tail_aliases": "Vel"}, "'tail_aliases' is not a list of texts"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_broken_line_is_reported_with_its_number_and_reason(tmp_path: Path, bad: object, reason: str) -> None:
    knowledge = load(tmp_path, *[GOOD] * 30, bad)
    assert [(b.line, b.reason) for b in knowledge.broken] == [(31, reason)]
    assert knowledge.lines == 31


def test_more_than_five_percent_broken_lines_are_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"line 2: not JSON \(2 of 21 lines are broken, more than 5 %\)\. Correct"):
        load(tmp_path, GOOD, "{", "oops", *[GOOD] * 18)


def test_a_missing_file_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is missing"):
        load_knowledge(tmp_path / "none.jsonl", NEWS)


def test_invalid_utf8_is_a_broken_line(tmp_path: Path) -> None:
    path = write(tmp_path / "kb.jsonl", [GOOD] * 30)  # type: ignore[list-item]
    path.write_bytes(path.read_bytes() + b'{"head": "\xff"}\n')
    assert [b.line for b in load_knowledge(path, NEWS).broken] == [31]


def test_blank_lines_are_skipped(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD, "", "  ", GOOD).lines == 2


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    knowledge = load(tmp_path, GOOD)
    assert knowledge.sha256 == hashlib.sha256((tmp_path / "kb.jsonl").read_bytes()).hexdigest()


def test_entities_with_the_same_id_are_merged(tmp_path: Path) -> None:
    knowledge = load(
        tmp_path,
        line("Ana Berg", "employer", "Velsoft", "person", "business", head_id="1", head_aliases=["A. Berg"]),
        line("Dr Berg", "born in", "Oslo", "human", "city", head_id="1"),
    )
    ana = knowledge.entities[0]
    assert (ana.name, ana.aliases, ana.types, ana.prior) == (
        "Ana Berg",
        ("Ana Berg", "A. Berg", "Dr Berg"),
        ("person",),
        2,
    )


def test_without_ids_entities_are_identified_by_name_and_type(tmp_path: Path) -> None:
    knowledge = load(
        tmp_path,
        line("Paris", "capital of", "France", "city", "country"),
        line("Paris", "employer", "Velsoft", "person", "business"),
        line("Paris", "capital of", "France", "city", "country"),
    )
    assert [(e.name, e.types) for e in knowledge.entities] == [
        ("Paris", ("city",)), ("France", ("country",)), ("Paris", ("person",)), ("Velsoft", ("company",)),
    ]  # fmt: skip


def test_knowledge_base_types_map_by_name_list_and_pattern(tmp_path: Path) -> None:
    knowledge = load(
        tmp_path,
        line("A1", "x", "B1", "company", "business"),
        line("C1", "x", "D1", "car manufacturer", "manufacturer of cars"),
    )
    assert [e.types for e in knowledge.entities] == [("company",), ("company",), ("company",), ()]


def test_the_most_frequent_type_comes_first(tmp_path: Path) -> None:
    row = line("Monaco", "capital of", "Monaco State", "city", "country", head_id="m")
    knowledge = load(tmp_path, row, {**row, "head_type": "country"}, {**row, "head_type": "country"})
    assert knowledge.entities[0].types == ("country", "city")


def test_relations_map_by_name_by_list_and_inverted(tmp_path: Path) -> None:
    knowledge = load(
        tmp_path,
        GOOD,
        line("Northwind", "owned by", "Velsoft", "business", "business"),
        line("Ana Berg", "likes", "Velsoft", "person", "business"),
    )
    assert facts(knowledge) == {("Ana Berg", "works for", "Velsoft"), ("Velsoft", "owns", "Northwind")}


def test_an_inverse_relation_follows_from_either_side(tmp_path: Path) -> None:
    both = {("Oslo", "capital of", "Norway"), ("Norway", "has capital", "Oslo")}
    assert facts(load(tmp_path, line("Oslo", "capital of", "Norway", "city", "country"))) == both
    assert facts(load(tmp_path, line("Norway", "has capital", "Oslo", "country", "city"))) == both


def test_facts_with_unknown_types_or_equal_head_and_tail_are_left_out(tmp_path: Path) -> None:
    knowledge = load(
        tmp_path,
        line("Ana Berg", "employer", "Velsoft", "person", "asteroid"),
        line("Ana Berg", "married to", "Ana Berg", "person", "person"),
    )
    assert facts(knowledge) == set()
