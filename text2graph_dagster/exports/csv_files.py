"""Three CSV files (entities, relations, evidence) that spreadsheets and bulk loaders read.

A spreadsheet evaluates a cell that begins like a formula, so such a cell is prefixed with an apostrophe.
"""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from text2graph_dagster.exports.merge import PassageGraph, merge_passages

_FORMULA = ("=", "+", "-", "@", "|", "＝", "＋", "－", "＠")


def write(passages: Iterable[PassageGraph], out: Path) -> list[Path]:
    """Write entities.csv, relations.csv and evidence.csv into the folder `out`."""
    graph = merge_passages(passages)
    out.mkdir(parents=True, exist_ok=True)
    evidence = [(e.id, e.evidence) for e in graph.entities.values()]
    evidence += [(r.id, r.evidence) for r in graph.relations.values()]
    return [
        _write_table(
            out / "entities.csv", ("id", "text", "type"), ((e.id, e.text, e.type) for e in graph.entities.values())
        ),
        _write_table(
            out / "relations.csv",
            ("id", "head", "type", "tail", "head_text", "tail_text"),
            (
                (r.id, r.head, r.type, r.tail, graph.entities[r.head].text, graph.entities[r.tail].text)
                for r in graph.relations.values()
            ),
        ),
        _write_table(
            out / "evidence.csv",
            ("of", "passage_id", "doc_id", "start", "end", "text"),
            ((of, e.passage_id, e.doc_id, e.start, e.end, e.text) for of, found in evidence for e in found),
        ),
    ]


def _write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str | int]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([escape_formula(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return path


def escape_formula(cell: str) -> str:
    """Return the cell, prefixed with an apostrophe if a spreadsheet might evaluate it as a formula."""
    risky = cell.lstrip().startswith(_FORMULA) or cell.startswith(("\t", "\r", "\n"))
    return f"'{cell}" if risky else cell
