"""The funnel as stages and as a chart."""

from xml.etree import ElementTree

from text2graph_dagster.evaluation.funnel import build_funnels, draw_funnel
from text2graph_dagster.evaluation.report import FunnelStage

ROWS = [
    ("raw_corpus", "documents_in", 10),
    ("raw_corpus", "gold_documents_in", 2),
    ("raw_corpus", "documents_quarantined", 1),
    ("raw_corpus", "passages", 40),
    ("raw_corpus", "passages_kept", 38),
    ("teacher_graphs", "graphs", 38),
    ("cot_traces", "traces", 30),
    ("filtered_dataset", "examples", 20),
    ("filtered_dataset", "left_out: beyond_max_examples", 10),
    ("filtered_dataset", "relations_dropped", 1200),
]


def test_the_stages_list_all_losses() -> None:
    rows = [{"stage": s, "item": i, "count": n, "corpus": "news"} for s, i, n in ROWS]
    stages = build_funnels([*rows, {**rows[0], "corpus": "other"}], ["news"])["news"]
    assert [(s.name, s.count) for s in stages][:2] == [("documents", 12), ("documents read", 11)]
    assert stages[-1] == FunnelStage(
        "examples", 20, {"beyond max examples": 10}, note="relations denoised: 1,200 dropped, 0 added"
    )


def test_the_chart_shows_names_counts_and_losses_and_escapes_them() -> None:
    stages = [
        FunnelStage("documents", 1200),
        FunnelStage("examples", 3, {"<b>odd</b>": 7, "none": 0}),
        FunnelStage("nothing", 0),
    ]
    svg = draw_funnel(stages, "a & b")
    words = [element.text for element in ElementTree.fromstring(svg).iter() if element.text]
    assert {"documents", "1,200", "examples", "3", "−7 <b>odd</b>", "0"} <= set(words)
    assert not any("none" in word for word in words)
    assert draw_funnel([], "nothing yet")
