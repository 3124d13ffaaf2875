"""SVG charts: escaping, scales and labels."""

from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text2graph_dagster.evaluation.svg_text import SVG, parse_svg, svg_texts
from text2graph_dagster.evaluation.charts import (
    Bar,
    axis_ticks,
    clip_text,
    data_uri,
    format_short,
    grouped_bar_chart,
    interval_chart,
    svg_element,
)
from text2graph_dagster.evaluation.graph_svg import Edge, Node, draw_graph
from text2graph_dagster.evaluation.line_chart import Line, line_chart


def test_everything_is_escaped() -> None:
    injection = "<script>\"'&"
    assert "<script>" not in svg_element("text", injection, title=injection)
    charts = [
        line_chart([Line(injection, [(0, 1), (1, 2)]), Line("b", [(0, 1)])], injection, y_label=injection),
        interval_chart([Bar(injection, 0.5, 0.4, 0.6, "#000", injection)], injection),
        grouped_bar_chart([(injection, injection, [Bar(injection, 0.5, 0.4, 0.6, "#000", injection)])], injection),
        draw_graph([Node(injection, injection), Node("b", "t")], [Edge(0, 1, injection)], {}, injection),
    ]
    for chart in charts:
        assert parse_svg(chart).tag == f"{SVG}svg"
        assert not list(parse_svg(chart).iter(f"{SVG}script"))
        assert any(
            injection in text
            for text in [*svg_texts(chart), *(n.text or "" for n in parse_svg(chart).iter(f"{SVG}title"))]
        )


def test_a_data_uri_contains_the_whole_picture() -> None:
    chart = line_chart([Line("loss", [(0, 1.0), (10, 0.5)])], "loss")
    assert b64decode(data_uri(chart).removeprefix("data:image/svg+xml;base64,")).decode() == chart


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.integers(2, 8))
def test_ticks_span_the_data(low: float, width: float, about: int) -> None:
    marks = axis_ticks(low, low + width, about)
    slack = 1e-6 * max(1.0, abs(low), width)
    assert marks[0] <= low + slack
    assert marks[-1] >= low + width - slack
    assert 2 <= len(marks) <= about + 3


def test_ticks_of_a_unit_interval() -> None:
    assert axis_ticks(0.0, 1.0, 5) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert axis_ticks(0.55, 0.81, 5) == [0.5, 0.6, 0.7, 0.8, 0.9]


def test_short_numbers() -> None:
    assert [format_short(v) for v in (0, 0.25, -1.5, 4012, 0.00002)] == ["0", "0.25", "−1.5", "4,012", "2e-05"]
    assert clip_text("abcdef", 4) == "abc…"


def test_bars_are_as_long_as_their_values() -> None:
    chart = parse_svg(
        grouped_bar_chart([("founded", "n = 3", [Bar("a", v, None, None, "#111") for v in (0.5, 1.0)])], "t")
    )
    wide = [float(r.get("width")) for r in chart.iter(f"{SVG}rect")]
    assert wide[1] == pytest.approx(2 * wide[0])


def test_a_figure_without_a_value_is_a_dash() -> None:
    assert "–" in svg_texts(interval_chart([Bar("a", None, None, None, "#111")], "t"))
    assert "–" in svg_texts(grouped_bar_chart([("a", "", [Bar("a", None, None, None, "#111")])], "t"))
