"""Build the tables raw_corpus, gold_graphs and quarantine from a corpus folder, and account for every document."""

import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from text2graph_dagster import contracts
from text2graph_dagster.corpus.corpus_tables import CorpusTables, StagedPassages
from text2graph_dagster.corpus.deduplication.duplicates import PassageSource, find_duplicates, ignore_progress
from text2graph_dagster.corpus.deduplication.minhash import compute_band_keys
from text2graph_dagster.corpus.folder import CorpusFolder
from text2graph_dagster.corpus.gold import GoldDocument, clip_graph, read_gold, require_training_documents
from text2graph_dagster.corpus.passages import PreparedDocument, prepare_document
from text2graph_dagster.corpus.readers.registry import Document, Rejection
from text2graph_dagster.corpus.sorted_keys import Array
from text2graph_dagster.corpus.staging.changed_files import PROGRESS_EVERY, compute_version, iterate_changed
from text2graph_dagster.corpus.staging.parts import Chunk, DocumentOutcome, Staging, process_chunks
from text2graph_dagster.corpus.text.language import detect_language
from text2graph_dagster.corpus.text.packing import pack_with_counts
from text2graph_dagster.graph.model import Span
from text2graph_dagster.graph.rows import to_rows
from text2graph_dagster.identity import digest, normalise
from text2graph_dagster.progress import Progress
from text2graph_dagster.settings import CorpusSettings

STAGE = "raw_corpus"
# duplicate_of is added last, when all passages are known.
RAW_CORPUS = {name: dtype for name, dtype in contracts.RAW_CORPUS.dtypes.items() if name != "duplicate_of"}
GOLD_GRAPHS = contracts.GOLD_GRAPHS.dtypes
QUARANTINE = contracts.QUARANTINE.dtypes


@dataclass
class _Tables:
    """Table columns to which rows are appended while documents are read."""

    folder: CorpusFolder
    settings: CorpusSettings
    passages: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in RAW_CORPUS})
    gold: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in GOLD_GRAPHS})
    rejected: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in QUARANTINE})
    gold_rows: list[int] = field(default_factory=list)  # the row in `passages` of each row of `gold`
    counts: Counter[str] = field(default_factory=Counter)

    def add_passage(self, doc_id: str, text: str, span: Span, tokens: int, split: str, language: str) -> int:
        """Append a row to raw_corpus and return its number; `text` and `language` are those of the document."""
        words = text[span.start : span.end]
        values = {
            "corpus": self.folder.name,
            "passage_id": digest(normalise(words)),
            "doc_id": doc_id,
            "start": span.start,
            "end": span.end,
            "text": words,
            "language": detect_language(words, language),
            "split": split,
            "tokens": tokens,
        }
        for name, column in self.passages.items():
            column.append(values[name])
        return len(self.passages["text"]) - 1

    def reject(self, doc_id: str, reason: str, detail: str) -> None:
        """Append a row to quarantine."""
        safe = detail.encode("utf-8", "backslashreplace").decode()[:500]
        for name, value in zip(QUARANTINE, (STAGE, self.folder.name, doc_id, None, reason, safe), strict=True):
            self.rejected[name].append(value)


def build_corpus(
    folder: CorpusFolder, settings: CorpusSettings, progress: Progress = ignore_progress, staged: Path | None = None
) -> CorpusTables:
    """Read, clean, pack and deduplicate all documents; rejected documents and parts have rows in quarantine.

    `progress(done, total, what)` is called every few hundred documents. The tables depend only on the content of the
    folder and the settings. The rows of a document are cached in the folder `staged` and reused as long as the
    document, the settings and this package do not change. Without `staged`, all documents are processed.

    Raises:
        UserError: there is nothing to train on.
    """
    require_training_documents(folder, settings.max_document_bytes)
    root = tempfile.TemporaryDirectory(prefix="text2graph-") if staged is None else None
    staging = Staging.open(staged or Path(str(root and root.name)), compute_version(folder, settings))
    tables = _Tables(folder, settings)
    live = _stage_documents(tables, staging, progress)
    _add_gold(tables, progress)
    passages = StagedPassages(staging, live, _passage_frame(tables, settings), root)
    index, keys = passages.index()
    source = PassageSource(keys, passages.texts, staging.folder / "similar.parquet")
    duplicate_of = find_duplicates(index, settings.near_duplicate_jaccard, progress, source)
    kept = duplicate_of.is_null()
    exact = int((duplicate_of == index["passage_id"]).sum())
    first_gold = index.height - len(tables.passages["text"])
    gold = pl.DataFrame(tables.gold, schema=GOLD_GRAPHS).filter(kept.gather([first_gold + n for n in tables.gold_rows]))
    tables.counts.update(
        passages=index.height,
        passages_kept=int(kept.sum()),
        passages_exact_duplicates=exact,
        passages_near_duplicates=duplicate_of.count() - exact,
        gold_passages=len(tables.gold_rows),
        gold_passages_kept=len(gold),
    )
    quarantine = pl.DataFrame(tables.rejected, schema=QUARANTINE).sort("doc_id", maintain_order=True)
    return CorpusTables(passages, duplicate_of, gold, quarantine, dict(sorted(tables.counts.items())))


_COUNTED = (
    *(f"{kind}_{what}" for kind in ("documents", "gold_documents") for what in ("in", "with_passages", "quarantined")),
    "stretches_quarantined",
    *(f"gold_{what}" for what in ("entities", "entities_lost", "relations", "relations_kept", "relations_lost")),
)


def _stage_documents(tables: _Tables, staging: Staging, progress: Progress) -> Array:
    """Process the documents that are not cached yet, add up counts, and return the sorted digests of all documents."""
    folder = replace(tables.folder, documents=())  # the worker processes do not need the list
    items = iterate_changed(tables.folder, tables.settings, staging, progress)
    process_chunks(partial(_write_part, folder, tables.settings), staging.chunks(items))
    live = staging.finish()
    tables.counts.update(dict.fromkeys(_COUNTED, 0))
    if len(live):
        counts, rejected = staging.outcomes(live)
        tables.counts.update(counts)
        for name, column in tables.rejected.items():
            column.extend(rejected[name].to_list())
    return live


def _write_part(folder: CorpusFolder, settings: CorpusSettings, chunk: Chunk) -> None:
    """Clean and pack the documents of one chunk, and write its part."""
    tables = _Tables(folder, settings)
    outcomes = []
    for item in chunk.items:
        if isinstance(item, Rejection):
            tables.reject(item.doc_id, item.reason, item.detail)
            used, counts = False, {f"quarantined_{item.reason}": 1}
        else:
            prepared = _add_document(tables, item)
            used, counts = bool(prepared.passages), dict(prepared.counts)
        outcomes.append(DocumentOutcome(used, len(tables.passages["text"]), len(tables.rejected["reason"]), counts))
    chunk.write(_passage_frame(tables, settings), pl.DataFrame(tables.rejected, schema=QUARANTINE), outcomes)


def _passage_frame(tables: _Tables, settings: CorpusSettings) -> pl.DataFrame:
    """Return the passages with their MinHash band keys."""
    frame = pl.DataFrame(tables.passages, schema=RAW_CORPUS)
    keys = compute_band_keys(frame["text"], settings.near_duplicate_jaccard)
    return frame.with_columns(pl.Series("keys", keys, dtype=pl.Array(pl.UInt32, keys.shape[1])))


def _add_document(tables: _Tables, document: Document) -> PreparedDocument:
    """Clean and pack one document, and append its passages and rejections."""
    prepared = prepare_document(document, tables.folder.ontology.language, tables.settings)
    for span, tokens in prepared.passages:
        tables.add_passage(document.doc_id, prepared.text, span, tokens, "train", prepared.language)
    for reason, detail in prepared.rejected:
        tables.reject(document.doc_id, reason, detail)
    return prepared


def _add_gold(tables: _Tables, progress: Progress) -> None:
    path = tables.folder.gold
    if path is None:
        return
    total, done = path.stat().st_size, 0
    for number, item in enumerate(read_gold(path, tables.settings.max_document_bytes), 1):
        done += item.size
        tables.counts["gold_documents_in"] += 1
        rejection = item if isinstance(item, Rejection) else _check_types(tables.folder, item)
        if isinstance(item, GoldDocument) and rejection is None:
            _add_gold_document(tables, item)
        elif rejection is not None:
            tables.reject(rejection.doc_id, rejection.reason, rejection.detail)
        tables.counts["gold_documents_quarantined" if rejection else "gold_documents_with_passages"] += 1
        if number % PROGRESS_EVERY == 0 or done == total:
            progress(done, total, f"bytes of gold read, {number} documents")


def _check_types(folder: CorpusFolder, document: GoldDocument) -> Rejection | None:
    for kind, used, known in (
        ("entity", (e.type for e in document.entities), folder.ontology.entity_names),
        ("relation", (r.type for r in document.relations), folder.ontology.relation_names),
    ):
        if unknown := next((name for name in used if name not in known), None):
            return Rejection(document.doc_id, "unknown_type", f"the ontology has no {kind} type {unknown[:80]!r}")
    return None


def _add_gold_document(tables: _Tables, document: GoldDocument) -> None:
    """Pack an annotated document without cleaning, which would move its offsets, and clip its graph to the passages."""
    ontology, settings = tables.folder.ontology, tables.settings
    language = detect_language(document.text, ontology.language)
    symmetric = frozenset(relation.name for relation in ontology.relation_types if relation.symmetric)
    placed: set[int] = set()  # indices of relations inside a passage
    found: set[Span] = set()  # mentions inside a passage
    budgets = settings.passage_tokens, settings.max_passage_characters
    for span, tokens in pack_with_counts(document.text, language, *budgets):
        row = tables.add_passage(document.doc_id, document.text, span, tokens, document.split, language)
        graph, inside = clip_graph(document, span, symmetric)
        placed |= inside
        entities, relations = to_rows(graph)
        values = (
            tables.folder.name,
            tables.passages["passage_id"][row],
            document.split,
            entities,
            relations,
            document.exhaustive,
        )
        for column, value in zip(tables.gold.values(), values, strict=True):
            column.append(value)
        tables.gold_rows.append(row)
        found |= {Span(m.start + span.start, m.end + span.start) for entity in graph.entities for m in entity.mentions}
    tables.counts.update(
        gold_entities=len(document.entities),
        gold_entities_lost=sum(found.isdisjoint(entity.mentions) for entity in document.entities),
        gold_relations=len(document.relations),
        gold_relations_kept=len(placed),
        gold_relations_lost=len(document.relations) - len(placed),
    )
