"""Find passages that repeat another passage: equal ones by passage_id, near-duplicates by MinHash."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from text2graph_dagster.corpus.deduplication.minhash import (
    CandidatePairs,
    compute_band_keys,
    find_candidates,
    jaccard_similarity,
    mix_bits,
)
from text2graph_dagster.corpus.sorted_keys import Array, contains, truncate_digests
from text2graph_dagster.files import write_parquet_atomically
from text2graph_dagster.progress import Progress

_SPLIT_RANK = {"test": 0, "dev": 1, "train": 3}
_ANNOTATED_TRAIN = 2


def ignore_progress(done: int, total: int | None, what: str) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class PassageSource:
    """The band keys of all passages, and a function that returns the texts of some rows (given in ascending order).

    `verdicts` is an optional file that caches which pairs are similar; it may be deleted at any time.
    """

    keys: Array
    texts: Callable[[Array], pl.Series]
    verdicts: Path | None = None


def find_duplicates(
    passages: pl.DataFrame,
    jaccard: float = 0.8,
    progress: Progress = ignore_progress,
    source: PassageSource | None = None,
) -> pl.Series:
    """Return the column duplicate_of: for every duplicate row the passage_id of the passage that is kept, else null.

    `passages` has the columns passage_id, doc_id, start, split, annotated and, unless a `source` is given, text.
    Passages are ordered by split (test, dev, annotated train, other train), then by passage_id, doc_id and start; the
    first of equal or similar passages is kept. The order of the rows does not matter. A gold passage (test, dev) is a
    duplicate only of an equal gold passage. A train passage is a duplicate of an equal passage, or of a similar one
    that is kept.
    """
    if source is None:
        source = PassageSource(compute_band_keys(passages["text"], jaccard, progress), passages["text"].gather)
    rank = pl.col("split").cast(pl.String).replace_strict(_SPLIT_RANK, return_dtype=pl.Int8)
    rank = pl.when((pl.col("split") == "train") & pl.col("annotated")).then(_ANNOTATED_TRAIN).otherwise(rank)
    distinct = (
        passages.select("passage_id", "doc_id", "start", rank.alias("rank"))
        .with_row_index("row")
        .sort("rank", "passage_id", "doc_id", "start")
        .unique("passage_id", keep="first", maintain_order=True)
    )
    rows = distinct["row"].to_numpy()
    pairs = find_candidates(source.keys[rows], (distinct["rank"] >= _ANNOTATED_TRAIN).to_numpy(), progress)
    similar = _verify_pairs(distinct["passage_id"], rows, pairs, jaccard, source)
    near = _near_duplicates(distinct["passage_id"], pairs, similar)
    is_first = pl.Series("first", np.isin(np.arange(passages.height), rows))
    equal = pl.when(~pl.col("first")).then(pl.col("passage_id"))
    return (
        passages.select("passage_id", is_first)
        .join(near, on="passage_id", how="left", maintain_order="left")
        .select(pl.coalesce("of", equal).cast(pl.String).alias("duplicate_of"))
        .to_series()
    )


def find_duplicates_across(
    passages: pl.DataFrame, jaccard: float = 0.8, progress: Progress = ignore_progress
) -> pl.DataFrame:
    """Find the training passages that repeat a passage of another corpus.

    `passages` has the columns corpus, passage_id, text and annotated. All corpora must have the same ontology, because
    the same text under another ontology is another task. An annotated passage is kept, else the one with the smallest
    passage_id, and of equal passages the one whose corpus name sorts first, so the result does not depend on the order
    in which corpora were added.
    Returns the columns corpus, passage_id, kept_corpus, kept_passage_id.
    """
    columns = "corpus", "passage_id", "text", "annotated"
    rows = passages.select(*columns, doc_id="corpus", start=pl.lit(0), split=pl.lit("train"))
    marked = rows.select("corpus", "passage_id", find_duplicates(rows, jaccard, progress).alias("kept_passage_id"))
    kept = marked.filter(pl.col("kept_passage_id").is_null()).select("corpus", "passage_id")
    return (
        marked.drop_nulls("kept_passage_id")
        .join(kept.rename({"corpus": "kept_corpus", "passage_id": "kept_passage_id"}), on="kept_passage_id")
        .select("corpus", "passage_id", "kept_corpus", "kept_passage_id")
        .sort("corpus", "passage_id")
    )


def _verify_pairs(ids: pl.Series, rows: Array, pairs: CandidatePairs, jaccard: float, source: PassageSource) -> Array:
    """Return for every pair whether it is similar; pairs in the cache are not compared again."""
    if source.verdicts is None:
        return _compare_pairs(rows, source, pairs, jaccard)
    numbers = truncate_digests(ids)
    wanted = mix_bits(mix_bits(numbers[pairs.later]) + numbers[pairs.earlier])
    known, similar = np.empty(0, np.uint64), np.empty(0, bool)
    if source.verdicts.exists():
        frame = pl.read_parquet(source.verdicts)
        known, similar = frame["pair"].to_numpy(), frame["similar"].to_numpy()
    new = ~contains(known, wanted)
    verdicts = np.empty(len(wanted), dtype=bool)
    verdicts[~new] = similar[np.searchsorted(known, wanted[~new])]
    verdicts[new] = _compare_pairs(rows, source, CandidatePairs(pairs.later[new], pairs.earlier[new]), jaccard)
    order = np.argsort(wanted)
    write_parquet_atomically(pl.DataFrame({"pair": wanted[order], "similar": verdicts[order]}), source.verdicts)
    return verdicts


def _compare_pairs(rows: Array, source: PassageSource, pairs: CandidatePairs, jaccard: float) -> Array:
    """Return for every pair whether it is similar. Only the texts of `rows` that occur in a pair are read."""
    involved = np.unique(np.concatenate([pairs.later, pairs.earlier]))
    by_row = np.argsort(rows[involved])
    place = np.empty(len(rows), dtype=np.int64)
    place[involved[by_row]] = np.arange(len(involved))
    compact = CandidatePairs(place[pairs.later], place[pairs.earlier])
    similar: Array = jaccard_similarity(compact, source.texts(rows[involved[by_row]])) >= jaccard
    return similar


def _near_duplicates(ids: pl.Series, pairs: CandidatePairs, similar: Array) -> pl.DataFrame:
    """Return the passages that are similar to an earlier kept one: passage_id, and `of`, the first such passage_id."""
    near: dict[int, int] = {}
    # The pairs are sorted by the later row, so the decision on every earlier row is final.
    for later, earlier in zip(pairs.later[similar].tolist(), pairs.earlier[similar].tolist(), strict=True):
        if later not in near and earlier not in near:
            near[later] = earlier
    numbers = pl.DataFrame({"later": list(near), "of": list(near.values())}, schema={"later": pl.Int64, "of": pl.Int64})
    return numbers.select(passage_id=ids.gather(numbers["later"]), of=ids.gather(numbers["of"]))
