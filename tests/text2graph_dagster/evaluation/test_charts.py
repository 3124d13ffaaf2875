"""SVG charts: escaping, scales and labels."""

import math
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
    line_chart,
    running_mean,
    svg_element,
)
from text2graph_dagster.evaluation.graph_svg import Edge, Node, draw_graph


def test_everything_is_escaped() -> None:
    injection = "<script>\"'&"
    assert "<script>" not in svg_element("text", injection, title=injection)
    charts = [
        line_chart({injection: [(0, 1), (1, 2)], "b": [(0, 1)]}, injection),
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
    chart = line_chart({"loss": [(0, 1.0), (10, 0.5)]}, "loss")
    assert b64decode(data_uri(chart).removeprefix("data:image/svg+xml;base64,")).decode() == chart


def test_a_line_follows_its_points() -> None:
    chart = parse_svg(line_chart({"loss": [(0, 0.0), (5, 0.5), (10, 1.0)]}, "loss", width=340, height=210))
    (line,) = chart.iter(f"{SVG}polyline")
    points = [tuple(map(float, p.split(","))) for p in line.get("points").split()]
    assert [x for x, _ in points] == pytest.approx([48, 187, 326])
    ys = [y for _, y in points]
    assert ys[0] > ys[1] > ys[2]
    assert ys[0] - ys[1] == pytest.approx(ys[1] - ys[2])


def test_a_noisy_line_is_drawn_with_its_mean_and_a_smooth_one_is_not() -> None:
    noisy = [(float(i), i % 2.0) for i in range(100)]
    smooth = [(float(i), i / 100) for i in range(100)]
    assert len(list(parse_svg(line_chart({"a": noisy}, "a")).iter(f"{SVG}polyline"))) == 2
    assert len(list(parse_svg(line_chart({"a": smooth}, "a")).iter(f"{SVG}polyline"))) == 1


@pytest.mark.parametrize("series", [{}, {"a": []}, {"a": [(0.0, math.nan)]}])
def test_a_chart_without_data_says_so(series) -> None:
    assert "no data" in svg_texts(line_chart(series, "loss"))


@given(
    st.dictionaries(
        st.text(max_size=4), st.lists(st.tuples(st.floats(), st.floats(-1e9, 1e9)), max_size=30), max_size=3
    )
)
def test_any_series_is_drawn_without_nan_coordinates(series) -> None:
    chart = parse_svg(line_chart(series, "t"))
    assert not [value for part in chart.iter() for value in part.attrib.values() if "nan" in value.lower()]


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


def test_running_mean() -> None:
    assert running_mean([(0, 0.0), (1, 3.0), (2, 6.0)], 1) == [(0, 1.5), (1, 3.0), (2, 4.5)]


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
