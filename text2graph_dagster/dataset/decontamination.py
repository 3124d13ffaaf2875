"""Find training passages that equal a gold passage, share a long n-gram with it, or nearly repeat it.

The method follows Brown et al. 2020, appendix C.

Gold is indexed once; training passages come in slices, so memory does not grow with their number. The result for a
passage is cached, because it depends on the passage and gold only.
"""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from text2graph_dagster import identity
from text2graph_dagster.corpus.deduplication import minhash
from text2graph_dagster.corpus.deduplication.minhash import (
    CandidatePairs,
    compute_band_keys,
    find_candidates,
    hash_windows,
    jaccard_similarity,
)
from text2graph_dagster.corpus.sorted_keys import Array, contains, truncate_digests
from text2graph_dagster.corpus.text import packing
from text2graph_dagster.corpus.text.packing import TOKEN
from text2graph_dagster.files import write_parquet_atomically

MATCH_COLUMNS = {"passage_id": pl.String, "reason": pl.String, "gold_passage_id": pl.String}


@dataclass(frozen=True)
class GoldIndex:
    """An index of gold passages: sorted hashes of runs of `ngram` tokens with their rows, and keys of MinHash bands."""

    gold: pl.DataFrame
    ngram: int
    jaccard: float
    ngram_hashes: Array
    ngram_rows: Array
    band_keys: Array

    @classmethod
    def of(cls, gold: pl.DataFrame, ngram: int = 13, jaccard: float = 0.8) -> "GoldIndex":
        """Index gold passages (columns passage_id and text) of all corpora together."""
        gold = gold.select("passage_id", "text", _letters()).unique("passage_id", keep="first").sort("passage_id")
        hashes, rows = _hash_ngrams(gold["text"], ngram)
        order = np.argsort(hashes, kind="stable")
        return cls(gold, ngram, jaccard, hashes[order], rows[order], compute_band_keys(gold["text"], jaccard))

    def find(self, train: pl.DataFrame) -> pl.DataFrame:
        """Return the training passages that match gold: passage_id, reason, gold_passage_id; sorted by passage_id.

        `train` has the columns passage_id and text. Reasons: `equal` (the same letters and digits, ignoring case,
        spacing and punctuation), `shared_ngram` (a run of `ngram` tokens is in a gold passage too), `near_duplicate`
        (Jaccard of 5-character shingles at least `jaccard`).
        """
        rest = train.select("passage_id", "text", _letters()).unique("passage_id", keep="first", maintain_order=True)
        if self.gold.is_empty() or rest.is_empty():
            return pl.DataFrame(schema=MATCH_COLUMNS)
        found = []
        steps = (
            ("equal", self._find_equal),
            ("shared_ngram", self._find_shared_ngrams),
            ("near_duplicate", self._find_near_duplicates),
        )
        for reason, find in steps:
            hits = find(rest).select("passage_id", pl.lit(reason).alias("reason"), "gold_passage_id")
            rest = rest.join(hits, on="passage_id", how="anti", maintain_order="left")
            found.append(hits)
        return pl.concat(found).sort("passage_id")

    def _find_equal(self, train: pl.DataFrame) -> pl.DataFrame:
        gold = self.gold.select(pl.col("passage_id").alias("gold_passage_id"), "letters")
        return train.join(gold.unique("letters", keep="first", maintain_order=True), on="letters")

    def _find_shared_ngrams(self, train: pl.DataFrame) -> pl.DataFrame:
        hashes, rows = _hash_ngrams(train["text"], self.ngram)
        place = np.searchsorted(self.ngram_hashes, hashes)
        hit = np.flatnonzero(place < len(self.ngram_hashes))
        hit = hit[self.ngram_hashes[place[hit]] == hashes[hit]]
        return self._name_matches(train, rows[hit], self.ngram_rows[place[hit]])

    def _find_near_duplicates(self, train: pl.DataFrame) -> pl.DataFrame:
        n = self.gold.height
        keys = np.concatenate([self.band_keys, compute_band_keys(train["text"], self.jaccard)])
        pairs = find_candidates(keys, np.arange(len(keys)) >= n)
        of_gold = pairs.earlier < n
        pairs = CandidatePairs(pairs.later[of_gold], pairs.earlier[of_gold])
        near = jaccard_similarity(pairs, pl.concat([self.gold["text"], train["text"]])) >= self.jaccard
        return self._name_matches(train, pairs.later[near] - n, pairs.earlier[near])

    def _name_matches(self, train: pl.DataFrame, rows: Array, gold_rows: Array) -> pl.DataFrame:
        """Return the ids of the passages in `rows` of `train`, each once, with the id of a gold passage."""
        ids = {
            "passage_id": train["passage_id"].gather(rows),
            "gold_passage_id": self.gold["passage_id"].gather(gold_rows),
        }
        return pl.DataFrame(ids).sort("passage_id", "gold_passage_id").unique("passage_id", keep="first")


@dataclass
class GoldSearch:
    """A `GoldIndex` that checks every passage once; results are cached in `folder`, which may be deleted."""

    gold: pl.DataFrame
    folder: Path
    ngram: int = 13
    jaccard: float = 0.8
    _checked: Array = field(init=False)
    _matches: pl.DataFrame = field(init=False)
    _new_checked: list[Array] = field(default_factory=list)
    _new_matches: list[pl.DataFrame] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._checked, self._matches = np.empty(0, np.uint64), pl.DataFrame(schema=MATCH_COLUMNS)
        if self._path.exists():
            cached = pl.read_parquet(self._path)
            self._checked = cached["number"].to_numpy()
            self._matches = cached.select(list(MATCH_COLUMNS)).drop_nulls("passage_id")

    @cached_property
    def _path(self) -> Path:
        """A file named by a digest of everything the results depend on besides the passages."""
        modules = (__file__, minhash.__file__, packing.__file__, identity.__file__)
        programs = identity.digest_programs(Path(str(module)) for module in modules)
        ids = self.gold["passage_id"].unique().sort()
        return self.folder / f"{identity.digest(str(self.ngram), str(self.jaccard), programs, *ids)}.parquet"

    @cached_property
    def _index(self) -> GoldIndex:
        return GoldIndex.of(self.gold, self.ngram, self.jaccard)

    def find(self, train: pl.DataFrame) -> pl.DataFrame:
        """Return the result of `GoldIndex.find`; results in the cache are reused."""
        numbers = truncate_digests(train["passage_id"])
        new = train.filter(~contains(self._checked, numbers))
        known = self._matches.join(train, on="passage_id", how="semi")
        found = pl.concat([known, self._index.find(new)] if new.height else [known]).sort("passage_id")
        self._new_checked.append(numbers)
        self._new_matches.append(found)
        return found

    def save(self) -> None:
        """Cache the results for all passages that were passed to `find`, and delete all other cached results."""
        checked = pl.DataFrame({"number": np.unique(np.concatenate([np.empty(0, np.uint64), *self._new_checked]))})
        found = pl.concat([pl.DataFrame(schema=MATCH_COLUMNS), *self._new_matches]).unique("passage_id", keep="first")
        found = found.with_columns(pl.Series("number", truncate_digests(found["passage_id"]), dtype=pl.UInt64))
        self.folder.mkdir(parents=True, exist_ok=True)
        write_parquet_atomically(checked.join(found, on="number", how="left", maintain_order="left"), self._path)
        for other in self.folder.glob("*.parquet"):
            if other != self._path:
                other.unlink()


def _letters() -> pl.Expr:
    """Return the column `letters`: letters and digits in lower case; if there are none, everything but spaces."""
    low = pl.col("text").str.normalize("NFC").str.to_lowercase()
    letters = low.str.replace_all(r"[\W_]+", "")
    return pl.when(letters == "").then(low.str.replace_all(r"\s+", "")).otherwise(letters).alias("letters")


def _hash_ngrams(texts: pl.Series, size: int) -> tuple[Array, Array]:
    """Return a hash of every run of `size` tokens, and the row of its text; comparable within one process only."""
    tokens = texts.str.normalize("NFC").str.to_lowercase().str.extract_all(TOKEN.pattern)
    lengths = tokens.list.len().to_numpy().astype(np.int64)
    flat = tokens.explode(empty_as_null=False).hash(seed=0).to_numpy()
    hashes = hash_windows(flat, size)
    rows = np.repeat(np.arange(len(lengths)), lengths)
    first = rows[: len(hashes)]
    inside = first == rows[size - 1 :] if len(hashes) else np.empty(0, dtype=bool)
    return hashes[inside], first[inside]
