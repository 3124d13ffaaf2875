"""Extracted graphs in the formats that graph databases and other tools read, each with the evidence of every fact.

Every format is a module with `write(passages, out)`, which returns the files that it wrote; `FORMATS` names them.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from text2graph_dagster.exports import csv_files, cypher, graphml, jsonld
from text2graph_dagster.exports.merge import PassageGraph

Writer = Callable[[Iterable[PassageGraph], Path], list[Path]]

FORMATS: Mapping[str, Writer] = {
    "cypher": cypher.write,
    "csv": csv_files.write,
    "graphml": graphml.write,
    "jsonld": jsonld.write,
}

__all__ = ["FORMATS", "PassageGraph", "Writer"]
