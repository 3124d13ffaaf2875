"""Example panels: marks, highlighted mentions, and the sample of passages."""

from markupsafe import Markup

from tests.text2graph_dagster.evaluation.html_pages import ONTOLOGY
from text2graph_dagster.evaluation.example_panels import (
    ReportExample,
    TextPiece,
    build_panels,
    highlight,
    sample_passages,
)
from text2graph_dagster.graph.model import Entity, Graph, Relation, Span

TEXT = "Ana Ruiz of New York married Ben."
ANA, YORK, BEN = (
    Entity(0, "Ana Ruiz", "person", (Span(0, 8),)),
    Entity(1, "New York", "city", (Span(12, 20),)),
    Entity(2, "Ben", "person", (Span(29, 32),)),
)
GOLD = Graph((ANA, YORK, BEN), (Relation(0, 1, "lives in"), Relation(0, 2, "married to")))


def test_the_sample_depends_on_the_seed_and_not_on_the_order_of_passages() -> None:
    names = [f"p{i}" for i in range(100)]
    assert sample_passages(names, 20, 7) == sample_passages(names[::-1], 20, 7)
    assert sample_passages(names, 20, 7) != sample_passages(names, 20, 8)
    assert len(sample_passages(names[:3], 20, 7)) == 3


def test_items_are_marked_as_right_wrong_or_missed() -> None:
    predicted = Graph(
        (
            Entity(0, "ben", "person", (Span(29, 32),)),
            Entity(1, "Ana Ruiz", "person", (Span(0, 8),)),
            Entity(2, "York", "city", (Span(16, 20),)),
        ),
        (Relation(0, 1, "married to"), Relation(1, 2, "lives in")),
    )
    gold, (shown,) = build_panels(
        ReportExample("news", "p", TEXT, GOLD, {"sft": predicted}), ONTOLOGY, {"sft": "SFT"}, {}
    )
    assert (gold.right, gold.missed, gold.wrong) == (3, 2, 0)
    assert (shown.title, shown.right, shown.missed, shown.wrong) == ("SFT", 3, 0, 2)
    assert TextPiece("York", "city", "wrong") in shown.pieces
    assert TextPiece("New York", "city", "missed") in gold.pieces
    assert isinstance(shown.drawing, Markup)


def test_without_an_answer_everything_is_missed() -> None:
    gold, (shown,) = build_panels(ReportExample("news", "p", TEXT, GOLD, {"sft": None}), ONTOLOGY, {}, {})
    assert gold.missed == 5
    assert not shown.answered
    assert "no entities" in shown.drawing


def test_the_longer_of_two_overlapping_mentions_is_shown_and_no_text_is_lost() -> None:
    york = Entity(3, "York", "person", (Span(16, 20),))
    pieces = highlight(TEXT, [york, YORK, ANA], ["right", "right", "right"])
    assert "".join(piece.text for piece in pieces) == TEXT
    assert [piece.text for piece in pieces if piece.type] == ["Ana Ruiz", "New York"]


def test_a_passage_without_entities_is_one_text_piece() -> None:
    assert highlight("Nothing.", [], []) == (TextPiece("Nothing."),)
