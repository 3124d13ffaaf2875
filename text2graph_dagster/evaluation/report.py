"""The evaluation report: one self-contained HTML page from plain data.

It needs no network, no script and no server, and prints well. Everything that comes from documents, models or settings
is escaped by the template engine or by `svg.element`; a content security policy forbids whatever might slip through.
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
    Points,
    format_short,
    grouped_bar_chart,
    interval_chart,
    line_chart,
)
from text2graph_dagster.evaluation.example_panels import ReportExample, build_panels
from text2graph_dagster.evaluation.figures import type_figure_name
from text2graph_dagster.evaluation.graph_svg import entity_type_colors
from text2graph_dagster.evaluation.headline import METRIC_LABELS, SYSTEM_LABELS, FigureTable, Row, format_figure
from text2graph_dagster.ontology import Ontology


@dataclass(frozen=True, slots=True)
class FunnelStage:
    """One step of the accounting: how many of what came through, and what was lost on the way to it, by reason."""

    name: str
    count: int
    losses: Mapping[str, int] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything that the page shows.

    Attributes:
        title, run, made_at: what was evaluated, the digest of the evaluation, and when it was made.
        rows: rows of eval_report (as dictionaries); `systems` in the order in which they are shown, the last being
            the one that the report is about; `labels` their names.
        ontologies: by corpus.
        published: corpus → system → relation F1 (strict) as published, shown beside and never compared by interval.
        curves: stage → figure → (step, value).
        funnels: corpus → the stages from documents to examples; `lost`: some of what was lost on the way, by reason
            (rows with corpus, stage, reason, what, detail).
        gates: rows of the table gates.
        examples: gold passages with predictions, drawn by lot.
        configuration: the settings, section by section.
        provenance: versions and digests, by name.
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
    """Return the page."""
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
        curves={
            stage: [line_chart({name: points}, name) for name, points in charts.items() if not _is_level(points)]
            for stage, charts in data.curves.items()
        },
        examples=[_example(example, data) for example in data.examples],
        system_colors=system_colors(data.systems),
        number=format_figure,
    )


def _is_level(points: Points) -> bool:
    """Tell whether a figure never changed during training: such a line says nothing."""
    return len(points) > 1 and len({value for _, value in points}) == 1


def system_colors(systems: Sequence[str]) -> dict[str, str]:
    """Return a colour per system: the teacher and the base model are grey, the last system stands out."""
    quiet, others = {"teacher": "#8d949e", "base": "#c6cad0"}, iter(SERIES[:1] + SERIES[2:])
    colors = {system: quiet.get(system) or next(others, "#5f6670") for system in systems[:-1]}
    return colors | dict.fromkeys(systems[-1:], SERIES[1])


def _summary(figures: FigureTable, labels: Mapping[str, str]) -> dict[str, Any]:
    """Return what the first sentence says, about the last system on the first corpus (all of them, if several)."""
    if not figures.systems or not figures.corpora:
        return {"row": None}
    corpus, last = figures.corpora[0], figures.systems[-1]
    row = figures.get(last, corpus, "relation_strict_f1")
    before = figures.systems[-2] if len(figures.systems) > 1 else None
    delta = figures.delta(last, before, corpus, "relation_strict_f1") if before else None
    return {"row": row, "corpus": corpus, "system": last, "before": before, "delta": delta, "verdict": _verdict(delta)}


def _verdict(delta: Row | None) -> str:
    """Say what an interval allows to say."""
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
    """Return the primary figure of every system with its interval; of the first corpus if none is named."""
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
    """Return a picture of the relation types' F1 and one of the entity types', most frequent first."""
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
