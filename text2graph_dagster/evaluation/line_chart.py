"""Charts of values over training steps, as SVG text; see `charts`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from text2graph_dagster.evaluation.charts import (
    FAINT,
    RULE,
    SERIES,
    Scale,
    axis_ticks,
    format_short,
    make_scale,
    svg_document,
    svg_element,
    svg_label,
)

Points = Sequence[tuple[float, float]]
_MAX_POINTS = 240
_HUGE = 1e100  # larger values cannot be drawn to scale
_LABEL_HEIGHT, _CHAR_WIDTH = 12.5, 6.4  # of a label, in pixels


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart.

    Attributes:
        label: written beside the end of the line if the chart has several lines.
        points: (x, y). A noisy line is drawn faintly, with its running mean on top; a thin one is only the mean.
        low, high: the ends of the interval around each point, at the same x; drawn as a band.
        color: empty: the next colour of the palette.
        thickness: in pixels.
        dots: whether to mark each point.
    """

    label: str
    points: Points
    low: Points = ()
    high: Points = ()
    color: str = ""
    thickness: float = 1.8
    dots: bool = False


def line_chart(
    lines: Sequence[Line],
    title: str,
    *,
    x_label: str = "step",
    y_label: str = "",
    x_range: tuple[float, float] | None = None,
    width: int = 340,
    height: int = 210,
) -> Markup:
    """Draw the lines; `x_range` extends the x axis, so that charts of one training have the same one."""
    clean = [(line, _drawable(line.points)) for line in lines]
    clean = [(line, points) for line, points in clean if points]
    heading = svg_label(12, 18, title, font_weight="600", font_size="12")
    if not clean:
        return svg_document(width, height, title, heading, svg_label(12, 40, "no data", fill=FAINT))
    bands = [[*_drawable(line.low), *_drawable(line.high)] for line, _ in clean]
    every = [point for (_, points), band in zip(clean, bands, strict=True) for point in [*points, *band]]
    xs = [*(x for x, _ in every), *(x_range or ())]
    first, last = min(xs), max(xs)
    y_ticks = axis_ticks(min(y for _, y in every), max(y for _, y in every), 4)
    label_width = 10 + _CHAR_WIDTH * max(len(line.label) for line, _ in clean) if len(clean) > 1 else 0.0
    place_x = make_scale([first, last], 48, width - 14 - label_width)
    place_y = make_scale(y_ticks, height - 34, 50 if y_label else 32)
    children = [heading, svg_label(12, 35, y_label, fill=FAINT)] if y_label else [heading]
    children += _axes([x for x in axis_ticks(first, last, 4) if first <= x <= last], y_ticks, place_x, place_y)
    children.append(svg_label(place_x.end, height - 5, x_label, text_anchor="end", fill=FAINT))
    colors = [line.color or SERIES[i % len(SERIES)] for i, (line, _) in enumerate(clean)]
    for (line, points), color in zip(clean, colors, strict=True):
        children += [*_band(line, place_x, place_y, color), *_line(line, points, place_x, place_y, color)]
    if len(clean) > 1:
        children += _end_labels([(line, _smooth(points)[-1][1]) for line, points in clean], colors, place_x, place_y)
    return svg_document(width, height, title, *children)


def _drawable(points: Points) -> list[tuple[float, float]]:
    return [(x, y) for x, y in points if abs(x) < _HUGE and abs(y) < _HUGE]


def _axes(x_ticks: Sequence[float], y_ticks: Sequence[float], place_x: Scale, place_y: Scale) -> list[Markup]:
    """Return the grid lines and the tick labels of both axes."""
    left, right, bottom = place_x.start, place_x.end, place_y.start
    parts: list[Markup] = []
    for y in y_ticks:
        parts.append(svg_element("line", x1=left, x2=right, y1=place_y(y), y2=place_y(y), stroke=RULE))
        parts.append(svg_label(left - 6, place_y(y) + 3.5, format_short(y), text_anchor="end", fill=FAINT))
    for x in x_ticks:
        anchor = "end" if place_x(x) > right - 12 else "middle"
        parts.append(svg_label(place_x(x), bottom + 15, format_short(x), text_anchor=anchor, fill=FAINT))
    return parts


def _line(line: Line, points: Points, place_x: Scale, place_y: Scale, color: str) -> list[Markup]:
    """Return a line, with its running mean if it is noisy; draw a single point as a dot."""
    parts: list[Markup] = []
    shown = _smooth(points)
    if _is_noisy(_downsample(points)) and line.thickness > 1.5:
        parts.append(_polyline(_downsample(points), place_x, place_y, color, 1, 0.28))
    parts.append(_polyline(shown, place_x, place_y, color, line.thickness, 1))
    if line.dots or len(points) == 1:
        parts += [svg_element("circle", cx=place_x(x), cy=place_y(y), r=2.8, fill=color) for x, y in points]
    return parts


def _band(line: Line, place_x: Scale, place_y: Scale, color: str) -> list[Markup]:
    """Return the band between `low` and `high`; the interval of a single point is a vertical bar."""
    low, high = _downsample(_drawable(line.low)), _downsample(_drawable(line.high))
    if not low or len(low) != len(high):
        return []
    corners = [*low, *reversed(high)]
    outline = " ".join(f"{place_x(x):.1f},{place_y(y):.1f}" for x, y in corners)
    pen: dict[str, str | float] = {"stroke": color, "stroke_width": 3, "stroke_opacity": 0.16} if len(low) == 1 else {}
    return [svg_element("polygon", points=outline, fill=color, fill_opacity=0.16, **pen)]


def _end_labels(
    ends: Sequence[tuple[Line, float]], colors: Sequence[str], place_x: Scale, place_y: Scale
) -> list[Markup]:
    """Return a label beside the end of every line; labels that would overlap are moved apart."""
    order = sorted(range(len(ends)), key=lambda i: place_y(ends[i][1]))
    heights = spread_apart([place_y(ends[i][1]) + 3.5 for i in order], _LABEL_HEIGHT, place_y.start + 3.5)
    return [
        svg_label(
            place_x.end + 8,
            y,
            ends[i][0].label,
            fill=colors[i],
            font_weight="700" if ends[i][0].thickness > 2 else None,
        )
        for i, y in zip(order, heights, strict=True)
    ]


def spread_apart(heights: Sequence[float], gap: float, bottom: float) -> list[float]:
    """Move ascending heights so that they are at least `gap` apart and, if they fit, at most `bottom`."""
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + gap) if placed else height)
    limit = bottom
    for i in reversed(range(len(placed))):
        placed[i] = min(placed[i], limit)
        limit = placed[i] - gap
    return placed


def running_mean(points: Points, half: int) -> list[tuple[float, float]]:
    """Return the points with each y replaced by the mean over the point and `half` neighbours on either side."""
    values = [y for _, y in points]
    means = []
    for i, (x, _) in enumerate(points):
        near = values[max(0, i - half) : i + half + 1]
        means.append((x, sum(near) / len(near)))
    return means


def _smooth(points: Points) -> Points:
    """Return the points to draw: at most `_MAX_POINTS`, and the running mean of them if they are noisy."""
    shown = _downsample(points) if len(points) > _MAX_POINTS else points
    return running_mean(shown, max(1, len(shown) // 30)) if _is_noisy(shown) else shown


def _is_noisy(points: Points) -> bool:
    """Return whether a line oscillates so much that its running mean is more readable."""
    values = [y for _, y in points]
    way = sum(abs(b - a) for a, b in pairwise(values))
    return len(values) > 20 and way > 3 * (max(values) - min(values))


def _downsample(points: Points) -> list[tuple[float, float]]:
    """Average neighbouring points so that at most `_MAX_POINTS` remain."""
    size = math.ceil(len(points) / _MAX_POINTS) or 1
    groups = [points[i : i + size] for i in range(0, len(points), size)]
    return [(sum(x for x, _ in g) / len(g), sum(y for _, y in g) / len(g)) for g in groups]


def _polyline(points: Points, place_x: Scale, place_y: Scale, color: str, thickness: float, opacity: float) -> Markup:
    line = " ".join(f"{place_x(x):.1f},{place_y(y):.1f}" for x, y in points)
    return svg_element(
        "polyline",
        points=line,
        fill="none",
        stroke=color,
        stroke_width=thickness,
        stroke_opacity=opacity,
        stroke_linejoin="round",
    )
