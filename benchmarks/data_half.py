"""Measure the data half without a teacher, up to 1,000,000 passages: `python -m benchmarks.data_half [--quick]`.

The corpora consist of real sentences with exchanged words (benchmarks/support/corpora.py). They have three sizes: about
10,000, 100,000 and 1,000,000 passages (`--quick`: 1,000, 3,000 and 10,000). Each stage runs in its own process, like an
asset. Its memory is the peak of the process and its children (shared pages are counted for each process).

- raw_corpus: read, clean, pack, MinHash; find near duplicates; store
- gates: the contract gate, and computing the table's version for the gates and for filtered_dataset
- decontamination: every training passage against gold
- examples: prompts and answers, from a graph with two names per passage in teacher_graphs (without denoising and
  without counts over all graphs)

Then one document in a hundred is added and all stages run again ("+1 %"); `share` is the row's time relative to the
total of the first run; for "whole +1 %" it is the cost of 1 % more documents.

`growth` is the seconds per passage relative to the smallest size; 1 means linear time. Then the search for near
duplicates is compared with datasketch's (benchmarks/near_duplicates.py). Needs the extra `bench`.
"""

import multiprocessing
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from benchmarks import near_duplicates
from benchmarks.support.corpora import (
    add_documents,
    collect_sentences,
    iterate_gazette_texts,
    iterate_real_texts,
    write_corpus,
)
from benchmarks.support.table import flags, show
from examples.gazette.generate import generate
from examples.gazette.settings import GazetteSettings
from resources.warehouse import Replace, Warehouse
from text2graph_dagster.settings import Settings

PASSAGES_PER_DOCUMENT = 3.4
SETTINGS = Settings()
TRAIN = "SELECT DISTINCT passage_id, text, language FROM raw_corpus WHERE split = 'train' AND duplicate_of IS NULL"
TRAINING_SAMPLE = """
SELECT p.corpus, passage_id, p.text, p.language, g.entities, g.relations
FROM raw_corpus p JOIN teacher_graphs g USING (corpus, passage_id) WHERE p.split = 'train' AND p.duplicate_of IS NULL
"""
GRAPHS = f"""
WITH words AS (SELECT passage_id, split_part(text, ' ', 1) AS head, split_part(text, ' ', 2) AS tail FROM ({TRAIN})),
     places AS (SELECT *, length(head) AS h, length(head) + 1 + length(tail) AS t FROM words)
SELECT 'corpus' AS corpus, passage_id, 0 AS sample, '' AS teacher, '' AS call_key,
       [{{'id': 0, 'text': head, 'type': 'thing', 'mentions': [{{'start': 0, 'end': h}}]}},
        {{'id': 1, 'text': tail, 'type': 'thing', 'mentions': [{{'start': h + 1, 'end': t}}]}}] AS entities,
       [{{'head': 0, 'tail': 1, 'type': 'is about', 'evidence': {{'start': 0, 'end': t}}, 'provenance': '',
          'confidence': NULL::DOUBLE}}] AS relations
FROM places WHERE tail <> '' AND tail <> head
UNION ALL SELECT 'corpus', passage_id, 0, '', '', [], [] FROM places WHERE tail = '' OR tail = head
"""  # noqa: S608
GOLD = "SELECT DISTINCT passage_id, text FROM raw_corpus WHERE split <> 'train'"


def raw_corpus(root: Path) -> dict[str, float]:
    """Build the corpus and store it."""
    from text2graph_dagster.corpus.build import build_corpus
    from text2graph_dagster.corpus.folder import open_corpus

    begun = time.perf_counter()
    tables = build_corpus(open_corpus(root / "corpus"), SETTINGS.corpus, staged=root / "staged")
    built = time.perf_counter()
    Warehouse(path=str(root / "w.duckdb")).commit(Replace("raw_corpus", tables.parts(), {"corpus": "corpus"}))
    return {"build": built - begun, "store": time.perf_counter() - built, "passages": tables.accounting["passages"]}


def gates(root: Path) -> dict[str, float]:
    """Check the contract of raw_corpus."""
    from assets.gates.gate import Scope
    from assets.gates.raw_corpus import RAW_CORPUS_GATES
    from resources.home import Home

    warehouse = Warehouse(path=str(root / "w.duckdb"))
    scope = Scope(warehouse, SETTINGS, Home(root=str(root)), "corpus")
    for gate in RAW_CORPUS_GATES:
        gate.measure(scope)
    for _ in ("the gates", "filtered_dataset"):
        warehouse.version("raw_corpus", "corpus")
    return {}


def decontamination(root: Path) -> dict[str, float]:
    """Compare every training passage with gold."""
    from text2graph_dagster.dataset.decontamination import GoldSearch

    warehouse = Warehouse(path=str(root / "w.duckdb"))
    gold = GoldSearch(warehouse.read(GOLD), root / "gold", SETTINGS.dataset.gold_ngram)
    found = sum(gold.find(part).height for part in warehouse.slices(TRAIN))
    gold.save()
    return {"found": found}


def examples(root: Path) -> dict[str, float]:
    """Build the example of every training passage."""
    from text2graph_dagster.corpus.folder import open_corpus
    from text2graph_dagster.dataset.confusions import Confusions
    from text2graph_dagster.dataset.example_builder import ExampleBuilder
    from text2graph_dagster.dataset.example_cache import ExampleCache
    from text2graph_dagster.dataset.task_sampling import TaskSampler

    ontology, dataset, seed = open_corpus(root / "corpus").ontology, SETTINGS.dataset, SETTINGS.seed
    builder = ExampleBuilder(ontology, dataset, seed, TaskSampler(ontology, dataset, seed, Confusions()))
    kept = ExampleCache(root / "examples", builder)
    for part in Warehouse(path=str(root / "w.duckdb")).slices(TRAINING_SAMPLE):
        kept.add(part)
    return {"examples": kept.finish()[1].height}


def graphs(root: Path) -> dict[str, float]:
    """Write teacher_graphs without a teacher: relate the first two words of every training passage."""
    warehouse = Warehouse(path=str(root / "w.duckdb"))
    rows = list(warehouse.slices(GRAPHS))
    warehouse.commit(Replace("teacher_graphs", rows, {"corpus": "corpus"}))
    return {}


STAGES = (raw_corpus, gates, decontamination, examples)


def run_measured(stage: Callable[[Path], dict[str, float]], root: Path) -> dict[str, float]:
    """Run a stage and return its figures with its seconds and its peak memory."""
    peak, over = [0.0], threading.Event()

    def track_memory() -> None:
        me = psutil.Process()
        while not over.wait(0.05):
            used = 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    used += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            peak[0] = max(peak[0], used / 2**20)

    tracker = threading.Thread(target=track_memory)
    tracker.start()
    begun = time.perf_counter()
    try:
        figures = stage(root)
    finally:  # a failed stage must not leave its process waiting for the thread
        seconds = time.perf_counter() - begun
        over.set()
        tracker.join()
    return {**figures, "seconds": seconds, "peak_mib": peak[0]}


def run_in_process(stage: Callable[[Path], dict[str, float]], root: Path) -> dict[str, float]:
    """Run a stage in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as one:
        return one.submit(run_measured, stage, root).result()


def measure(sources: list[str], passages: int) -> list[dict[str, Any]]:
    """Return a row per stage."""
    documents = round(passages / PASSAGES_PER_DOCUMENT)
    with tempfile.TemporaryDirectory(prefix="data-half-") as folder:
        root = Path(folder)
        write_corpus(root / "corpus", sources, documents)
        figures = _run_stages(root)
        add_documents(root / "corpus", sources, documents // 100, documents)
        again = _run_stages(root)
    made = int(figures["raw_corpus"]["passages"])
    rows = [*_rows(figures, ""), *_rows(again, " +1 %")]
    whole = next(row["seconds"] for row in rows if row["stage"] == "whole")
    return [
        {"passages": made, **row, "passages_per_second": made / row["seconds"], "share": row["seconds"] / whole}
        for row in rows
    ]


def _run_stages(root: Path) -> dict[str, dict[str, float]]:
    """Run all stages and return the figures of each."""
    figures = {}
    for stage in STAGES:
        if stage is examples:
            run_in_process(graphs, root)
        figures[stage.__name__] = run_in_process(stage, root)
    return figures


def _rows(figures: dict[str, dict[str, float]], when: str) -> list[dict[str, Any]]:
    """Return a row per stage, one for each of the first stage's two parts, and one for the total."""
    rows: list[dict[str, Any]] = []
    for name, seen in figures.items():
        rows.append({"stage": name + when, "seconds": seen["seconds"], "peak_mib": seen["peak_mib"]})
        parts = [part for part in ("build", "store") if part in seen]
        rows += [{"stage": f"of it {part}{when}", "seconds": seen[part], "peak_mib": None} for part in parts]
    seconds, peak = (sum(t["seconds"] for t in figures.values()), max(t["peak_mib"] for t in figures.values()))
    return [*rows, {"stage": f"whole{when}", "seconds": seconds, "peak_mib": peak}]


def main() -> None:
    """Run from the command line."""
    arguments = flags(str(__doc__))
    sources = collect_sentences(iterate_real_texts())
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder) / "gazette", replace(GazetteSettings(), train=1_000))
        sources += collect_sentences(iterate_gazette_texts(Path(folder) / "gazette"))
    rows: list[dict[str, Any]] = []
    for size in (1_000, 3_000, 10_000) if arguments.quick else (10_000, 100_000, 1_000_000):
        for row in measure(sources, size):
            first = next((earlier for earlier in rows if earlier["stage"] == row["stage"]), row)
            row["growth"] = first["passages_per_second"] / row["passages_per_second"]
            rows.append(row)
        if not arguments.json:
            show([row for row in rows if row["passages"] == rows[-1]["passages"]], as_json=False)
    if arguments.json:
        show(rows, as_json=True)
    show(near_duplicates.compare(near_duplicates.sample(1_000 if arguments.quick else 5_000)), as_json=arguments.json)


if __name__ == "__main__":
    main()
