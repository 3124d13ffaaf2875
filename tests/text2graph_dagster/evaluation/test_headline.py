import json

from tests.text2graph_dagster.evaluation.html_pages import row
from text2graph_dagster.evaluation.figures import HEADLINE, list_figures
from text2graph_dagster.evaluation.headline import (
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


def test_every_headline_figure_is_computed() -> None:
    assert set(HEADLINE) <= {figure.name for figure in list_figures()}


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
    assert lines[3].split() == ["Empty", "answers,", "precision", "–", "0.250", "[0.240,", "0.260]", "8"]
    assert lines[-1].split() == ["SFT", "+", "GRPO", "−", "SFT", "+0.100", "[+0.090,", "+0.110]", "1,234"]


def test_all_corpora_come_first_and_systems_keep_the_given_order() -> None:
    rows = [
        *ROWS,
        row("sft", "relation_strict_f1", 0.4, corpus="all"),
        row("sft", "relation_strict_f1", 0.3, corpus="a"),
    ]
    assert FigureTable(rows).corpora == ["all", "a", "news"]
    assert FigureTable(rows, ["grpo", "sft"]).systems == ["grpo", "sft"]
    assert FigureTable(rows, ["a", "b", "c"]).system_pairs() == [("c", "b"), ("c", "a"), ("b", "a")]


def test_a_table_without_rows_is_a_message() -> None:
    assert format_headline([]) == "no report yet"


def test_markdown_cannot_be_broken_by_a_name() -> None:
    table = format_headline_markdown([row("a|b", "relation_strict_f1", 0.5)])
    assert "a\\|b" in table
    assert len(table.splitlines()) == 3


def test_the_json_has_every_row_with_its_interval_and_n() -> None:
    assert json.loads(figures_to_json(ROWS)) == ROWS
