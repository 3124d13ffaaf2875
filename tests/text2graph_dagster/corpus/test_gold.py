"""Gold annotation: reading, validation, and clipping the graph of a document to its passages."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from text2graph_dagster.corpus.gold import GoldDocument, clip_graph, read_gold
from text2graph_dagster.corpus.readers.registry import Rejection
from text2graph_dagster.graph.model import Entity, Relation, Span

TEXT = "Ana Berg founded Velsoft. Berg lives in Oslo. Velsoft and Berg like Oslo."


def span(surface: str, nth: int = 0) -> dict[str, int]:
    start = -1
    for _ in range(nth + 1):
        start = TEXT.index(surface, start + 1)
    return {"start": start, "end": start + len(surface)}


def entity(key: str, surface: str, type_: str, *others: dict[str, int]) -> dict[str, Any]:
    return {"id": key, "text": surface, "type": type_, **span(surface), "mentions": [span(surface), *others]}


def line() -> dict[str, Any]:
    """Return a valid line of gold.jsonl, with the test's changes."""
    return {
        "id": "g1",
        "split": "test",
        "text": TEXT,
        "entities": [
            entity("e0", "Ana Berg", "person", span("Berg", 1), span("Berg", 2)),
            entity("e1", "Velsoft", "company", span("Velsoft", 1)),
            entity("e2", "Oslo", "city", span("Oslo", 1)),
        ],
        "relations": [
            {"head_id": "e0", "tail_id": "e1", "type": "founded", "evidence": {"start": 0, "end": 25}},
            {"head_id": "e0", "tail_id": "e2", "type": "lives in", "evidence": {"start": 26, "end": 45}},
        ],
    }


def read(tmp_path: Path, *lines: Any) -> list[GoldDocument | Rejection]:
    path = tmp_path / "gold.jsonl"
    path.write_text("\n".join(json.dumps(value) for value in lines))
    return list(read_gold(path))


def document(tmp_path: Path, value: dict[str, Any]) -> GoldDocument:
    (item,) = read(tmp_path, value)
    assert isinstance(item, GoldDocument), item
    return item


def test_read_gold(tmp_path: Path) -> None:
    gold = document(tmp_path, line())
    assert (gold.doc_id, gold.split, gold.exhaustive, gold.line) == ("gold.jsonl#g1", "test", True, 1)
    assert gold.text == TEXT
    assert [TEXT[m.start : m.end] for m in gold.entities[0].mentions] == ["Ana Berg", "Berg", "Berg"]
    assert gold.relations[0].evidence == Span(0, 25)


def test_single_mentions_and_integer_ids_are_read(tmp_path: Path) -> None:
    value = {
        "text": "Ana lives in Oslo.",
        "entities": [
            {"id": 0, "text": "Ana", "type": "person", "start": 0, "end": 3},
            {"id": 1, "text": "Oslo", "type": "city", "start": 13, "end": 17},
        ],
        "relations": [{"head": "Ana", "tail": "Oslo", "head_id": 0, "tail_id": 1, "type": "lives in"}],
        "exhaustive": False,
    }
    gold = document(tmp_path, value)
    assert gold.doc_id == "gold.jsonl:1"
    assert not gold.exhaustive
    assert gold.relations[0].evidence is None


def test_without_a_split_gold_is_assigned_to_dev_or_test_by_its_text(tmp_path: Path) -> None:
    lines = [{"id": i, "text": f"Document number {i}."} for i in range(600)]
    split_of = {item.text: item.split for item in read(tmp_path, *lines) if isinstance(item, GoldDocument)}
    assert split_of == {i.text: i.split for i in read(tmp_path, *reversed(lines)) if isinstance(i, GoldDocument)}
    assert Counter(split_of.values())["dev"] == pytest.approx(200, abs=40)
    assert set(split_of.values()) == {"dev", "test"}


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("text",), None, "no_text"),
        (("text",), " ", "empty"),
        (("text",), "a\0", "nul_character"),
        (("text",), TEXT + "\ud800", "wrong_encoding"),
        (("split",), "training", "unknown_split"),
        (("split",), ["dev"], "unknown_split"),
        (("entities",), {"e0": 1}, "broken_annotation"),
        (("entities",), ["Ana"], "broken_annotation"),
        (("entities", 1, "id"), "e0", "broken_annotation"),
        (("entities", 1, "id"), None, "broken_annotation"),
        (("entities", 1, "type"), "", "broken_annotation"),
        (("entities", 1, "mentions"), "x", "broken_annotation"),
        (("entities", 1, "start"), 16, "bad_offsets"),
        (("entities", 1, "start"), True, "bad_offsets"),
        (("entities", 1, "start"), -1, "bad_offsets"),
        (("entities", 1, "end"), 9_999, "bad_offsets"),
        (("entities", 1, "start"), None, "bad_offsets"),
        (("entities", 1, "mentions", 0, "end"), 0, "bad_offsets"),
        (("relations",), 3, "broken_annotation"),
        (("relations", 0, "head_id"), "e9", "broken_annotation"),
        (("relations", 0, "type"), None, "broken_annotation"),
        (("relations", 0, "evidence"), {"start": 5, "end": 2}, "bad_offsets"),
        (("relations", 0, "evidence"), "the first sentence", "bad_offsets"),
    ],
)
def test_an_invalid_line_is_rejected(tmp_path: Path, path: tuple[str | int, ...], value: object, reason: str) -> None:
    bad = line()
    target: Any = bad
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    rejection, kept = read(tmp_path, bad, {**line(), "id": "g2"})
    assert isinstance(rejection, Rejection)
    assert rejection.reason == reason
    assert rejection.detail
    assert isinstance(kept, GoldDocument)


def test_a_passage_has_the_graph_of_its_text(tmp_path: Path) -> None:
    graph, placed = clip_graph(document(tmp_path, line()), Span(26, 45))  # "Berg lives in Oslo."
    assert graph.entities == (
        Entity(0, "Berg", "person", (Span(0, 4),)),
        Entity(1, "Oslo", "city", (Span(14, 18),)),
    )
    assert graph.relations == (Relation(0, 1, "lives in", Span(0, 19), "gold:1"),)
    assert placed == {1}


def test_the_whole_document_is_one_passage(tmp_path: Path) -> None:
    graph, placed = clip_graph(document(tmp_path, line()), Span(0, len(TEXT)))
    assert [(e.text, len(e.mentions)) for e in graph.entities] == [("Ana Berg", 3), ("Velsoft", 2), ("Oslo", 2)]
    assert [(h.text, r, t.text) for h, r, t in graph.triples()] == [
        ("Ana Berg", "founded", "Velsoft"),
        ("Ana Berg", "lives in", "Oslo"),
    ]
    assert placed == {0, 1}


def test_a_relation_with_evidence_outside_the_passage_is_left_out(tmp_path: Path) -> None:
    gold = document(tmp_path, line())
    graph, placed = clip_graph(gold, Span(46, len(TEXT)))  # all three entities are named, but no relation is stated
    assert len(graph.entities) == 3
    assert graph.relations == ()
    assert placed == frozenset()


def test_entities_with_equal_text_are_merged(tmp_path: Path) -> None:
    value = line()
    value["entities"][0] = entity("e0", "Ana Berg", "person")
    value["entities"] += [
        {"id": "e3", "text": "Berg", "type": "person", **span("Berg", 1)},
        {"id": "e4", "text": "Berg", "type": "person", **span("Berg", 2)},
    ]
    value["relations"] = [
        {"head_id": "e3", "tail_id": "e4", "type": "knows"},
        {"head_id": "e3", "tail_id": "e2", "type": "lives in"},
        {"head_id": "e4", "tail_id": "e2", "type": "lives in"},
    ]
    graph, placed = clip_graph(document(tmp_path, value), Span(26, len(TEXT)))
    assert [(e.text, len(e.mentions)) for e in graph.entities] == [("Berg", 2), ("Oslo", 2), ("Velsoft", 1)]
    assert [(h.text, r, t.text) for h, r, t in graph.triples()] == [("Berg", "lives in", "Oslo")]
    assert placed == {1, 2}


def test_a_symmetric_relation_starts_at_the_first_mention_and_occurs_once(tmp_path: Path) -> None:
    value = line()
    value["relations"] = [
        {"head_id": "e1", "tail_id": "e0", "type": "likes"},
        {"head_id": "e0", "tail_id": "e1", "type": "likes"},
    ]
    gold = document(tmp_path, value)
    directed, _ = clip_graph(gold, Span(0, 25))
    undirected, placed = clip_graph(gold, Span(0, 25), frozenset({"likes"}))
    assert {(r.head, r.tail) for r in directed.relations} == {(0, 1), (1, 0)}
    assert [(r.head, r.tail) for r in undirected.relations] == [(0, 1)]
    assert placed == {0, 1}
