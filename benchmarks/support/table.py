"""Shared by all benchmarks: their two flags, and how tables are printed."""

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any


def flags(description: str) -> argparse.Namespace:
    """Parse a command line with `--quick` and `--json` only."""
    return switches(description).parse_args()


def switches(description: str) -> argparse.ArgumentParser:
    """Return a parser with `--quick` and `--json`, to which a benchmark can add options."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a small version, to check that it runs")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


def show(rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print the rows as a table or as JSON."""
    if as_json:
        print(json.dumps(list(rows), indent=1))
        return
    names = list(rows[0]) if rows else []
    cells = [names, *([_cell(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    for line in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))


def _cell(value: Any) -> str:
    return (
        f"{value:,.3g}"
        if isinstance(value, float) and abs(value) < 100
        else f"{value:,.0f}"
        if isinstance(value, float)
        else str(value)
    )
