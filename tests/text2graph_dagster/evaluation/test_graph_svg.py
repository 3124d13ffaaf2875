"""The drawing of a graph: labels and marks."""

from hypothesis import given
from hypothesis import strategies as st

from tests.text2graph_dagster.evaluation.svg_text import SVG, parse_svg, svg_texts
from text2graph_dagster.evaluation.graph_svg import Edge, Node, draw_graph, entity_type_colors


def clean(text: str) -> str:
    return "".join(c for c in text if c.isprintable()) or "x"


@given(
    st.lists(st.tuples(st.text(max_size=40), st.sampled_from(["person", "city"])), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7), st.text(min_size=1, max_size=40)), max_size=12),
)
def test_labels_of_a_graph_never_overlap_and_stay_inside(nodes, edges) -> None:
    nodes = [Node(clean(text), kind) for text, kind in nodes]
    edges = [Edge(h % len(nodes), t % len(nodes), clean(kind)) for h, t, kind in edges]
    chart = parse_svg(draw_graph(nodes, edges, entity_type_colors(["person", "city"]), "t"))
    height = float(chart.get("height"))
    names = [float(t.get("y")) for t in chart.iter(f"{SVG}text") if t.get("paint-order")]
    assert len(names) == len(edges)
    assert all(b - a >= 16.9 for a, b in zip(sorted(names), sorted(names)[1:], strict=False))
    assert all(0 < y <= height for y in names)


def test_marks_differ_by_sign_and_dash_and_not_by_colour_alone() -> None:
    nodes = [Node("a", "t"), Node("b", "t", "wrong"), Node("c", "t", "missed")]
    chart = draw_graph(nodes, [Edge(0, 1, "x", "wrong"), Edge(0, 2, "y", "missed")], {}, "t")
    assert {"a", "b ✗", "c ○", "x ✗", "y ○"} <= set(svg_texts(chart))
    dashes = [p.get("stroke-dasharray") for p in parse_svg(chart).iter(f"{SVG}path")]
    assert None not in dashes
    assert len(set(dashes)) == 2
