"""No training passage repeats a gold one: whole, in a long run of words, or nearly (Brown et al. 2020, appendix C)."""

from collections.abc import Iterator, Sequence

import polars as pl

from text2graph_dagster.corpus.duplicates import find_duplicates
from text2graph_dagster.corpus.packing import TOKEN
from text2graph_dagster.identity import normalise


def near_gold(train: pl.DataFrame, gold: pl.DataFrame, ngram: int = 13, jaccard: float = 0.8) -> dict[str, str]:
    """Return passage_id → reason for the training passages that must go.

    Both frames have the columns passage_id and text. Reasons: `equal` (the same words, whatever their case, spacing and
    punctuation), `shared_ngram` (a run of `ngram` tokens stands in a gold passage too), `near_duplicate` (Jaccard of
    5-character shingles at least `jaccard`).
    """
    whole: set[str] = set()
    runs: set[int] = set()
    for text in gold["text"]:
        tokens = _tokens(text)
        whole.add(_words(tokens))
        runs.update(_ngrams(tokens, ngram))
    found: dict[str, str] = {}
    for passage_id, text in zip(train["passage_id"], train["text"], strict=True):
        tokens = _tokens(text)
        if _words(tokens) in whole:
            found[passage_id] = "equal"
        elif any(run in runs for run in _ngrams(tokens, ngram)):
            found[passage_id] = "shared_ngram"
    rest = train.filter(~pl.col("passage_id").is_in(list(found)))
    found.update(dict.fromkeys(_near_duplicates(rest, gold, jaccard), "near_duplicate"))
    return found


def _tokens(text: str) -> list[str]:
    return TOKEN.findall(normalise(text).casefold())


def _words(tokens: Sequence[str]) -> str:
    return " ".join(token for token in tokens if token[0].isalnum()) or " ".join(tokens)


def _ngrams(tokens: Sequence[str], size: int) -> Iterator[int]:
    """Yield a hash of every run of `size` tokens (within one process: Python's string hashes are seeded)."""
    for start in range(len(tokens) - size + 1):
        yield hash(tuple(tokens[start : start + size]))


def _near_duplicates(train: pl.DataFrame, gold: pl.DataFrame, jaccard: float) -> list[str]:
    """Return the ids of the training passages that are near a gold one."""
    both = pl.concat(
        frame.select("passage_id", "text").with_columns(
            pl.col("passage_id").alias("doc_id"), pl.lit(0).alias("start"), pl.lit(split).alias("split")
        )
        for frame, split in ((gold, "test"), (train, "train"))
    )
    gold_ids = set(gold["passage_id"])
    kept = find_duplicates(both, jaccard)
    return [both["passage_id"][row] for row, of in kept.items() if row >= gold.height and of in gold_ids]
