"""The report page: it is complete, self-contained, and all text is escaped."""

import re

import pytest

from tests.text2graph_dagster.evaluation.html_pages import ONTOLOGY, Page, row
from text2graph_dagster.evaluation.example_panels import ReportExample
from text2graph_dagster.evaluation.report import FunnelStage, ReportData, render_report, system_colors
from text2graph_dagster.graph.model import Entity, Graph, Relation, Span
from text2graph_dagster.ontology import EntityType, Ontology, RelationType

TEXT = "Ana Ruiz founded Velsoft."
GRAPH = Graph(
    (Entity(0, "Ana Ruiz", "person", (Span(0, 8),)), Entity(1, "Velsoft", "company", (Span(17, 24),))),
    (Relation(0, 1, "founded"),),
)
ROWS = [
    row("sft", "relation_strict_f1", 0.512),
    row("grpo", "relation_strict_f1", 0.634),
    row("grpo - sft", "delta:grpo-sft:relation_strict_f1", 0.122),
    row("sft", "relation_strict_f1:founded", 0.4, n=77),
    row("grpo", "relation_strict_f1:founded", None, n=77),
]

_GATE = ("asset", "gate", "corpus", "value", "threshold", "passed")
GATES = [
    dict(zip(_GATE, ("raw_corpus", "language", "news", 0.99, "≥ 0.8", True), strict=True)),
    dict(zip(_GATE, ("grpo_checkpoint", "kl", "*", None, "≤ 5", False), strict=True)),
]


def make_report_data(**changes) -> ReportData:
    return ReportData(
        **{
            "title": "news",
            "run": "r1",
            "made_at": "2026-01-02 03:04 UTC",
            "rows": ROWS,
            "systems": ["sft", "grpo"],
            "ontologies": {"news": ONTOLOGY},
            "published": {"news": {"Somebody (2020)": 0.775}},
            "curves": {
                "SFT": {"loss": [(0, 2.0), (10, 1.0)], "level_line": [(0, 1.0), (10, 1.0)]},
                "GRPO": {"reward": []},
            },
            "funnels": {
                "news": [FunnelStage("documents", 10), FunnelStage("passages", 25, {"not text": 3, "none": 0})]
            },
            "gates": GATES,
            "examples": [ReportExample("news", "0123456789abcdef", TEXT, GRAPH, {"sft": None, "grpo": GRAPH})],
            "configuration": {"seed": 7, "sft": {"max_steps": 1600, "lora": None}},
            "provenance": {"torch": "2.13.0"},
        }
        | changes
    )


def test_everything_is_on_the_page() -> None:
    html = render_report(make_report_data())
    page = Page(html)
    words = " ".join(page.text.split())
    for expected in (
        "SFT + GRPO extracts relations with a strict F1 of 0.634 [0.624, 0.644] on 1,234 held-out passages of news.",
        "The difference to SFT is +0.122 [+0.112, +0.132]: better",
        "0.512 0.502 to 0.522",
        "Somebody (2020) 0.775",
        "n = 77",
        "−3 not text",
        "✓ passed",
        "✗ failed",
        "max_steps 1600",
        "torch 2.13.0",
        "3 correct",
        "no readable answer",
        "no data",
    ):
        assert expected in words or expected in page.text, expected
    assert "−0 none" not in words
    training = html[html.index('<section id="training">') : html.index('<section id="types">')]
    shown, folded = training.split("<details>")[:2]
    assert "Loss on training batches" in shown
    assert "level_line" not in shown
    assert "<code>level_line</code> = 1" in folded


def test_the_conclusion_follows_the_interval_of_the_difference() -> None:
    rows = [*ROWS[:2], {**ROWS[2], "low": -0.01}]
    assert "not distinguishable" in render_report(make_report_data(rows=rows))
    alike = [*ROWS[:2], {**ROWS[2], "value": 0.0, "low": 0.0, "high": 0.0}]
    assert "both give the same answers" in render_report(make_report_data(rows=alike))
    worse = [*ROWS[:2], {**ROWS[2], "value": -0.1, "low": -0.2, "high": -0.05}]
    assert "worse, since the" in render_report(make_report_data(rows=worse))


def test_the_summary_compares_with_the_teacher_if_there_is_one() -> None:
    rows = [*ROWS, row("teacher", "relation_strict_f1", 0.6)]
    rows.append(row("grpo - teacher", "delta:grpo-teacher:relation_strict_f1", 0.034))
    page = Page(render_report(make_report_data(rows=rows, systems=["teacher", "sft", "grpo"])))
    assert "The difference to Teacher is +0.034 [+0.024, +0.044]: better" in " ".join(page.text.split())


def test_the_page_loads_no_external_resources() -> None:
    html = render_report(make_report_data())
    page = Page(html)
    assert {"script", "link", "img", "iframe", "object", "embed", "form"}.isdisjoint(page.tags)
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in html
    urls = set(re.findall(r"https?://[^\s\"'<]+", html))
    assert urls == {"http://www.w3.org/2000/svg"}  # a namespace, never fetched
    assert {value for name, value in page.attributes if name in ("href", "src")} <= {
        f"#{name}" for name in ("headline", "training", "types", "accounting", "gates", "examples", "provenance")
    }
    assert "@import" not in html
    assert "url(" not in html


INJECTION = "\"><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}' onload='"


def test_all_external_text_is_escaped() -> None:
    ontology = Ontology("t", "en", (EntityType(INJECTION), EntityType("person")), (RelationType(INJECTION),))
    text = f"{INJECTION} met Ana."
    graph = Graph(
        (Entity(0, INJECTION, INJECTION, (Span(0, len(INJECTION)),)), Entity(1, INJECTION, "person", (Span(0, 2),))),
        (Relation(0, 1, INJECTION),),
    )
    html = render_report(
        make_report_data(
            title=INJECTION,
            run=INJECTION,
            made_at=INJECTION,
            rows=[
                row(INJECTION, m, 0.5, corpus=INJECTION)
                for m in ("relation_strict_f1", f"relation_strict_f1:{INJECTION}")
            ],
            systems=[INJECTION],
            ontologies={INJECTION: ontology},
            published={INJECTION: {INJECTION: 0.5}},
            curves={INJECTION: {INJECTION: [(0, 1.0)]}},
            funnels={INJECTION: [FunnelStage(INJECTION, 1, {INJECTION: 1}, INJECTION)]},
            gates=[
                {
                    "asset": INJECTION,
                    "gate": INJECTION,
                    "corpus": INJECTION,
                    "value": 1.0,
                    "threshold": INJECTION,
                    "passed": True,
                }
            ],
            examples=[ReportExample(INJECTION, INJECTION, text, graph, {INJECTION: graph})],
            configuration={INJECTION: {INJECTION: INJECTION}},
            provenance={INJECTION: [INJECTION]},
        )
    )
    page = Page(html)
    assert {"script", "img"}.isdisjoint(page.tags) and not [n for n, _ in page.attributes if n.startswith("on")]
    assert "{{ 7*7 }}" in page.text
    assert "49" not in re.findall(r"<h1>(.*?)</h1>", html)[0]


@pytest.mark.parametrize(
    "empty", ["rows", "systems", "curves", "funnels", "gates", "examples", "configuration", "published"]
)
def test_every_part_of_the_report_may_be_empty(empty: str) -> None:
    changes = {empty: {} if empty in ("curves", "funnels", "configuration", "published") else []}
    if empty == "systems":
        changes |= {"rows": [], "examples": []}
    assert "</html>" in render_report(make_report_data(**changes))


def test_the_same_data_gives_the_same_page() -> None:
    assert render_report(make_report_data()) == render_report(make_report_data())


def test_systems_have_different_colours_and_the_last_keeps_its_colour() -> None:
    colors = system_colors(["teacher", "base", "sft", "other", "grpo"])
    assert len(set(colors.values())) == 5
    assert system_colors(["sft", "grpo"])["grpo"] == colors["grpo"]
