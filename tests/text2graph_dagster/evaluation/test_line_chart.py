"""Line charts: scale, bands, labels beside the lines, running means."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text2graph_dagster.evaluation.svg_text import SVG, parse_svg, svg_texts
from text2graph_dagster.evaluation.line_chart import Line, line_chart, running_mean, spread_apart


def test_a_line_follows_its_points() -> None:
    chart = parse_svg(line_chart([Line("loss", [(0, 0.0), (5, 0.5), (10, 1.0)])], "loss", width=340, height=210))
    (line,) = chart.iter(f"{SVG}polyline")
    points = [tuple(map(float, p.split(","))) for p in line.get("points").split()]
    assert [x for x, _ in points] == pytest.approx([48, 187, 326])
    ys = [y for _, y in points]
    assert ys[0] > ys[1] > ys[2]
    assert ys[0] - ys[1] == pytest.approx(ys[1] - ys[2])


def test_a_noisy_line_is_drawn_with_its_mean_and_a_smooth_one_is_not() -> None:
    noisy = [(float(i), i % 2.0) for i in range(100)]
    smooth = [(float(i), i / 100) for i in range(100)]
    assert len(list(parse_svg(line_chart([Line("a", noisy)], "a")).iter(f"{SVG}polyline"))) == 2
    assert len(list(parse_svg(line_chart([Line("a", smooth)], "a")).iter(f"{SVG}polyline"))) == 1


@pytest.mark.parametrize("series", [{}, {"a": []}, {"a": [(0.0, math.nan)]}])
def test_a_chart_without_data_says_so(series) -> None:
    assert "no data" in svg_texts(line_chart([Line(name, points) for name, points in series.items()], "loss"))


@given(
    st.dictionaries(
        st.text(max_size=4), st.lists(st.tuples(st.floats(), st.floats(-1e9, 1e9)), max_size=30), max_size=3
    )
)
def test_any_series_is_drawn_without_nan_coordinates(series) -> None:
    chart = parse_svg(line_chart([Line(name, points, points, points) for name, points in series.items()], "t"))
    assert not [value for part in chart.iter() for value in part.attrib.values() if "nan" in value.lower()]


def test_running_mean() -> None:
    assert running_mean([(0, 0.0), (1, 3.0), (2, 6.0)], 1) == [(0, 1.5), (1, 3.0), (2, 4.5)]


def test_the_band_spans_the_interval_and_is_in_range() -> None:
    line = Line("f1", [(0, 0.5), (10, 0.6)], low=[(0, 0.4), (10, 0.5)], high=[(0, 0.6), (10, 0.9)])
    chart = line_chart([line], "f1", width=340, height=210)
    (band,) = parse_svg(chart).iter(f"{SVG}polygon")
    corners = [tuple(map(float, p.split(","))) for p in band.get("points").split()]
    assert len(corners) == 4
    assert all(32 <= y <= 176 for _, y in corners)
    assert corners[2][1] == min(y for _, y in corners)  # the upper end of the last point
    assert not list(parse_svg(line_chart([Line("f1", line.points)], "f1")).iter(f"{SVG}polygon"))


def test_charts_of_one_training_can_have_the_same_x_axis() -> None:
    chart = parse_svg(line_chart([Line("a", [(5, 0.0), (10, 1.0)])], "a", x_range=(0, 20), width=340))
    (line,) = chart.iter(f"{SVG}polyline")
    assert [float(p.split(",")[0]) for p in line.get("points").split()] == pytest.approx([117.5, 187])


def test_several_lines_are_labelled_and_one_is_not() -> None:
    lines = [Line(name, [(0, 0.5), (1, 0.5)]) for name in ("mean", "longest")]
    assert {"mean", "longest"} <= set(svg_texts(line_chart(lines, "length", y_label="tokens")))
    assert "mean" not in svg_texts(line_chart(lines[:1], "length"))


def test_labels_are_moved_apart_and_stay_above_the_bottom() -> None:
    assert spread_apart([10, 11, 40], 12, 100) == [10, 22, 40]
    assert spread_apart([98, 99, 100], 12, 100) == [76, 88, 100]
    assert spread_apart([], 12, 100) == []
