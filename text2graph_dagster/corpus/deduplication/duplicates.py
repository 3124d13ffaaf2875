"""Which passages say what another one says: equal ones by their passage_id, near ones by MinHash."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from text2graph_dagster.corpus.deduplication.minhash import Pairs, band_keys, candidates, mix, similarity
from text2graph_dagster.corpus.sorted_keys import Array, contains, numbers_of
from text2graph_dagster.files import write_whole
from text2graph_dagster.progress import Progress

TextsOf = Callable[[Array], pl.Series]

_SPLIT_RANK = {"test": 0, "dev": 1, "train": 2}
_TRAIN = _SPLIT_RANK["train"]


def no_progress(done: int, total: int | None, what: str) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Beforehand:
    """What is known of passages before they are compared: their `band_keys`, and how to get some (sorted) rows' texts.

    `verdicts` is a file that remembers of pairs whether they are similar; it may be deleted at any time.
    """

    keys: Array
    texts: TextsOf
    verdicts: Path


def find_duplicates(
    passages: pl.DataFrame,
    jaccard: float = 0.8,
    progress: Progress = no_progress,
    beforehand: Beforehand | None = None,
) -> pl.Series:
    """Return the column duplicate_of: for every row that repeats another one the passage_id of the one that is kept.

    `passages` has the columns passage_id, doc_id, start, split and, unless `beforehand` is given, text. Of equal or
    similar passages the first is kept: test before dev before train, then by passage_id, doc_id and start, so that
    neither the order of rows nor when they came matters. A gold passage (test, dev) repeats only an equal gold passage;
    a train passage repeats an equal one, or is near a kept one.
    """
    rank = pl.col("split").cast(pl.String).replace_strict(_SPLIT_RANK, return_dtype=pl.Int8).alias("rank")
    order = (
        passages.select("passage_id", "doc_id", "start", rank)
        .with_row_index("row")
        .sort("rank", "passage_id", "doc_id", "start")
        .unique("passage_id", keep="first", maintain_order=True)
        .select("row", "passage_id", "rank")
    )
    rows = order["row"].to_numpy()
    keys = beforehand.keys if beforehand else band_keys(passages["text"], jaccard, progress)
    pairs = candidates(keys[rows], (order["rank"] == _TRAIN).to_numpy(), progress)
    if beforehand:
        similar = _remembered(order["passage_id"], rows, pairs, jaccard, beforehand)
    else:
        similar = _similar(rows, passages["text"].gather, pairs, jaccard)
    found = _near(pairs, similar)
    of = order.select("passage_id").with_row_index("number")
    near = pl.DataFrame(
        {"number": list(found), "kept": list(found.values())}, schema={"number": pl.UInt32, "kept": pl.UInt32}
    )
    near = near.join(of, on="number").join(of.rename({"passage_id": "of"}), left_on="kept", right_on="number")
    first = pl.Series("first", np.isin(np.arange(passages.height), rows))
    equal = pl.when(~pl.col("first")).then(pl.col("passage_id"))
    return (
        passages.select("passage_id", first)
        .join(near.select("passage_id", "of"), on="passage_id", how="left", maintain_order="left")
        .select(pl.coalesce("of", equal).cast(pl.String).alias("duplicate_of"))
        .to_series()
    )


def find_duplicates_across(
    passages: pl.DataFrame, jaccard: float = 0.8, progress: Progress = no_progress
) -> pl.DataFrame:
    """Return the training passages that another corpus says too: corpus, passage_id, kept_corpus, kept_passage_id.

    `passages` has the columns corpus, passage_id and text, of corpora that share an ontology: the same text asked
    about another ontology is another task. The one with the least passage_id is kept, of equal ones that of the corpus
    whose name comes first, so that it does not matter which corpus came when.
    """
    rows = passages.select("corpus", "passage_id", "text", doc_id="corpus", start=pl.lit(0), split=pl.lit("train"))
    marked = rows.select("corpus", "passage_id", find_duplicates(rows, jaccard, progress).alias("kept_passage_id"))
    kept = marked.filter(pl.col("kept_passage_id").is_null()).select("corpus", "passage_id")
    return (
        marked.drop_nulls("kept_passage_id")
        .join(kept.rename({"corpus": "kept_corpus", "passage_id": "kept_passage_id"}), on="kept_passage_id")
        .select("corpus", "passage_id", "kept_corpus", "kept_passage_id")
        .sort("corpus", "passage_id")
    )


def _remembered(ids: pl.Series, rows: Array, pairs: Pairs, jaccard: float, beforehand: Beforehand) -> Array:
    """Return for every pair whether it is similar; only those that the file does not know are compared."""
    numbers = numbers_of(ids)
    asked = mix(mix(numbers[pairs.later]) + numbers[pairs.earlier])
    known, similar = np.empty(0, np.uint64), np.empty(0, bool)
    if beforehand.verdicts.exists():
        frame = pl.read_parquet(beforehand.verdicts)
        known, similar = frame["pair"].to_numpy(), frame["similar"].to_numpy()
    new = ~contains(known, asked)
    verdicts = np.empty(len(asked), dtype=bool)
    verdicts[~new] = similar[np.searchsorted(known, asked[~new])]
    verdicts[new] = _similar(rows, beforehand.texts, Pairs(pairs.later[new], pairs.earlier[new]), jaccard)
    order = np.argsort(asked)
    write_whole(pl.DataFrame({"pair": asked[order], "similar": verdicts[order]}), beforehand.verdicts)
    return verdicts


def _similar(rows: Array, texts: TextsOf, pairs: Pairs, jaccard: float) -> Array:
    """Return for every pair whether it is similar. Only the texts of `rows` that stand in a pair are read."""
    involved = np.unique(np.concatenate([pairs.later, pairs.earlier]))
    by_row = np.argsort(rows[involved])
    place = np.empty(len(rows), dtype=np.int64)
    place[involved[by_row]] = np.arange(len(involved))
    compact = Pairs(place[pairs.later], place[pairs.earlier])
    similar: Array = similarity(compact, texts(rows[involved[by_row]])) >= jaccard
    return similar


def _near(pairs: Pairs, similar: Array) -> dict[int, int]:
    """Return for every later one that is near an earlier kept one the number of the first such."""
    near: dict[int, int] = {}
    # Sorted by the later row: what is said of an earlier one is final.
    for later, earlier in zip(pairs.later[similar].tolist(), pairs.earlier[similar].tolist(), strict=True):
        if later not in near and earlier not in near:
            near[later] = earlier
    return near
