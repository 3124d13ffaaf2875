"""No training passage repeats a gold one: whole, in a long run of words, or nearly (Brown et al. 2020, appendix C).

Gold is indexed once; training passages pass by in slices, so that memory does not grow with their number. What was
found for a passage is kept: beside the same gold the same will be found.
"""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from text2graph_dagster import identity
from text2graph_dagster.corpus.deduplication import minhash
from text2graph_dagster.corpus.deduplication.minhash import CandidatePairs, compute_band_keys, find_candidates, jaccard_similarity, hash_windows
from text2graph_dagster.corpus.sorted_keys import Array, contains, truncate_digests
from text2graph_dagster.corpus.text import packing
from text2graph_dagster.corpus.text.packing import TOKEN
from text2graph_dagster.files import write_whole

FOUND = {"passage_id": pl.String, "reason": pl.String, "gold_passage_id": pl.String}


@dataclass(frozen=True)
class GoldIndex:
    """What training passages are compared with. `runs` are sorted hashes of runs of `ngram` tokens."""

    gold: pl.DataFrame
    ngram: int
    jaccard: float
    runs: Array
    run_rows: Array
    keys: Array

    @classmethod
    def of(cls, gold: pl.DataFrame, ngram: int = 13, jaccard: float = 0.8) -> "GoldIndex":
        """Index gold passages (columns passage_id and text) of all corpora together."""
        gold = gold.select("passage_id", "text", _letters()).unique("passage_id", keep="first").sort("passage_id")
        runs, rows = _runs(gold["text"], ngram)
        order = np.argsort(runs, kind="stable")
        return cls(gold, ngram, jaccard, runs[order], rows[order], compute_band_keys(gold["text"], jaccard))

    def find(self, train: pl.DataFrame) -> pl.DataFrame:
        """Return those of some training passages that must go: passage_id, reason, gold_passage_id; sorted.

        `train` has the columns passage_id and text. Reasons: `equal` (the same letters and digits, whatever their
        case, spacing and punctuation), `shared_ngram` (a run of `ngram` tokens stands in a gold passage too),
        `near_duplicate` (Jaccard of 5-character shingles at least `jaccard`).
        """
        rest = train.select("passage_id", "text", _letters()).unique("passage_id", keep="first", maintain_order=True)
        if self.gold.is_empty() or rest.is_empty():
            return pl.DataFrame(schema=FOUND)
        found = []
        for reason, look in (("equal", self._equal), ("shared_ngram", self._shared), ("near_duplicate", self._near)):
            hits = look(rest).select("passage_id", pl.lit(reason).alias("reason"), "gold_passage_id")
            rest = rest.join(hits, on="passage_id", how="anti", maintain_order="left")
            found.append(hits)
        return pl.concat(found).sort("passage_id")

    def _equal(self, train: pl.DataFrame) -> pl.DataFrame:
        gold = self.gold.select(pl.col("passage_id").alias("gold_passage_id"), "letters")
        return train.join(gold.unique("letters", keep="first", maintain_order=True), on="letters")

    def _shared(self, train: pl.DataFrame) -> pl.DataFrame:
        runs, rows = _runs(train["text"], self.ngram)
        place = np.searchsorted(self.runs, runs)
        hit = np.flatnonzero(place < len(self.runs))
        hit = hit[self.runs[place[hit]] == runs[hit]]
        return self._named(train, rows[hit], self.run_rows[place[hit]])

    def _near(self, train: pl.DataFrame) -> pl.DataFrame:
        n = self.gold.height
        keys = np.concatenate([self.keys, compute_band_keys(train["text"], self.jaccard)])
        pairs = find_candidates(keys, np.arange(len(keys)) >= n)
        of_gold = pairs.earlier < n
        pairs = CandidatePairs(pairs.later[of_gold], pairs.earlier[of_gold])
        near = jaccard_similarity(pairs, pl.concat([self.gold["text"], train["text"]])) >= self.jaccard
        return self._named(train, pairs.later[near] - n, pairs.earlier[near])

    def _named(self, train: pl.DataFrame, rows: Array, gold_rows: Array) -> pl.DataFrame:
        """Return the ids of the passages in `rows` of `train`, each once, with that of a gold passage."""
        ids = {
            "passage_id": train["passage_id"].gather(rows),
            "gold_passage_id": self.gold["passage_id"].gather(gold_rows),
        }
        return pl.DataFrame(ids).sort("passage_id", "gold_passage_id").unique("passage_id", keep="first")


@dataclass
class GoldSearch:
    """A `GoldIndex` that looks at every passage once; what was found stands in `folder`, which may be deleted."""

    gold: pl.DataFrame
    folder: Path
    ngram: int = 13
    jaccard: float = 0.8
    _looked: Array = field(init=False)
    _found: pl.DataFrame = field(init=False)
    _asked: list[Array] = field(default_factory=list)
    _told: list[pl.DataFrame] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._looked, self._found = np.empty(0, np.uint64), pl.DataFrame(schema=FOUND)
        if self._path.exists():
            kept = pl.read_parquet(self._path)
            self._looked = kept["number"].to_numpy()
            self._found = kept.select(list(FOUND)).drop_nulls("passage_id")

    @cached_property
    def _path(self) -> Path:
        """A file named after all that the findings depend on beside the passages."""
        modules = (__file__, minhash.__file__, packing.__file__, identity.__file__)
        programs = identity.programs_digest(Path(str(module)) for module in modules)
        ids = self.gold["passage_id"].unique().sort()
        return self.folder / f"{identity.digest(str(self.ngram), str(self.jaccard), programs, *ids)}.parquet"

    @cached_property
    def _index(self) -> GoldIndex:
        return GoldIndex.of(self.gold, self.ngram, self.jaccard)

    def find(self, train: pl.DataFrame) -> pl.DataFrame:
        """Return what `GoldIndex.find` returns."""
        numbers = truncate_digests(train["passage_id"])
        new = train.filter(~contains(self._looked, numbers))
        known = self._found.join(train, on="passage_id", how="semi")
        found = pl.concat([known, self._index.find(new)] if new.height else [known]).sort("passage_id")
        self._asked.append(numbers)
        self._told.append(found)
        return found

    def save(self) -> None:
        """Keep what was found for all passages that were asked for, and nothing else."""
        looked = pl.DataFrame({"number": np.unique(np.concatenate([np.empty(0, np.uint64), *self._asked]))})
        found = pl.concat([pl.DataFrame(schema=FOUND), *self._told]).unique("passage_id", keep="first")
        found = found.with_columns(pl.Series("number", truncate_digests(found["passage_id"]), dtype=pl.UInt64))
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(looked.join(found, on="number", how="left", maintain_order="left"), self._path)
        for other in self.folder.glob("*.parquet"):
            if other != self._path:
                other.unlink()


def _letters() -> pl.Expr:
    """Return the column `letters`: letters and digits in lower case, or everything but blanks where there are none."""
    low = pl.col("text").str.normalize("NFC").str.to_lowercase()
    letters = low.str.replace_all(r"[\W_]+", "")
    return pl.when(letters == "").then(low.str.replace_all(r"\s+", "")).otherwise(letters).alias("letters")


def _runs(texts: pl.Series, size: int) -> tuple[Array, Array]:
    """Return a hash of every run of `size` tokens of every text, and the text's row (hashes hold in one process)."""
    tokens = texts.str.normalize("NFC").str.to_lowercase().str.extract_all(TOKEN.pattern)
    lengths = tokens.list.len().to_numpy().astype(np.int64)
    flat = tokens.explode(empty_as_null=False).hash(seed=0).to_numpy()
    hashes = hash_windows(flat, size)
    rows = np.repeat(np.arange(len(lengths)), lengths)
    first = rows[: len(hashes)]
    inside = first == rows[size - 1 :] if len(hashes) else np.empty(0, dtype=bool)
    return hashes[inside], first[inside]
