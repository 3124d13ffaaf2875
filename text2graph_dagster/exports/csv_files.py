"""Three CSV files (entities, relations, evidence) that spreadsheets and bulk loaders read.

A spreadsheet runs a cell that begins like a formula; such a cell gets an apostrophe before it.
"""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from text2graph_dagster.exports.merge import PassageGraph, merge

_FORMULA = ("=", "+", "-", "@", "|", "＝", "＋", "－", "＠")


def write(passages: Iterable[PassageGraph], out: Path) -> list[Path]:
    """Write entities.csv, relations.csv and evidence.csv into the folder `out`."""
    graph = merge(passages)
    out.mkdir(parents=True, exist_ok=True)
    evidence = [(e.id, e.evidence) for e in graph.entities.values()]
    evidence += [(r.id, r.evidence) for r in graph.relations.values()]
    return [
        _table(out / "entities.csv", ("id", "text", "type"), ((e.id, e.text, e.type) for e in graph.entities.values())),
        _table(
            out / "relations.csv",
            ("id", "head", "type", "tail", "head_text", "tail_text"),
            (
                (r.id, r.head, r.type, r.tail, graph.entities[r.head].text, graph.entities[r.tail].text)
                for r in graph.relations.values()
            ),
        ),
        _table(
            out / "evidence.csv",
            ("of", "passage_id", "doc_id", "start", "end", "text"),
            ((of, e.passage_id, e.doc_id, e.start, e.end, e.text) for of, found in evidence for e in found),
        ),
    ]


def _table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str | int]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([guard(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return path


def guard(cell: str) -> str:
    """Return the cell, with an apostrophe before it if a spreadsheet might take it for a formula."""
    risky = cell.lstrip().startswith(_FORMULA) or cell.startswith(("\t", "\r", "\n"))
    return f"'{cell}" if risky else cell
