"""How fast a trained student extracts in process: `python -m benchmarks.extract [--quick] [--json]`.

The student is the newest checkpoint under `$TEXT2GRAPH_HOME/checkpoints` (default `home`; `make demo` makes one), the
documents are real ones of `$TEXT2GRAPH_DATA/raw`: short texts and long articles, neither of the kind that the demo's
student was taught, so only the speed says something. Each set is extracted twice in one run, by the fast decoder and by
Transformers' `generate`. Reading, packing, filtering and merging count; loading the model does not. Per second of
processor time, on one thread: `documents`, `passages`, `answer tokens`. `seconds` are of the wall clock.

`--quick`: a tenth of the documents.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.table import flags, show
from text2graph_dagster import Extractor
from text2graph_dagster.extract.recipe import RECIPE, all_ontologies
from text2graph_dagster.progress import log_progress
from text2graph_dagster.training.program import prepare_environment

SHORT, LONG = 200, 10  # documents


def main() -> None:
    """Run from the command line."""
    arguments = flags(str(__doc__))
    prepare_environment()
    checkpoint, share = newest(Path(os.environ.get("TEXT2GRAPH_HOME", "home"))), 10 if arguments.quick else 1
    data = Path(os.environ.get("TEXT2GRAPH_DATA", "../shared/data")) / "raw"
    rows: list[dict[str, Any]] = []
    for name, texts, count in (("short texts", short_texts(data), SHORT), ("articles", articles(data), LONG)):
        chosen = list(islice(texts, count // share))
        rows += [measure(checkpoint, name, chosen, fast=fast) for fast in (True, False)]
    show(rows, as_json=arguments.json)


def newest(home: Path) -> Path:
    """Return the checkpoint that was made last."""
    found = sorted(home.glob(f"checkpoints/*/{RECIPE}"), key=lambda path: path.stat().st_mtime)
    if not found:
        sys.exit(f"there is no checkpoint under {home}: run `make demo`, or set TEXT2GRAPH_HOME.")
    return found[-1].parent


def short_texts(data: Path) -> Iterator[str]:
    """Yield texts of a few sentences."""
    with (data / "en_knowledgenet_docs.jsonl").open(encoding="utf-8") as lines:
        yield from (json.loads(line)["text"] for line in lines)


def articles(data: Path) -> Iterator[str]:
    """Yield articles of several pages."""
    yield from (path.read_text(encoding="utf-8") for path in sorted((data / "en_wikitext2_test").iterdir()))


def measure(checkpoint: Path, name: str, texts: list[str], *, fast: bool) -> dict[str, Any]:
    """Extract from the texts once; return a row of the table."""
    from text2graph_dagster.training import answering
    from text2graph_dagster.training.generation import supports

    corpus = min(all_ontologies(checkpoint))
    extractor = Extractor(checkpoint, corpus=corpus, threads=1)
    with patch.object(answering, "supports", supports if fast else lambda model: False):
        list(extractor.extract(texts[:1]))  # loads the model
        wall, cpu = time.perf_counter(), time.process_time()
        found = list(extractor.extract(texts, log_progress(lambda line: print(f"{name}: {line}", file=sys.stderr))))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    windows = [window for extraction in found for window in extraction.passages]
    return {
        "set": name,
        "decoder": "fast" if fast else "generate",
        "documents": len(found),
        "characters": sum(map(len, texts)),
        "passages": len(windows),
        "entities": sum(len(extraction.graph.entities) for extraction in found),
        "documents/s": len(found) / cpu,
        "passages/s": len(windows) / cpu,
        "answer tokens/s": sum(window.tokens for window in windows) / cpu,
        "unanswered": sum(bool(window.problem) for window in windows) / len(windows),
        "seconds": wall,
    }


if __name__ == "__main__":
    main()
