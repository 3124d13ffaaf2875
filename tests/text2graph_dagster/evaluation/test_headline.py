import json

from tests.text2graph_dagster.evaluation.html_pages import row
from text2graph_dagster.evaluation.figures import HEADLINE
from text2graph_dagster.evaluation.headline import (
    METRIC_LABELS,
    FigureTable,
    figures_to_json,
    format_headline,
    format_headline_markdown,
)

ROWS = [
    row("sft", "relation_strict_f1", 0.5),
    row("grpo", "relation_strict_f1", 0.6),
    row("grpo - sft", "delta:grpo-sft:relation_strict_f1", 0.1),
    row("sft", "empty_precision", None, n=0),
    row("grpo", "empty_precision", 0.25, n=8),
]


def test_every_headline_figure_has_a_name() -> None:
    assert list(METRIC_LABELS) == list(HEADLINE)


def test_the_table_has_systems_side_by_side_with_intervals_and_n() -> None:
    lines = format_headline(ROWS).splitlines()
    assert lines[1].split() == ["SFT", "SFT", "+", "GRPO", "n"]
    assert lines[2].split() == [
        "Relation",
        "F1,",
        "strict",
        "0.500",
        "[0.490,",
        "0.510]",
        "0.600",
        "[0.590,",
        "0.610]",
        "1,234",
    ]
    assert lines[3].split() == ["Silence,", "precision", "–", "0.250", "[0.240,", "0.260]", "8"]
    assert lines[-1].split() == ["SFT", "+", "GRPO", "−", "SFT", "+0.100", "[+0.090,", "+0.110]", "1,234"]


def test_all_corpora_come_first_and_the_order_of_systems_is_given() -> None:
    rows = [
        *ROWS,
        row("sft", "relation_strict_f1", 0.4, corpus="all"),
        row("sft", "relation_strict_f1", 0.3, corpus="a"),
    ]
    assert FigureTable(rows).corpora == ["all", "a", "news"]
    assert FigureTable(rows, ["grpo", "sft"]).systems == ["grpo", "sft"]
    assert FigureTable(rows, ["a", "b", "c"]).pairs() == [("c", "b"), ("c", "a"), ("b", "a")]


def test_without_rows_it_says_so() -> None:
    assert format_headline([]) == "no report yet"


def test_markdown_cannot_be_broken_by_a_name() -> None:
    table = format_headline_markdown([row("a|b", "relation_strict_f1", 0.5)])
    assert "a\\|b" in table
    assert len(table.splitlines()) == 3


def test_json_holds_every_row_with_its_interval_and_n() -> None:
    assert json.loads(figures_to_json(ROWS)) == ROWS
