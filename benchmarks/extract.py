"""Measure how fast a trained student extracts: `python -m benchmarks.extract [--python VLLM] [--quick] [--json]`.

The student is the newest checkpoint under `$TEXT2GRAPH_HOME/checkpoints` (default `home`; `make demo` makes one). The
documents are real texts from `$TEXT2GRAPH_DATA/raw`: short texts and long articles. Both are unlike the training text
of the demo's student, so only the speed is meaningful. Every arm extracts each set in the same run:

- `here`: in this process, with the fast decoder
- `generate`: in this process, with Transformers' `generate`
- `vllm`: by a vLLM server on this machine, if `--python` names an interpreter whose environment has vLLM

`here` and `vllm` also run with answers constrained by the grammar `copy`. Documents, passages and answer tokens are
counted per second of wall-clock time, with all cores of the machine. The time includes reading, packing, filtering and
merging, but not loading the model.

`--quick`: a tenth of the documents.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

from benchmarks.support.corpora import data_folder
from benchmarks.support.table import show, switches
from resources.vllm import run_server
from text2graph_dagster import Extractor
from text2graph_dagster.inference.checkpoint import RECIPE, load_ontologies
from text2graph_dagster.progress import log_progress
from text2graph_dagster.runtime.program import prepare_environment
from text2graph_dagster.settings import DecodingSettings, ServerSettings

SHORT, LONG = 200, 10  # documents
Grammar = Literal["none", "copy"]
GRAMMARS: tuple[Grammar, ...] = ("none", "copy")


def main() -> None:
    """Run from the command line."""
    parser = switches(str(__doc__))
    parser.add_argument("--python", default="", help="interpreter that has vLLM")
    arguments = parser.parse_args()
    prepare_environment()
    checkpoint, share = newest(Path(os.environ.get("TEXT2GRAPH_HOME", "home"))), 10 if arguments.quick else 1
    data = data_folder() / "raw"
    sets = {
        name: list(islice(texts, count // share))
        for name, texts, count in (("short texts", short_texts(data), SHORT), ("articles", articles(data), LONG))
    }
    arms: list[tuple[str, Grammar]] = [("here", "none"), ("here", "copy"), ("generate", "none")]
    rows = [measure(checkpoint, arm, grammar, name, texts) for name, texts in sets.items() for arm, grammar in arms]
    if arguments.python:
        rows += through_server(checkpoint, arguments.python, sets)
    show(rows, as_json=arguments.json)


def newest(home: Path) -> Path:
    """Return the folder of the newest checkpoint.

    Raises:
        SystemExit: there is none.
    """
    found = sorted(home.glob(f"checkpoints/*/{RECIPE}"), key=lambda path: path.stat().st_mtime)
    if not found:
        sys.exit(f"{home} has no checkpoint: run `make demo`, or set TEXT2GRAPH_HOME.")
    return found[-1].parent


def short_texts(data: Path) -> Iterator[str]:
    """Yield texts of a few sentences."""
    with (data / "en_knowledgenet_docs.jsonl").open(encoding="utf-8") as lines:
        yield from (json.loads(line)["text"] for line in lines)


def articles(data: Path) -> Iterator[str]:
    """Yield articles of several pages."""
    yield from (path.read_text(encoding="utf-8") for path in sorted((data / "en_wikitext2_test").iterdir()))


def through_server(checkpoint: Path, python: str, sets: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Measure extraction through a vLLM server that serves the checkpoint; return the rows of the table."""
    settings = ServerSettings(
        python=python,
        weights=str(checkpoint),
        dtype="float32",
        extra_args=["--enforce-eager", "--structured-outputs-config.backend", "guidance"],
        env={"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"},
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        run_server(
            "student", settings, Path(folder) / "server.log", lambda line: print(line, file=sys.stderr)
        ) as server,
    ):
        return [
            measure(checkpoint, "vllm", grammar, name, texts, server.base_url)
            for name, texts in sets.items()
            for grammar in GRAMMARS
        ]


def measure(
    checkpoint: Path,
    arm: str,
    grammar: Grammar,
    name: str,
    texts: Sequence[str],
    server: str | None = None,
) -> dict[str, Any]:
    """Extract from the texts once and return a row of the table."""
    from text2graph_dagster.inference import batch_generation
    from text2graph_dagster.inference.decoder_weights import has_fast_decoder

    extractor = Extractor(checkpoint, corpus=min(load_ontologies(checkpoint)), threads=0, server=server)
    extractor.recipe = extractor.recipe.model_copy(update={"decoding": DecodingSettings(grammar=grammar)})
    with patch.object(batch_generation, "has_fast_decoder", has_fast_decoder if arm == "here" else lambda model: False):
        list(extractor.extract(texts[:1]))  # loads the model
        begun = time.perf_counter()
        found = list(extractor.extract(texts, log_progress(lambda line: print(f"{name}: {line}", file=sys.stderr))))
        seconds = time.perf_counter() - begun
    windows = [window for extraction in found for window in extraction.passages]
    return {
        "set": name,
        "student": arm,
        "grammar": grammar,
        "documents": len(found),
        "passages": len(windows),
        "entities": sum(len(extraction.graph.entities) for extraction in found),
        "dropped": sum(sum(extraction.dropped.values()) for extraction in found),
        "unanswered": sum(bool(window.problem) for window in windows),
        "documents/s": len(found) / seconds,
        "passages/s": len(windows) / seconds,
        "answer tokens/s": sum(window.tokens for window in windows) / seconds,
        "seconds": seconds,
    }


if __name__ == "__main__":
    main()
