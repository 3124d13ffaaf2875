"""Export graphs in the formats of graph databases and other tools, with the evidence of every entity and relation.

Every format is a module with `write(passages, out)`, which returns the files that it wrote. To add a format, write its
module and list it in `ExportFormat` and `FORMATS` below; the command line then offers it.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Literal

from text2graph_dagster.exports import csv_files, cypher, graphml, jsonld
from text2graph_dagster.exports.merge import PassageGraph

Writer = Callable[[Iterable[PassageGraph], Path], list[Path]]

ExportFormat = Literal["cypher", "csv", "graphml", "jsonld"]

FORMATS: Mapping[ExportFormat, Writer] = {
    "cypher": cypher.write,
    "csv": csv_files.write,
    "graphml": graphml.write,
    "jsonld": jsonld.write,
}

__all__ = ["FORMATS", "ExportFormat", "PassageGraph", "Writer"]
