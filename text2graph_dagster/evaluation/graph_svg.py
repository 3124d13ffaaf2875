"""The drawing of a passage's graph: entities in reading order on the left, relations as arrows in lanes beside them.

Arrows that would overlap get different lanes, and every label gets its own line, so that a graph of any size stays
readable.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from text2graph_dagster.evaluation.charts import (
    FAINT,
    INK,
    MISSED,
    PAPER,
    RIGHT,
    WRONG,
    clip_text,
    svg_document,
    svg_element,
    svg_label,
)

Mark = Literal["right", "wrong", "missed"]

STROKE: Mapping[Mark, str] = {"right": RIGHT, "wrong": WRONG, "missed": MISSED}
DASH: Mapping[Mark, str | None] = {"right": None, "wrong": "5 3", "missed": "1.5 3"}
SIGN: Mapping[Mark, str] = {"right": "", "wrong": " ✗", "missed": " ○"}

# (background, ink) of entity types: light enough for print, and colour-blind safe.
TINTS = (
    ("#dceaf7", "#0b5394"),
    ("#fbe3d2", "#9a4a00"),
    ("#d8f0e4", "#11694a"),
    ("#f3dfec", "#84346a"),
    ("#f6efc6", "#6f5a00"),
    ("#e3e1f5", "#4b3f9e"),
    ("#d9f0f2", "#136570"),
    ("#f9dcdc", "#99232a"),
    ("#e8e8e4", "#4f5248"),
    ("#eaf1d3", "#4f6a10"),
)

_ROW, _PILL, _LANE, _LINE = 42.0, 32.0, 11.0, 17.0


@dataclass(frozen=True, slots=True)
class Node:
    """An entity, and whether it is also in the graph it is compared with."""

    text: str
    type: str
    mark: Mark = "right"


@dataclass(frozen=True, slots=True)
class Edge:
    """A relation between two nodes, given by their indices in the list of nodes."""

    head: int
    tail: int
    type: str
    mark: Mark = "right"


def entity_type_colors(types: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return (background, ink) of every entity type; with more than ten types the colours repeat."""
    return {name: TINTS[i % len(TINTS)] for i, name in enumerate(types)}


def draw_graph(
    nodes: Sequence[Node], edges: Sequence[Edge], colors: Mapping[str, tuple[str, str]], title: str
) -> Markup:
    """Draw the graph; `wrong` and `missed` items are dashed, coloured and marked with a sign."""
    if not nodes:
        return svg_document(180, 30, title, svg_label(0, 19, "no entities", fill=FAINT, font_style="italic"))
    wide = min(215.0, 26 + 6.9 * max(max(len(clip_text(n.text, 26) + SIGN[n.mark]), len(n.type) - 3) for n in nodes))
    centre = [_ROW * (i + 0.5) for i in range(len(nodes))]
    starts, ends = _spread_edges(edges, centre)
    lanes = _assign_lanes([(starts[i], ends[i]) for i in range(len(edges))])
    names_at = wide + 22 + _LANE * (max(lanes, default=-1) + 1)
    lines = _place_labels([(starts[i] + ends[i]) / 2 for i in range(len(edges))])
    arrows = [
        _arrow(edge, starts[i], ends[i], wide + 16 + _LANE * lanes[i], wide, names_at, lines[i])
        for i, edge in enumerate(edges)
    ]
    pills = [_pill(node, y, wide, colors) for node, y in zip(nodes, centre, strict=True)]
    longest = max((len(clip_text(e.type, 34)) + 2 for e in edges), default=0)
    height = max(_ROW * len(nodes), max(lines, default=0) + 12)
    return svg_document(names_at + 6.4 * longest + 8, height, title, *arrows, *pills)


def _pill(node: Node, y: float, wide: float, colors: Mapping[str, tuple[str, str]]) -> Markup:
    fill, ink = colors.get(node.type, ("#eeeeee", INK))
    mark = node.mark
    box = svg_element(
        "rect",
        svg_element("title", f"{node.text} ({node.type})"),
        x=1,
        y=y - _PILL / 2,
        width=wide - 2,
        height=_PILL,
        rx=6,
        fill=fill,
        stroke=ink if mark == "right" else STROKE[mark],
        stroke_width=1 if mark == "right" else 1.8,
        stroke_dasharray=DASH[mark],
        stroke_opacity=0.45 if mark == "right" else 1,
    )
    name = svg_label(11, y - 1.5, clip_text(node.text, 26) + SIGN[mark], font_size="12", font_weight="600")
    return Markup("").join([box, name, svg_label(11, y + 11, clip_text(node.type, 30), font_size="9.5", fill=ink)])


def _arrow(edge: Edge, start: float, end: float, lane: float, wide: float, names_at: float, line: float) -> Markup:
    color, dash = STROKE[edge.mark], DASH[edge.mark]
    turn = min(6.0, abs(end - start) / 2) * (1 if end >= start else -1)
    path = (
        f"M{wide:.1f},{start:.1f} H{lane - abs(turn):.1f} Q{lane:.1f},{start:.1f} {lane:.1f},{start + turn:.1f} "
        f"V{end - turn:.1f} Q{lane:.1f},{end:.1f} {lane - abs(turn):.1f},{end:.1f} H{wide + 5:.1f}"
    )
    tip = f"{wide:.1f},{end:.1f} {wide + 7:.1f},{end - 3.6:.1f} {wide + 7:.1f},{end + 3.6:.1f}"
    touch = min(max(line, min(start, end)), max(start, end))
    return Markup("").join(
        [
            svg_element("path", d=path, fill="none", stroke=color, stroke_width=1.5, stroke_dasharray=dash),
            svg_element("polygon", points=tip, fill=color),
            svg_element(
                "line", x1=lane, y1=touch, x2=names_at - 3, y2=line, stroke=color, stroke_width=0.6, stroke_opacity=0.6
            ),
            svg_label(
                names_at,
                line + 4,
                clip_text(edge.type, 34) + SIGN[edge.mark],
                font_size="11.5",
                fill=color,
                stroke=PAPER,
                stroke_width=3,
                paint_order="stroke",
            ),
        ]
    )


def _spread_edges(edges: Sequence[Edge], centre: Sequence[float]) -> tuple[list[float], list[float]]:
    """Return the y positions at which each edge leaves its head and reaches its tail, spread over the node's height."""
    fans: dict[int, list[tuple[float, int, bool]]] = {}
    for i, edge in enumerate(edges):
        fans.setdefault(edge.head, []).append((centre[edge.tail], i, True))
        fans.setdefault(edge.tail, []).append((centre[edge.head], i, False))
    starts, ends = [0.0] * len(edges), [0.0] * len(edges)
    for node, fan in fans.items():
        step = min(7.0, (_PILL - 8) / len(fan))
        for place, (_, i, leaving) in enumerate(sorted(fan)):
            y = centre[node] + step * (place - (len(fan) - 1) / 2)
            (starts if leaving else ends)[i] = y
    return starts, ends


def _assign_lanes(intervals: Sequence[tuple[float, float]]) -> list[int]:
    """Return a lane for every vertical interval, short ones first, so that no two in a lane overlap."""
    lanes = [0] * len(intervals)
    taken: list[list[tuple[float, float]]] = []
    for i in sorted(range(len(intervals)), key=lambda i: (abs(intervals[i][0] - intervals[i][1]), i)):
        low, high = min(intervals[i]) - 3, max(intervals[i]) + 3
        free = (n for n, lane in enumerate(taken) if all(high < a or b < low for a, b in lane))
        lanes[i] = next(free, len(taken))
        if lanes[i] == len(taken):
            taken.append([])
        taken[lanes[i]].append((low, high))
    return lanes


def _place_labels(wanted: Sequence[float]) -> list[float]:
    """Return a y position for every label, as close as possible to the wanted one, without overlap."""
    lines = [0.0] * len(wanted)
    last = -1e9
    for i in sorted(range(len(wanted)), key=lambda i: (wanted[i], i)):
        last = lines[i] = max(wanted[i], last + _LINE, 10.0)
    return lines
