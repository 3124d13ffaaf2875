"""Sentences that may state a relation."""

from pathlib import Path

from tests.text2graph_dagster.teachers.knowledge_base.sample_knowledge import (
    CHINESE,
    WORLD,
    line,
    make_teacher,
)


def test_evidence_runs_from_the_head_to_the_tail_across_sentences(tmp_path: Path) -> None:
    text = "Ana Berg is tired. She works at Velsoft. It rained."
    (relation,) = make_teacher(tmp_path, WORLD).annotate(text, "en").relations
    assert relation.evidence is not None
    assert text[relation.evidence.start : relation.evidence.end] == "Ana Berg is tired. She works at Velsoft."


def test_a_sentence_without_an_anaphor_is_not_joined_to_the_one_before(tmp_path: Path) -> None:
    teacher = make_teacher(tmp_path, WORLD)
    assert not teacher.annotate("Ana Berg is tired. Velsoft grew.", "en").relations
    assert teacher.annotate("Ana Berg is tired. Velsoft pays her well.", "en").relations
    assert teacher.annotate(
        "Ana Berg er trøtt. Velsoft vokser.", "no"
    ).relations  # no anaphors are known for this language


def test_evidence_may_be_at_a_more_distant_mention(tmp_path: Path) -> None:
    text = "He met Ana Berg. Velsoft grew. Velsoft pays its staff well and she, Ana Berg, likes it."
    (relation,) = make_teacher(tmp_path, WORLD).annotate(text, "en").relations
    assert relation.evidence is not None
    assert text[relation.evidence.start :].startswith("Velsoft pays")


def test_a_head_and_a_tail_too_far_apart_have_no_relation(tmp_path: Path) -> None:
    text = "Ana Berg is tired. It rained. So it was that Velsoft grew."
    assert not make_teacher(tmp_path, WORLD, window=2).annotate(text, "en").relations
    assert make_teacher(tmp_path, WORLD, window=3).annotate(text, "en").relations


def test_items_of_an_enumeration_are_not_related_to_each_other(tmp_path: Path) -> None:
    teacher = make_teacher(tmp_path, [*WORLD, line("Ole Vik", "married to", "Ana Berg", "person", "person")])
    assert not teacher.annotate("Tom Lund, Ole Vik and Ana Berg came.", "en").relations
    assert not teacher.annotate("Tom Lund, Per Moe, Ole Vik, Kari Nes and Ana Berg came.", "en").relations
    assert teacher.annotate("Tom Lund and Ana Berg wed.", "en").relations


def test_a_long_enumeration_may_mix_types(tmp_path: Path) -> None:
    teacher = make_teacher(tmp_path, WORLD)
    assert not teacher.annotate(
        "Ana Berg, Velsoft, Northwind, Norway, Tom Lund and Oslo are on the list.", "en"
    ).relations
    assert teacher.annotate("They met in Oslo, Norway.", "en").relations


def test_items_of_an_enumeration_are_related_to_entities_outside_it(tmp_path: Path) -> None:
    rows = [line(name, "employer", "Velsoft", "person", "business") for name in ("Ana Berg", "Tom Lund", "Ole Vik")]
    graph = make_teacher(tmp_path, list(rows)).annotate("Ana Berg, Tom Lund and Ole Vik joined Velsoft.", "en")
    assert len(graph.relations) == 3


def test_items_of_a_chinese_enumeration_are_not_related(tmp_path: Path) -> None:
    teacher = make_teacher(
        tmp_path,
        [line("法国", "接壤", "德国", "国家", "国家"), line("法国", "接壤", "意大利", "国家", "国家")],
        CHINESE,
    )
    assert not teacher.annotate("参加的有法国、意大利和德国。", "zh").relations
    assert teacher.annotate("法国与德国接壤。", "zh").relations
