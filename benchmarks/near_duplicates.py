"""Compare the near-duplicate search with datasketch's MinHashLSH: `python -m benchmarks.near_duplicates [--quick]`.

Both get the same passages in one process, one after the other, and compute shingles, signatures, candidate pairs and
the candidates' exact similarity. `recall` is relative to all pairs above the threshold. All of them are found by prefix
filtering (Chaudhuri, Ganti and Kaushik 2006): two sets of Jaccard similarity J have a member in common among the rarest
(1 - J) |set| + 1 members of each. `--quick` uses 1,000 documents instead of 5,000. Needs the extra `bench`.
"""

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.support.corpora import collect_sentences, iterate_real_texts, write_corpus
from benchmarks.support.table import flags, show
from text2graph_dagster.corpus.build import build_corpus
from text2graph_dagster.corpus.deduplication.minhash import (
    SHINGLE,
    CandidatePairs,
    choose_bands,
    compute_band_keys,
    find_candidates,
    hash_shingles,
    jaccard_similarity,
)
from text2graph_dagster.corpus.folder import open_corpus
from text2graph_dagster.corpus.sorted_keys import Array
from text2graph_dagster.identity import normalise
from text2graph_dagster.settings import CorpusSettings

JACCARD = 0.8
Found = set[tuple[int, int]]


def ours(texts: pl.Series) -> Found:
    """Return the pairs of similar texts that the pipeline finds."""
    pairs = find_candidates(compute_band_keys(texts, JACCARD), np.ones(len(texts), dtype=bool))
    return _similar(pairs, texts)


def datasketch(texts: pl.Series) -> Found:
    """Return the pairs that datasketch finds, verified with Python sets."""
    from datasketch import MinHash, MinHashLSH

    bands, rows = choose_bands(JACCARD)
    index = MinHashLSH(params=(bands, rows), num_perm=bands * rows)
    found: Found = set()
    shingles = [_shingles(text) for text in texts]
    for i, signature in enumerate(MinHash.generator(shingles, num_perm=bands * rows, seed=1)):
        for j in index.query(signature):
            common = len(shingles[i] & shingles[j])
            if common >= JACCARD * (len(shingles[i]) + len(shingles[j]) - common):
                found.add((i, j))
        index.insert(i, signature)
    return found


def exact(texts: pl.Series) -> Found:
    """Return all pairs of similar texts."""
    hashes, counts = hash_shingles(texts.to_list())
    rows = np.repeat(np.arange(len(texts)), counts)
    shingles = pl.DataFrame({"row": rows, "shingle": hashes}).unique()
    rarest = (
        shingles.with_columns(pl.len().over("shingle").alias("texts"), pl.len().over("row").alias("size"))
        .sort("row", "texts", "shingle")
        .filter(pl.int_range(pl.len()).over("row") <= (1 - JACCARD) * pl.col("size"))
        .select("row", "shingle")
    )
    both = rarest.join(rarest, on="shingle", suffix="_earlier").filter(pl.col("row") > pl.col("row_earlier"))
    both = both.select("row", "row_earlier").unique()
    return _similar(CandidatePairs(both["row"].to_numpy(), both["row_earlier"].to_numpy()), texts)


def _similar(pairs: CandidatePairs, texts: pl.Series) -> Found:
    kept = jaccard_similarity(pairs, texts) >= JACCARD
    later: Array = pairs.later[kept]
    return set(zip(later.tolist(), pairs.earlier[kept].tolist(), strict=True))


def _shingles(text: str) -> set[bytes]:
    text = normalise(text).ljust(SHINGLE, "\0")
    return {text[at : at + SHINGLE].encode() for at in range(len(text) - SHINGLE + 1)}


def compare(texts: pl.Series) -> list[dict[str, Any]]:
    """Return a row per method."""
    ways: dict[str, Callable[[pl.Series], Found]] = {"ours": ours, "datasketch": datasketch}
    truth, rows = exact(texts), list[dict[str, Any]]()
    found: dict[str, Found] = {}
    for name, way in ways.items():
        begun = time.perf_counter()
        found[name] = way(texts)
        rows.append(
            {"method": name, "passages": len(texts), "passages_per_second": len(texts) / (time.perf_counter() - begun)}
        )
    for row in rows:
        pairs = found[row["method"]]
        row["times_datasketch"] = row["passages_per_second"] / rows[-1]["passages_per_second"]
        row |= {"pairs": len(pairs), "pairs_there_are": len(truth), "recall": len(pairs & truth) / max(1, len(truth))}
        row["of_datasketch_pairs"] = len(pairs & found["datasketch"]) / max(1, len(found["datasketch"]))
    return rows


def sample(documents: int) -> pl.Series:
    """Return a corpus's distinct passages, plus a copy of every fourth with one to three changed words."""
    rng = random.Random(7)
    sources = collect_sentences(iterate_real_texts())
    with tempfile.TemporaryDirectory() as root:
        folder = open_corpus(write_corpus(Path(root) / "sample", sources, documents))
        texts = (
            build_corpus(folder, CorpusSettings())
            .raw_corpus.unique("passage_id", maintain_order=True)["text"]
            .to_list()
        )
    words = " ".join(sources[:500]).split()
    for text in texts[::4]:
        copy = text.split()
        for _ in range(rng.randint(1, 3)):
            copy[rng.randrange(len(copy))] = rng.choice(words)
        texts.append(" ".join(copy))
    return pl.Series("text", texts)


def main() -> None:
    """Run from the command line."""
    arguments = flags(str(__doc__))
    show(compare(sample(1_000 if arguments.quick else 5_000)), as_json=arguments.json)


if __name__ == "__main__":
    main()
