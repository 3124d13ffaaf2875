"""The headline figures as text for a terminal and as Markdown for asset metadata, and all figures as JSON."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from text2graph_dagster.evaluation.figures import HEADLINE, METRIC_LABELS, delta_name

SYSTEM_LABELS: Mapping[str, str] = {"teacher": "Teacher", "base": "Not fine-tuned", "sft": "SFT", "grpo": "SFT + GRPO"}

Row = Mapping[str, Any]


class FigureTable:
    """The rows of one eval_report, indexed by system, corpus and metric."""

    def __init__(self, rows: Iterable[Row], systems: Sequence[str] | None = None) -> None:
        """Index the rows; `systems` gives the order of systems, by default that of the rows."""
        self.rows = list(rows)
        self.by_key = {(r["system"], r["corpus"], r["metric"]): r for r in self.rows}
        plain = [r for r in self.rows if not r["metric"].startswith("delta:")]
        self.systems = list(systems or dict.fromkeys(r["system"] for r in plain))
        self.corpora = sorted(dict.fromkeys(r["corpus"] for r in plain), key=lambda c: (c != "all", c))

    def get(self, system: str, corpus: str, metric: str) -> Row | None:
        """Return a system's row, or None if there is none or it has no value."""
        row = self.by_key.get((system, corpus, metric))
        return row if row and row["value"] is not None else None

    def get_delta(self, second: str, first: str, corpus: str, metric: str) -> Row | None:
        """Return the row of the difference `second` minus `first`."""
        return self.get(f"{second} - {first}", corpus, delta_name(second, first, metric))

    def get_row(self, corpus: str, metric: str) -> list[Row | None]:
        """Return the row of every system for one figure."""
        return [self.get(system, corpus, metric) for system in self.systems]

    def get_delta_row(self, corpus: str, metric: str, pairs: Sequence[tuple[str, str]]) -> list[Row | None]:
        """Return, for each pair of systems, the row of the difference (first minus second) in one figure."""
        return [self.get_delta(second, first, corpus, metric) for second, first in pairs]

    def system_pairs(self) -> list[tuple[str, str]]:
        """Return all (later, earlier) pairs of systems; both go from the last system to the first."""
        names = self.systems
        return [(names[b], names[a]) for b in reversed(range(len(names))) for a in reversed(range(b))]

    def headline_metrics(self) -> list[str]:
        """Return the names of this report's headline figures, in order."""
        present = {r["metric"] for r in self.rows}
        return [metric for metric in HEADLINE if metric in present]


def format_figure(row: Row | None, *, signed: bool = False) -> str:
    """Format a figure with its interval, e.g. "0.634 [0.624, 0.644]"."""
    if row is None:
        return "–"
    value, low, high = (
        f"{row[name]:{'+' if signed else ''}.3f}".replace("-", "−") for name in ("value", "low", "high")
    )
    return f"{value} [{low}, {high}]"


def format_headline(
    rows: Iterable[Row], systems: Sequence[str] | None = None, labels: Mapping[str, str] = SYSTEM_LABELS
) -> str:
    """Format the headline as plain text: for each corpus, a table of the systems and a table of their differences."""
    figures = FigureTable(rows, systems)
    if not figures.rows:
        return "no report yet"
    blocks = []
    for corpus in figures.corpora:
        head = ["", *(labels.get(s, s) for s in figures.systems), "n"]
        lines = [head]
        for metric in figures.headline_metrics():
            found = figures.get_row(corpus, metric)
            lines.append([METRIC_LABELS[metric][0], *map(format_figure, found), _n(found)])
        text = f"{corpus}: figures with 95 % intervals (paired bootstrap over documents)\n{_columns(lines)}"
        if deltas := _deltas(figures, corpus, labels):
            text += f"\n\n{corpus}: differences\n{_columns(deltas)}"
        blocks.append(text)
    return "\n\n".join(blocks)


def _deltas(figures: FigureTable, corpus: str, labels: Mapping[str, str]) -> list[list[str]]:
    main = [
        m
        for m in ("relation_strict_f1", "entity_strict_f1", "raw:relation_strict_f1")
        if m in figures.headline_metrics()
    ]
    lines = []
    for second, first in figures.system_pairs():
        found = [figures.get_delta(second, first, corpus, metric) for metric in main]
        name = f"{labels.get(second, second)} − {labels.get(first, first)}"
        lines.append([name, *(format_figure(row, signed=True) for row in found), _n(found)])
    return [["", *(METRIC_LABELS[m][0] for m in main), "n"], *lines] if lines else []


def format_headline_markdown(
    rows: Iterable[Row], systems: Sequence[str] | None = None, labels: Mapping[str, str] = SYSTEM_LABELS
) -> str:
    """Format the headline as a Markdown table per corpus, for asset metadata."""
    figures = FigureTable(rows, systems)
    blocks = []
    for corpus in figures.corpora:
        head = [f"{corpus}", *(labels.get(s, s) for s in figures.systems), "n"]
        lines = [head, ["---"] * len(head)]
        for metric in figures.headline_metrics():
            found = figures.get_row(corpus, metric)
            lines.append([METRIC_LABELS[metric][0], *map(format_figure, found), _n(found)])
        blocks.append("\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines))
    return "\n\n".join(blocks)


def figures_to_json(rows: Iterable[Row]) -> str:
    """Return every figure with its interval and its n, as a JSON list."""
    fields = ("run", "system", "corpus", "metric", "value", "low", "high", "n")
    return json.dumps([{name: row[name] for name in fields} for row in rows], ensure_ascii=False, indent=1)


def _n(found: Sequence[Row | None]) -> str:
    sizes = list(dict.fromkeys(f"{row['n']:,}" for row in found if row))
    return " / ".join(sizes) or "0"


def _columns(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
