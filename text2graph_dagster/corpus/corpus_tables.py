"""The tables of a corpus, in parts because they may not fit into memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from text2graph_dagster import contracts
from text2graph_dagster.corpus.sorted_keys import Array
from text2graph_dagster.corpus.staging.parts import Staging


@dataclass(frozen=True)
class StagedPassages:
    """The passages of one corpus: those of the documents in `live` (sorted digests) part by part, then gold."""

    staging: Staging
    live: Array
    gold: pl.DataFrame
    temporary: Any = None  # keeps a temporary folder alive as long as this object

    def parts(self) -> Iterator[pl.DataFrame]:
        """Yield the passages part by part, always in the same order."""
        for part in self._columns():
            yield part.drop("keys")

    def index(self) -> tuple[pl.DataFrame, Array]:
        """Return the columns passage_id, doc_id, start, split, annotated of all passages, and their band keys."""
        columns = ["passage_id", "doc_id", "start", "split"]
        frames, keys = [], []
        for part in self.staging.passages(self.live, [*columns, "keys"]):
            frames.append(part.select(*columns, pl.lit(False).alias("annotated")))
            keys.append(part["keys"].to_numpy())
        frames.append(self.gold.select(*columns, pl.lit(True).alias("annotated")))
        keys.append(self.gold["keys"].to_numpy())
        return pl.concat(frames, rechunk=True), np.concatenate(keys)

    def texts(self, rows: Array) -> pl.Series:
        """Return the texts of the row numbers `rows`, which must be sorted."""
        found, begin = [pl.Series("text", dtype=pl.String)], 0
        if not len(rows):
            return found[0]
        for part in self._columns(["text"]):
            low, high = np.searchsorted(rows, [begin, begin + part.height])
            found.append(part["text"].gather(rows[low:high] - begin))
            begin += part.height
        return pl.concat(found, rechunk=True)

    def _columns(self, columns: list[str] | None = None) -> Iterator[pl.DataFrame]:
        yield from self.staging.passages(self.live, columns)
        yield self.gold.select(columns) if columns else self.gold


@dataclass(frozen=True)
class CorpusTables:
    """The result of `build_corpus`. These equations hold in `accounting`:

    - documents_in = documents_with_passages + documents_quarantined, and the same for gold_documents_*
    - passages = passages_kept + passages_exact_duplicates + passages_near_duplicates (documents and gold together)
    - gold_relations = gold_relations_kept + gold_relations_lost

    stretches_quarantined counts rejected parts of documents that have passages.
    """

    passages: StagedPassages
    duplicate_of: pl.Series
    gold_graphs: pl.DataFrame
    quarantine: pl.DataFrame
    accounting: dict[str, int]

    def parts(self) -> Iterator[pl.DataFrame]:
        """Yield the rows of raw_corpus part by part."""
        begin = 0
        for part in self.passages.parts():
            yield part.with_columns(self.duplicate_of[begin : begin + part.height])
            begin += part.height

    @cached_property
    def raw_corpus(self) -> pl.DataFrame:
        """Return all rows of raw_corpus in one frame."""
        return pl.concat([contracts.RAW_CORPUS.empty(), *self.parts()])
