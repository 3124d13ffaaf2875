"""Documents turned into rows once: parts on disk, in which a document's rows are found again by what it says.

A part is three parquet files: `<n>.passages.parquet`, `<n>.refused.parquet` and, written last,
`<n>.documents.parquet`; all have a column `document`, the document's digest. `files.parquet` says which documents a
file held that was read before. Everything here may be deleted at any time: it is made again, with the same rows.
"""

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from text2graph_dagster.corpus.minhash import Array
from text2graph_dagster.corpus.readers import Document, Refused
from text2graph_dagster.identity import digest

CHUNK_DOCUMENTS, CHUNK_CHARACTERS = 1_000, 1_000_000
# Starting processes costs seconds: a few chunks are done sooner without them.
_ALONE, _MOST_PROCESSES = 12, 4
_DOCUMENTS, _PASSAGES, _REFUSED = ".documents.parquet", ".passages.parquet", ".refused.parquet"
_LEAST_ALIVE = 0.5

Item = Document | Refused


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a document gave a passage; refused stretches, passages and rows of quarantine up to and with it."""

    used: bool
    stretches: int
    passages: int
    refused: int


@dataclass(frozen=True)
class Chunk:
    """Documents that are turned into rows together, with their digests; `stem` is the path of the part's files."""

    items: list[Item]
    documents: Array
    stem: Path

    def write(self, passages: pl.DataFrame, refused: pl.DataFrame, outcomes: Sequence[Outcome]) -> None:
        """Write the part; it counts from the moment when its documents are there."""
        counts = {name: np.array([getattr(outcome, name) for outcome in outcomes]) for name in Outcome.__slots__}
        of_passage = np.repeat(self.documents, np.diff(counts["passages"], prepend=0))
        of_refused = np.repeat(self.documents, np.diff(counts["refused"], prepend=0))
        documents = {
            "document": self.documents,
            "used": counts["used"],
            "stretches": np.diff(counts["stretches"], prepend=0),
        }
        for frame, suffix in (
            (passages.with_columns(pl.Series("document", of_passage, dtype=pl.UInt64)), _PASSAGES),
            (refused.with_columns(pl.Series("document", of_refused, dtype=pl.UInt64)), _REFUSED),
            (pl.DataFrame(documents), _DOCUMENTS),
        ):
            unfinished = _file(self.stem, ".tmp")
            frame.write_parquet(unfinished, compression_level=1)
            unfinished.rename(_file(self.stem, suffix))


@dataclass
class Staging:
    """The parts in one folder. `add` takes documents and remembers, in order, which ones the corpus consists of."""

    folder: Path
    known: Array = field(init=False)
    _files: dict[int, Array] = field(init=False)
    _read: list[tuple[Array, Array]] = field(default_factory=list)  # files, and of each the document, in order
    _next: int = field(init=False)

    @classmethod
    def open(cls, root: Path, version: str) -> "Staging":
        """Open the parts of this version under `root`; those of other versions are deleted."""
        root.mkdir(parents=True, exist_ok=True)
        for other in root.iterdir():
            if other.is_dir() and other.name != version:
                shutil.rmtree(other)
        (root / version).mkdir(exist_ok=True)
        return cls(root / version)

    def __post_init__(self) -> None:
        for stem in json.loads(self._stale.read_text()) if self._stale.exists() else []:
            self._remove(self.folder / stem)
        stems = [int(stem.name) for stem in self.parts()]
        self._next = max(stems, default=-1) + 1
        parts = [pl.read_parquet(_file(stem, _DOCUMENTS), columns=["document"])["document"] for stem in self.parts()]
        self.known = np.sort(np.concatenate([np.empty(0, np.uint64), *(part.to_numpy() for part in parts)]))
        self._files = {}
        if (path := self.folder / "files.parquet").exists():
            for (file,), rows in pl.read_parquet(path).group_by("file", maintain_order=True):
                documents = rows["document"].to_numpy()
                if contains(self.known, documents).all():
                    self._files[int(file)] = documents

    @property
    def _stale(self) -> Path:
        return self.folder / "stale.json"

    def parts(self) -> list[Path]:
        """Return the stems of the parts in the order in which they were written."""
        found = [path.name.removesuffix(_DOCUMENTS) for path in self.folder.glob(f"*{_DOCUMENTS}")]
        return [self.folder / name for name in sorted(found)]

    def outcomes(self, alive: Array) -> Iterator[tuple[dict[str, int], pl.DataFrame]]:
        """Yield counts and rows of quarantine part by part, of the documents that are `alive`."""
        for stem in self.parts():
            documents = _alive(_file(stem, _DOCUMENTS), alive)
            used = int(documents["used"].sum())
            yield (
                {
                    "documents_in": documents.height,
                    "documents_with_passages": used,
                    "documents_quarantined": documents.height - used,
                    "stretches_quarantined": int(documents["stretches"].sum()),
                },
                _alive(_file(stem, _REFUSED), alive),
            )

    def passages(self, alive: Array, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """Yield the passages part by part, of the documents that are `alive`."""
        for stem in self.parts():
            yield _alive(_file(stem, _PASSAGES), alive, columns)

    def holds(self, file: int) -> bool:
        """Tell whether the file was read before as it is now; if so, its documents belong to the corpus again."""
        if (documents := self._files.get(file)) is None:
            return False
        self._read.append((np.full(len(documents), file, dtype=np.uint64), documents))
        return True

    def chunks(self, items: Iterable[tuple[int, Item]]) -> Iterator[Chunk]:
        """Yield chunks of the documents, given with their file, that no part holds yet."""
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
        self._read.append((np.array([file for file, _ in batch], dtype=np.uint64), digests))
        new = np.flatnonzero(~contains(self.known, digests)).tolist()
        return [(batch[at][1], int(digests[at])) for at in new]

    def _chunk(self, waiting: list[tuple[Item, int]]) -> Chunk:
        stem = self.folder / f"{self._next:08d}"
        self._next += 1
        return Chunk([item for item, _ in waiting], np.array([number for _, number in waiting], dtype=np.uint64), stem)

    def finish(self) -> Array:
        """Remember which file holds which documents, and return the digests of all documents of the corpus, sorted."""
        nothing = np.empty(0, np.uint64)
        files = np.concatenate([nothing, *(files for files, _ in self._read)])
        documents = np.concatenate([nothing, *(documents for _, documents in self._read)])
        unfinished = self.folder / "files.tmp"
        pl.DataFrame({"file": files, "document": documents}).write_parquet(unfinished)
        unfinished.rename(self.folder / "files.parquet")
        alive = np.sort(documents)
        shares = {stem: contains(alive, self._documents(stem)).mean() for stem in self.parts()}
        for stem in [stem for stem, share in shares.items() if share == 0]:
            self._remove(stem)
        # What is mostly dead goes next time: this time its living rows are still needed.
        self._stale.write_text(json.dumps([stem.name for stem, share in shares.items() if 0 < share < _LEAST_ALIVE]))
        return alive

    def _documents(self, stem: Path) -> Array:
        documents: Array = pl.read_parquet(_file(stem, _DOCUMENTS), columns=["document"])["document"].to_numpy()
        return documents

    def _remove(self, stem: Path) -> None:
        for suffix in (_DOCUMENTS, _PASSAGES, _REFUSED):
            _file(stem, suffix).unlink(missing_ok=True)


def _digest_of(item: Item) -> int:
    """Return a number for what a document says: of a million two fall together once in ten million corpora."""
    words = (item.doc_id, item.text) if isinstance(item, Document) else (item.doc_id, item.reason, item.detail)
    return int(digest(*words)[:16], 16)


def _file(stem: Path, suffix: str) -> Path:
    return stem.with_name(stem.name + suffix)


def _alive(file: Path, alive: Array, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Read the rows whose document is among `alive`, which is sorted."""
    frame = pl.read_parquet(file, columns=["document", *columns] if columns else None)
    return frame.filter(contains(alive, frame["document"].to_numpy())).drop("document")


def _length(item: Item) -> int:
    return len(item.text) if isinstance(item, Document) else 0


def contains(ordered: Array, values: Array) -> Array:
    """Return for every value whether it stands in the sorted array."""
    place = np.searchsorted(ordered, values)
    found: Array = np.zeros(len(values), dtype=bool)
    inside = place < len(ordered)
    found[inside] = ordered[place[inside]] == values[inside]
    return found


def work_off(work: Callable[[Chunk], None], chunks: Iterator[Chunk]) -> None:
    """Do the chunks, the first few here and what comes after them in processes; at most a few chunks are in memory."""
    processes = min(_MOST_PROCESSES, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
    for number, chunk in enumerate(chunks, 1):
        work(chunk)
        if number == _ALONE and processes > 1:
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
