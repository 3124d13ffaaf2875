"""How the data half grows: `python -m benchmarks.data_half [--quick] [--json]`.

Documents per second of each stage at 1, 4 and 16 times the gazette (`--quick`: a sixteenth, a quarter and one), in one
run. Growth is linear when the rates stay level; `ratio` is a size's seconds per document over those of the smallest.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from benchmarks.table import flags, show
from examples.gazette.generate import generate
from examples.gazette.settings import GazetteSettings
from text2graph_dagster.corpus.build import build
from text2graph_dagster.corpus.folder import open_corpus
from text2graph_dagster.dataset.decontamination import near_gold
from text2graph_dagster.dataset.denoise import Passage, denoise
from text2graph_dagster.dataset.examples import build_examples
from text2graph_dagster.graph import to_rows
from text2graph_dagster.reasoning.compose import ComposedReasoner
from text2graph_dagster.reasoning.verify import verify
from text2graph_dagster.settings import Settings
from text2graph_dagster.teachers.knowledge_base import KnowledgeBaseTeacher
from text2graph_dagster.teachers.protocol import ReasoningRequest, Request

T = TypeVar("T")


def clocked(seconds: dict[str, float], stage: str, work: Callable[[], T]) -> T:
    """Do the work and note how long it took."""
    begun = time.perf_counter()
    result = work()
    seconds[stage] = time.perf_counter() - begun
    return result


def measure(documents: int) -> tuple[int, dict[str, float]]:
    """Return the number of documents and the seconds of each stage."""
    settings, seconds = Settings(), dict[str, float]()
    with tempfile.TemporaryDirectory() as root:
        generate(Path(root) / "gazette", replace(GazetteSettings(), train=documents))
        folder = open_corpus(Path(root) / "gazette")
        tables = clocked(seconds, "raw_corpus", lambda: build(folder, settings.corpus))
        kept = tables.raw_corpus.filter(pl.col("duplicate_of").is_null())
        requests = [
            Request(row["passage_id"], row["text"], row["language"], folder.ontology)
            for row in kept.iter_rows(named=True)
        ]
        if folder.knowledge_base is None:
            raise SystemExit("the gazette has lost its knowledge base")
        teacher = KnowledgeBaseTeacher(folder.knowledge_base, folder.ontology)
        answers = clocked(seconds, "teacher_graphs", lambda: list(teacher.answer(requests)))
        asked = [
            ReasoningRequest(r.passage_id, r.text, r.language, r.ontology, a.graph)
            for r, a in zip(requests, answers, strict=True)
            if a.graph
        ]
        reasoner = ComposedReasoner()

        def reason() -> list[bool]:
            traces = reasoner.answer(asked)
            return [
                verify(t.rationale, q.text, q.ontology, q.graph).verified for t, q in zip(traces, asked, strict=True)
            ]

        clocked(seconds, "cot_traces", reason)
        clocked(seconds, "filtered_dataset", lambda: _examples(asked, kept, folder.ontology, settings))
    return tables.accounting["documents_in"], seconds


def _examples(asked: list[ReasoningRequest], kept: pl.DataFrame, ontology: Any, settings: Settings) -> int:
    train = set(kept.filter(pl.col("split") == "train")["passage_id"])
    passages = [Passage(q.passage_id, q.text, q.graph) for q in asked if q.passage_id in train]
    mended = denoise(passages, ontology, settings.dataset.denoise)
    rows = []
    for passage, graph in zip(passages, mended.graphs, strict=True):
        entities, relations = to_rows(graph)
        row = {"corpus": "gazette", "passage_id": passage.passage_id, "text": passage.text, "language": "en"}
        rows.append({**row, "entities": entities, "relations": relations})
    near = near_gold(pl.DataFrame(rows), kept.filter(pl.col("split") != "train"), settings.dataset.gold_ngram)
    built = build_examples([r for r in rows if r["passage_id"] not in near], ontology, settings.dataset, settings.seed)
    return built.examples.height


def main() -> None:
    """Run from the command line."""
    arguments = flags(str(__doc__))
    one = GazetteSettings().train
    sizes = [one // 16, one // 4, one] if arguments.quick else [one, 4 * one, 16 * one]
    rows: list[dict[str, Any]] = []
    for size in sizes:
        documents, seconds = measure(size)
        total = sum(seconds.values())
        row: dict[str, Any] = {"documents": documents, "seconds": total, "documents_per_second": documents / total}
        row |= {f"{stage}/s": documents / spent for stage, spent in seconds.items()}
        first = rows[0] if rows else row
        row["ratio"] = (total / documents) / (first["seconds"] / first["documents"])
        rows.append(row)
    show(rows, as_json=arguments.json)


if __name__ == "__main__":
    main()
