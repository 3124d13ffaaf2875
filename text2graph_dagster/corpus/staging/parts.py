"""Cache of processed documents: parts on disk, in which the rows of a document are found by its content digest.

A part is three parquet files: `<n>.passages.parquet`, `<n>.refused.parquet` and, written last,
`<n>.documents.parquet`; all have a column `document`, the digest of the document. `file_index` stores which documents a
file contains. Everything may be deleted at any time and is then rebuilt with the same rows.
"""

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from text2graph_dagster.corpus.readers.registry import Document, Rejection
from text2graph_dagster.corpus.sorted_keys import Array, contains
from text2graph_dagster.corpus.staging.file_index import FileIndex
from text2graph_dagster.files import write_parquet_atomically
from text2graph_dagster.identity import digest

CHUNK_DOCUMENTS, CHUNK_CHARACTERS = 1_000, 1_000_000
# Starting processes takes seconds, so the first few chunks are processed in the main process.
_SERIAL_CHUNKS, _MAX_PROCESSES = 12, 4
_DOCUMENTS, _PASSAGES, _REJECTED = ".documents.parquet", ".passages.parquet", ".refused.parquet"
_MIN_LIVE_SHARE = 0.5  # a part is deleted if a smaller share of its documents is still in the corpus
_COUNTS = pl.List(pl.Struct({"item": pl.String, "count": pl.Int64}))

Item = Document | Rejection


@dataclass(frozen=True, slots=True)
class DocumentOutcome:
    """Whether a document has passages, and its counts; `passages` and `rejected` are running totals of rows."""

    used: bool
    passages: int
    rejected: int
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Chunk:
    """Documents that become one part, with their digests; `stem` is the common path of the part's files."""

    items: list[Item]
    documents: Array
    stem: Path

    def write(self, passages: pl.DataFrame, rejected: pl.DataFrame, outcomes: Sequence[DocumentOutcome]) -> None:
        """Write the part; it is valid as soon as its documents file, which is written last, exists."""
        of_passage = np.repeat(self.documents, np.diff([outcome.passages for outcome in outcomes], prepend=0))
        of_rejected = np.repeat(self.documents, np.diff([outcome.rejected for outcome in outcomes], prepend=0))
        counts = [[{"item": item, "count": n} for item, n in outcome.counts.items()] for outcome in outcomes]
        documents = {
            "document": self.documents,
            "doc_id": [item.doc_id for item in self.items],
            "used": [outcome.used for outcome in outcomes],
            "counts": counts,
        }
        for frame, suffix in (
            (passages.with_columns(pl.Series("document", of_passage, dtype=pl.UInt64)), _PASSAGES),
            (rejected.with_columns(pl.Series("document", of_rejected, dtype=pl.UInt64)), _REJECTED),
            (pl.DataFrame(documents, schema_overrides={"counts": _COUNTS}), _DOCUMENTS),
        ):
            write_parquet_atomically(frame, _file(self.stem, suffix), compression_level=1)


@dataclass
class Staging:
    """The parts in one folder. `known` are the sorted digests of their documents; `files` indexes the corpus files."""

    folder: Path
    known: Array = field(init=False)
    files: FileIndex = field(init=False)
    _parts: dict[str, Array] = field(init=False)  # the documents of the parts that existed when it was opened
    _next: int = field(init=False)

    @classmethod
    def open(cls, root: Path, version: str) -> "Staging":
        """Open the parts of this version under `root`, and delete those of other versions."""
        root.mkdir(parents=True, exist_ok=True)
        for other in root.iterdir():
            if other.is_dir() and other.name != version:
                shutil.rmtree(other)
        (root / version).mkdir(exist_ok=True)
        return cls(root / version)

    def __post_init__(self) -> None:
        for stem in json.loads(self._stale.read_text()) if self._stale.exists() else []:
            self._remove(self.folder / stem)
        self._parts = {}
        self._parts = {stem.name: self._documents(stem) for stem in self.parts()}
        self._next = max(map(int, self._parts), default=-1) + 1
        self.known = np.sort(np.concatenate([np.empty(0, np.uint64), *self._parts.values()]))
        self.files = FileIndex.open(self.folder, self.known)

    @property
    def _stale(self) -> Path:
        return self.folder / "stale.json"

    def parts(self) -> list[Path]:
        """Return the stems of the parts, oldest first."""
        found = [path.name.removesuffix(_DOCUMENTS) for path in self.folder.glob(f"*{_DOCUMENTS}")]
        return [self.folder / name for name in sorted(found)]

    def outcomes(self, live: Array) -> tuple[dict[str, int], pl.DataFrame]:
        """Return the counts and quarantine rows of the documents in `live`, which must not be empty."""
        documents = _live_rows([_file(stem, _DOCUMENTS) for stem in self.parts()], live)
        used = int(documents["used"].sum())
        counts = {
            "documents_in": documents.height,
            "documents_with_passages": used,
            "documents_quarantined": documents.height - used,
            **_sum_counts(documents["counts"]),
        }
        return counts, _live_rows([_file(stem, _REJECTED) for stem in self.parts()], live)

    def passages(self, live: Array, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """Yield the passages of the documents in `live` part by part."""
        for stem in self.parts():
            yield _live_rows(_file(stem, _PASSAGES), live, columns)

    def reuse(self, file: int) -> bool:
        """Reuse the documents of an unchanged file; return False if the file has to be read."""
        if (documents := self.files.documents_of(file)) is None:
            return False
        self.files.add(file, documents)
        return True

    def doc_ids(self, documents: Array) -> pl.Series:
        """Return the doc_ids of some documents of the parts."""
        files = [_file(stem, _DOCUMENTS) for stem in self.parts()]
        return _live_rows(files, np.sort(documents), ["doc_id"])["doc_id"]

    def chunks(self, items: Iterable[tuple[int, Item]]) -> Iterator[Chunk]:
        """Yield chunks of the documents that no part contains; `items` are pairs of file digest and document."""
        batch: list[tuple[int, Item]] = []
        characters = 0
        waiting: list[tuple[Item, int]] = []
        for file, item in items:
            batch.append((file, item))
            characters += len(item.text) if isinstance(item, Document) else 0
            if len(batch) < CHUNK_DOCUMENTS and characters < CHUNK_CHARACTERS:
                continue
            waiting += self._unknown(batch)
            batch, characters = [], 0
            if len(waiting) >= CHUNK_DOCUMENTS or sum(_length(item) for item, _ in waiting) >= CHUNK_CHARACTERS:
                yield self._chunk(waiting)
                waiting = []
        if waiting := waiting + self._unknown(batch):
            yield self._chunk(waiting)

    def _unknown(self, batch: list[tuple[int, Item]]) -> list[tuple[Item, int]]:
        digests = np.array([_digest_of(item) for _, item in batch], dtype=np.uint64)
        self.files.add(np.array([file for file, _ in batch], dtype=np.uint64), digests)
        new = np.flatnonzero(~contains(self.known, digests)).tolist()
        return [(batch[at][1], int(digests[at])) for at in new]

    def _chunk(self, waiting: list[tuple[Item, int]]) -> Chunk:
        stem = self.folder / f"{self._next:08d}"
        self._next += 1
        return Chunk([item for item, _ in waiting], np.array([number for _, number in waiting], dtype=np.uint64), stem)

    def finish(self) -> Array:
        """Save the file index, delete obsolete parts, and return the sorted digests of all documents of the corpus."""
        live = self.files.save()
        shares = {stem: contains(live, self._documents(stem)).mean() for stem in self.parts()}
        for stem in [stem for stem, share in shares.items() if share == 0]:
            self._remove(stem)
        # Mostly obsolete parts are deleted by the next run, because their live rows are still needed in this one.
        self._stale.write_text(json.dumps([stem.name for stem, share in shares.items() if 0 < share < _MIN_LIVE_SHARE]))
        return live

    def _documents(self, stem: Path) -> Array:
        if (documents := self._parts.get(stem.name)) is None:
            documents = pl.read_parquet(_file(stem, _DOCUMENTS), columns=["document"])["document"].to_numpy()
        return documents

    def _remove(self, stem: Path) -> None:
        for suffix in (_DOCUMENTS, _PASSAGES, _REJECTED):
            _file(stem, suffix).unlink(missing_ok=True)


def _sum_counts(counts: pl.Series) -> dict[str, int]:
    rows = counts.explode().drop_nulls().struct.unnest()
    return dict(rows.group_by("item").agg(pl.col("count").sum()).sort("item").iter_rows())


def _digest_of(item: Item) -> int:
    """Return 64 bits of the digest of a document's id and content; see `truncate_digests` for collisions."""
    words = (item.doc_id, item.text) if isinstance(item, Document) else (item.doc_id, item.reason, item.detail)
    return int(digest(*words)[:16], 16)


def _file(stem: Path, suffix: str) -> Path:
    return stem.with_name(stem.name + suffix)


def _live_rows(files: Path | list[Path], live: Array, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Read the rows whose document is in `live`, which is sorted."""
    frame = pl.read_parquet(files, columns=["document", *columns] if columns else None)
    return frame.filter(contains(live, frame["document"].to_numpy())).drop("document")


def _length(item: Item) -> int:
    return len(item.text) if isinstance(item, Document) else 0


def process_chunks(work: Callable[[Chunk], None], chunks: Iterator[Chunk]) -> None:
    """Process the first few chunks in this process and the others in workers; only a few chunks are in memory."""
    processes = min(_MAX_PROCESSES, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
    for number, chunk in enumerate(chunks, 1):
        work(chunk)
        if number == _SERIAL_CHUNKS and processes > 1:
            break
    if (first := next(chunks, None)) is None:
        return
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        running: set[Future[Any]] = {pool.submit(work, first)}
        for chunk in chunks:
            running.add(pool.submit(work, chunk))
            if len(running) > 2 * processes:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
        for future in running:
            future.result()
