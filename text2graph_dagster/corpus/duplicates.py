"""Which passages say what another one says: equal ones by their passage_id, near ones by MinHash.

MinHash signatures (Broder 1997) of 5-character shingles are cut into bands; passages that agree in a band are
candidates (locality-sensitive hashing: Indyk and Motwani 1998), and every candidate is verified by the exact Jaccard
similarity. The signatures are rensa's; shingles are hashed with numpy for a whole batch at once.
"""

from bisect import insort
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import polars as pl
import rensa

from text2graph_dagster.identity import normalise
from text2graph_dagster.progress import Progress

SHINGLE = 5
PERMUTATIONS = 260
# An undetected near duplicate is cheap, comparing everything with everything is not.
MAX_COMPARISONS = 64
_BATCH = 4_096
_SEED = 7
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_SPLIT_RANK = {"test": 0, "dev": 1, "train": 2}


def no_progress(done: int, total: int | None, what: str) -> None:
    """Report nothing."""


def find_duplicates(passages: pl.DataFrame, jaccard: float = 0.8, progress: Progress = no_progress) -> dict[int, str]:
    """Return for every row that repeats another one the passage_id of the row that is kept.

    `passages` has the columns passage_id, doc_id, start, text and split. Of equal or similar passages the first is
    kept: test before dev before train, then by passage_id, doc_id and start, so that the order of rows does not
    matter. A gold passage (test, dev) repeats only an equal gold passage; a train passage repeats an equal one, or is
    near a kept one.
    """
    splits, ids = passages["split"].to_list(), passages["passage_id"].to_list()
    ranks = [_SPLIT_RANK[split] for split in splits]
    order = sorted(
        range(len(ids)), key=list(zip(ranks, ids, passages["doc_id"], passages["start"], strict=True)).__getitem__
    )
    first: dict[str, int] = {}
    duplicates: dict[int, str] = {}
    unique: list[int] = []
    for row in order:
        if first.setdefault(ids[row], row) == row:
            unique.append(row)
        else:
            duplicates[row] = ids[row]
    texts = passages["text"].to_list()
    near = _find_near([texts[row] for row in unique], [ranks[row] == 2 for row in unique], jaccard, progress)
    duplicates.update((unique[row], ids[unique[kept]]) for row, kept in near.items())
    return duplicates


def _find_near(texts: Sequence[str], replaceable: Sequence[bool], jaccard: float, progress: Progress) -> dict[int, int]:
    """Return for every replaceable text that is near an earlier kept one the index of the first such."""
    shared = _shared_bands(_band_keys(texts, jaccard, progress))

    @lru_cache(maxsize=20_000)
    def shingles(i: int) -> frozenset[str]:
        text = normalise(texts[i])
        return frozenset(text[at : at + SHINGLE] for at in range(max(1, len(text) - SHINGLE + 1)))

    near: dict[int, int] = {}
    buckets: defaultdict[int, list[int]] = defaultdict(list)  # a band's value → the kept texts that have it
    for i in sorted(shared):
        kept: list[int] = []
        if replaceable[i]:
            for bucket in shared[i]:
                for j in buckets[bucket][:MAX_COMPARISONS]:
                    if j not in kept:
                        insort(kept, j)
        match = next((j for j in kept[:MAX_COMPARISONS] if _similarity(shingles(i), shingles(j)) >= jaccard), None)
        if match is not None:
            near[i] = match
            continue
        for bucket in shared[i]:
            buckets[bucket].append(i)
    return near


def _similarity(a: frozenset[str], b: frozenset[str]) -> float:
    """Return the Jaccard similarity of two sets that are not empty."""
    common = len(a & b)
    return common / (len(a) + len(b) - common)


def _bands(jaccard: float) -> tuple[int, int]:
    """Return (bands, rows of a band): the most rows whose threshold (1/bands)^(1/rows) is not above `jaccard`."""
    rows = max(r for r in range(1, PERMUTATIONS) if PERMUTATIONS % r == 0 and (r / PERMUTATIONS) ** (1 / r) <= jaccard)
    return PERMUTATIONS // rows, rows


def _band_keys(
    texts: Sequence[str], jaccard: float, progress: Progress
) -> np.ndarray[tuple[int, int], np.dtype[np.uint64]]:
    """Return an array [texts, bands] of 64-bit hashes; texts that agree in a band have the same hash there."""
    bands, rows = _bands(jaccard)
    weights = np.random.default_rng(_SEED).integers(0, 2**63, size=rows, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    keys = np.empty((len(texts), bands), dtype=np.uint64)
    for start in range(0, len(texts), _BATCH):
        hashes, offsets = _shingle_hashes(texts[start : start + _BATCH])
        matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(hashes, offsets, PERMUTATIONS, _SEED)
        signatures = np.asarray(matrix.to_rows(), dtype=np.uint64).reshape(-1, bands, rows)
        keys[start : start + len(signatures)] = _mix(np.multiply(signatures, weights).sum(axis=2, dtype=np.uint64))
        progress(start + len(signatures), len(texts), "near duplicates: signatures")
    return keys


def _shingle_hashes(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Return the hashes of the shingles of all texts in one array, and where each text's begin (and the last's end)."""
    padded = [normalise(text).ljust(SHINGLE, "\0") for text in texts]
    points = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    ends = np.cumsum([len(text) for text in padded])
    windows = len(points) - SHINGLE + 1
    hashes = np.zeros(windows, dtype=np.uint64)
    for at in range(SHINGLE):
        hashes = hashes * _MULTIPLIER + points[at : at + windows]
    # A window may not reach from one text into the next.
    inside = np.ones(len(points), dtype=bool)
    inside[(ends[:, None] - np.arange(1, SHINGLE)).ravel()] = False
    counts = np.diff(ends, prepend=0) - SHINGLE + 1
    return _mix(hashes[inside[:windows]]), np.concatenate([[0], np.cumsum(counts)]).astype(np.uint64)


def _mix(values: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """Return a bijection of 64-bit values that spreads every bit over all (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = values ^ (values >> np.uint64(31))  # type: ignore[type-arg]
    return mixed


def _shared_bands(keys: np.ndarray) -> dict[int, list[int]]:  # type: ignore[type-arg]
    """Return for every text that agrees with another in a band the numbers of those (band, value) buckets."""
    shared: defaultdict[int, list[int]] = defaultdict(list)
    first = 0
    for band in range(keys.shape[1]):
        _, bucket, counts = np.unique(keys[:, band], return_inverse=True, return_counts=True)
        rows = np.flatnonzero(counts[bucket] > 1)
        for row, number in zip(rows.tolist(), (bucket[rows] + first).tolist(), strict=True):
            shared[row].append(number)
        first += len(counts)
    return shared
