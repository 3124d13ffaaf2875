"""Measure the cost of one more document: `python -m benchmarks.increment [--quick] [--json]`.

The data half of the gazette runs three times in a new home, each time as one `dagster asset materialize`: first in
full, then with nothing new, then with one more document. `share` is a run's seconds relative to the first run; `calls`
is the number of its calls to teacher and reasoner. `--quick` uses the smoke corpus.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.lineage import PARTITIONED, TOOLS, prepare, timed
from benchmarks.support.table import flags, show
from resources.warehouse import Warehouse

DOCUMENT = {"id": "one-more", "text": "A document that nobody has seen before was added to the archive on a rainy day."}


def main() -> None:
    """Run from the command line."""
    arguments = flags(str(__doc__))
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        env = prepare(home, quick=arguments.quick)
        warehouse = Warehouse(path=str(home / "warehouse.duckdb"))
        command = [
            *(str(TOOLS / "dagster"), "asset", "materialize", "--select", ",".join(PARTITIONED)),
            *("--partition", "gazette", "-m", "text2graph_dagster.definitions"),
        ]
        for run in ("full", "nothing new", "one document more"):
            if run == "one document more":
                with (home / "corpora" / "gazette" / "documents.jsonl").open("a") as file:
                    file.write(json.dumps(DOCUMENT) + "\n")
            before = warehouse.count("teacher_calls")
            seconds, _ = timed(command, env, home / "log")
            calls = warehouse.count("teacher_calls") - before
            first = rows[0]["seconds"] if rows else seconds
            rows.append({"run": run, "seconds": seconds, "share": seconds / first, "calls": calls})
    show(rows, as_json=arguments.json)


if __name__ == "__main__":
    main()
