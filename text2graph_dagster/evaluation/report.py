"""The evaluation report: one self-contained HTML page.

The page needs no network, script or server, and is printable. All text from documents, models and settings is escaped
by the template engine or by `charts.svg_element`; a content security policy blocks anything that might slip through.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from text2graph_dagster.evaluation.charts import (
    SERIES,
    Bar,
    format_short,
    grouped_bar_chart,
    interval_chart,
)
from text2graph_dagster.evaluation.example_panels import ReportExample, build_panels
from text2graph_dagster.evaluation.figures import METRIC_LABELS, type_figure_name
from text2graph_dagster.evaluation.graph_svg import entity_type_colors
from text2graph_dagster.evaluation.headline import SYSTEM_LABELS, FigureTable, Row, format_figure
from text2graph_dagster.evaluation.line_chart import Points
from text2graph_dagster.evaluation.training_charts import draw_stage
from text2graph_dagster.ontology import Ontology


@dataclass(frozen=True, slots=True)
class FunnelStage:
    """One stage of the funnel: the number of items that reached it, and the losses before it, by reason."""

    name: str
    count: int
    losses: Mapping[str, int] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class ReportData:
    """The content of the page.

    Attributes:
        title, run, made_at: the evaluated corpora, the digest of the evaluation, and its time.
        rows: rows of eval_report (as dictionaries).
        systems: in the order of the page; the report is about the last one. `labels` are their names.
        ontologies: by corpus.
        published: corpus → system → strict relation F1 as published; listed, but without interval or comparison.
        curves: training stage → figure → (step, value).
        funnels: corpus → the stages from documents to examples.
        lost: samples of lost passages and documents (rows with corpus, stage, reason, what, detail).
        gates: rows of the table gates.
        examples: randomly sampled gold passages with predictions.
        configuration: section → its settings.
        provenance: name → version or digest.
    """

    title: str
    run: str
    made_at: str
    rows: Sequence[Row]
    systems: Sequence[str]
    ontologies: Mapping[str, Ontology]
    labels: Mapping[str, str] = field(default_factory=lambda: SYSTEM_LABELS)
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    curves: Mapping[str, Mapping[str, Points]] = field(default_factory=dict)
    funnels: Mapping[str, Sequence[FunnelStage]] = field(default_factory=dict)
    lost: Sequence[Row] = ()
    gates: Sequence[Row] = ()
    examples: Sequence[ReportExample] = ()
    configuration: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)


def render_report(data: ReportData) -> str:
    """Return the HTML of the page."""
    figures = FigureTable(data.rows, data.systems)
    environment = Environment(
        loader=PackageLoader("text2graph_dagster.evaluation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "figure": _figure,
        "short": lambda value: "–" if value is None else format_short(value),
        "name": lambda system: data.labels.get(system, system),
        "json": _json,
    }
    style = environment.get_template("report.css").render()
    return environment.get_template("report.html.jinja").render(
        data=data,
        figures=figures,
        metrics=METRIC_LABELS,
        style=Markup(style),  # noqa: S704 - a file of this package
        summary=_summary(figures, data.labels),
        primary={corpus: draw_primary_figure(figures, corpus, data.labels) for corpus in figures.corpora},
        per_type={corpus: _per_type(figures, corpus, data) for corpus in data.ontologies},
        stages={stage: draw_stage(curves, _reward_weights(data)) for stage, curves in data.curves.items()},
        examples=[_example(example, data) for example in data.examples],
        system_colors=system_colors(data.systems),
        number=format_figure,
    )


def _reward_weights(data: ReportData) -> Mapping[str, float]:
    """Return the weights of the reward's components, in the order of the settings."""
    weights: Mapping[str, float] = data.configuration.get("grpo", {}).get("weights", {})
    return weights


def system_colors(systems: Sequence[str]) -> dict[str, str]:
    """Return a colour per system: grey for the teacher and the base model, a highlight for the last system."""
    greys, others = {"teacher": "#8d949e", "base": "#c6cad0"}, iter(SERIES[:1] + SERIES[2:])
    colors = {system: greys.get(system) or next(others, "#5f6670") for system in systems[:-1]}
    return colors | dict.fromkeys(systems[-1:], SERIES[1])


def _summary(figures: FigureTable, labels: Mapping[str, str]) -> dict[str, Any]:
    """Return the content of the summary: the last system's score on the first corpus ("all" if there are several).

    It is compared with the teacher, or, if there is none, with the system before it.
    """
    if not figures.systems or not figures.corpora:
        return {"row": None}
    corpus, last = figures.corpora[0], figures.systems[-1]
    row = figures.get(last, corpus, "relation_strict_f1")
    others = figures.systems[:-1]
    before = "teacher" if "teacher" in others else others[-1] if others else None
    delta = figures.get_delta(last, before, corpus, "relation_strict_f1") if before else None
    return {"row": row, "corpus": corpus, "system": last, "before": before, "delta": delta, "verdict": _verdict(delta)}


def _verdict(delta: Row | None) -> str:
    """Return the conclusion that the interval of a difference allows."""
    if delta is None:
        return ""
    if delta["low"] == delta["high"] == 0:
        return "the same"
    if delta["low"] > 0:
        return "better"
    return "worse" if delta["high"] < 0 else "not distinguishable"


def draw_primary_figure(
    figures: FigureTable, corpus: str | None = None, labels: Mapping[str, str] = SYSTEM_LABELS
) -> Markup:
    """Draw the primary figure of every system with its interval, by default on the first corpus."""
    corpus = corpus or figures.corpora[0]
    colors = system_colors(figures.systems)
    bars = [
        _bar(labels.get(system, system), figures.get(system, corpus, "relation_strict_f1"), colors[system])
        for system in figures.systems
    ]
    return interval_chart(bars, f"Relation F1, strict, on {corpus}, with 95 % intervals")


def _bar(label: str, row: Row | None, color: str) -> Bar:
    if row is None:
        return Bar(label, None, None, None, color)
    return Bar(label, row["value"], row["low"], row["high"], color, format_figure(row))


def _per_type(figures: FigureTable, corpus: str, data: ReportData) -> dict[str, Markup]:
    """Return a chart of the F1 of the relation types and one of the entity types, most frequent first."""
    ontology, colors = data.ontologies[corpus], system_colors(data.systems)
    shown = {}
    for title, protocol, names in (
        ("Relation types, strict F1", "relation_strict", ontology.relation_names),
        ("Entity types, strict F1", "entity_strict", ontology.entity_names),
    ):
        groups = []
        for name in names:
            found = {s: figures.get(s, corpus, type_figure_name(protocol, "f1", name)) for s in figures.systems}
            gold = max((row["n"] for row in found.values() if row), default=0)
            bars = [_bar(data.labels.get(s, s), row, colors[s]) for s, row in found.items()]
            if any(found.values()):
                groups.append((-gold, name, bars))
        ordered = [(name, f"n = {-rank:,}", bars) for rank, name, bars in sorted(groups, key=lambda g: g[:2])]
        if ordered:
            shown[title] = grouped_bar_chart(ordered, f"{title} on {corpus}")
    return shown


def _example(example: ReportExample, data: ReportData) -> dict[str, Any]:
    ontology = data.ontologies[example.corpus]
    colors = entity_type_colors(ontology.entity_names)
    gold, systems = build_panels(example, ontology, data.labels, colors)
    return {
        "example": example,
        "gold": gold,
        "last": systems[-1] if systems else None,
        "others": systems[:-1],
        "colors": colors,
    }


def _figure(value: float | None, signed: bool = False) -> str:
    return "–" if value is None else f"{value:{'+' if signed else ''}.3f}".replace("-", "−")


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
