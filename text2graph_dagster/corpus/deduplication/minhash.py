"""Find pairs of similar texts by MinHash, and verify them by exact Jaccard similarity; vectorised with numpy.

A text is the set of its character shingles (substrings of SHINGLE characters). Its MinHash signature (Broder 1997) is
cut into bands; texts that agree in a band are candidates (locality-sensitive hashing: Indyk and Motwani 1998). A
signature of bands x rows values needs only `rows` hashes of a shingle: each hash spreads the shingles over `bands` bins
and keeps the minimum of every bin (one permutation hashing: Li, Owen and Zhang 2012). With `rows` repetitions, bins
stay empty only in very short texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from text2graph_dagster.corpus.sorted_keys import Array
from text2graph_dagster.identity import normalise
from text2graph_dagster.progress import Progress

SHINGLE = 5
PERMUTATIONS = 260
# Every value is used in two bands, a straight and a slanted one: this finds more of the pairs near the threshold than
# twice as many values in straight bands would, at no extra hashing cost.
BAND_SETS = 2
# A text is compared only with the first MAX_COMPARISONS texts of its bucket, because missing a near-duplicate is cheap
# and comparing all pairs is not.
MAX_COMPARISONS = 32
NO_BAND = np.uint32(0)
_BATCH, _PAIRS = 1_024, 8_192
_SEED = 7
_EMPTY = np.uint32(0xFFFFFFFF)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def choose_bands(jaccard: float) -> tuple[int, int]:
    """Return (bands, rows per band), with the most rows for which the threshold (1/bands)^(1/rows) <= `jaccard`."""
    rows = max(r for r in range(1, PERMUTATIONS) if PERMUTATIONS % r == 0 and (r / PERMUTATIONS) ** (1 / r) <= jaccard)
    return PERMUTATIONS // rows, rows


def compute_band_keys(texts: pl.Series, jaccard: float, progress: Progress | None = None) -> Array:
    """Return uint32 keys of shape [texts, BAND_SETS * bands]; texts that agree in a band have the same key there.

    The key is NO_BAND if no shingle of a (very short) text fell into the band. Keys depend only on the text (without
    differences in white space) and on `jaccard`, so they may be stored.
    """
    bands, rows = choose_bands(jaccard)
    random = np.random.default_rng(_SEED)
    factors = random.integers(0, 2**32, size=rows, dtype=np.uint32) | np.uint32(1)
    weights = random.integers(0, 2**64, size=(BAND_SETS, rows), dtype=np.uint64) | np.uint64(1)
    keys = np.empty((len(texts), BAND_SETS * bands), dtype=np.uint32)
    for start in range(0, len(texts), _BATCH):
        hashes, counts = hash_shingles(texts[start : start + _BATCH].to_list())
        minima = _bin_minima((hashes >> np.uint64(32)).astype(np.uint32), counts, factors, bands)
        keys[start : start + len(counts)] = _band_keys_of(minima, weights)
        if progress:
            progress(start + len(counts), len(texts), "near duplicates: signatures")
    return keys


def hash_shingles(texts: Sequence[str]) -> tuple[Array, Array]:
    """Return the concatenated 64-bit shingle hashes of all texts, and the number of shingles of each text."""
    padded = [normalise(text).ljust(SHINGLE, "\0") for text in texts]
    lengths = np.fromiter(map(len, padded), np.int64, len(padded))
    points = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    hashes = hash_windows(points, SHINGLE)
    # Drop the windows that cross from one text into the next.
    inside = np.ones(len(points), dtype=bool)
    inside[(np.cumsum(lengths)[:, None] - np.arange(1, SHINGLE)).ravel()] = False
    return mix_bits(hashes[inside[: len(hashes)]]), lengths - SHINGLE + 1


def hash_windows(values: Array, size: int) -> Array:
    """Return a 64-bit polynomial hash of every window of `size` consecutive values (uint64)."""
    windows = max(0, len(values) - size + 1)
    hashes = values[:windows].copy()
    for at in range(1, size):
        hashes *= _MULTIPLIER
        hashes += values[at : at + windows]
    return hashes


def _bin_minima(hashes: Array, counts: Array, factors: Array, bins: int) -> Array:
    """Return the minimum of every bin in every round, shape [rounds, texts, bins]; _EMPTY for an empty bin."""
    minima = np.full((len(factors), len(counts) * bins), _EMPTY, dtype=np.uint32)
    first_bin = np.repeat(np.arange(len(counts)) * bins, counts)
    place = np.empty_like(first_bin)
    for round_, factor in enumerate(factors):
        values = hashes * factor
        bin_ = values >> np.uint32(16)
        bin_ *= np.uint32(bins)
        bin_ >>= np.uint32(16)
        np.add(first_bin, bin_, out=place)
        np.minimum.at(minima[round_], place, values)
    return minima.reshape(len(factors), len(counts), bins)


def _band_keys_of(minima: Array, weights: Array) -> Array:
    """Return keys [texts, BAND_SETS * bins] from values [rounds, texts, bins].

    In set s, band b consists of bin b + s * round of every round.
    """
    sets = []
    for slant, of_rounds in enumerate(weights):
        total = np.zeros(minima.shape[1:], dtype=np.uint64)
        filled = np.zeros(minima.shape[1:], dtype=bool)
        for round_, weight in enumerate(of_rounds):
            values = np.roll(minima[round_], -slant * round_, axis=1)
            total += values * weight
            filled |= values != _EMPTY
        keys = (mix_bits(total) >> np.uint64(32)).astype(np.uint32)
        sets.append(np.where(filled, np.maximum(keys, np.uint32(1)), NO_BAND))
    return np.concatenate(sets, axis=1)


def mix_bits(values: Array) -> Array:
    """Mix the bits of 64-bit values bijectively (finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class CandidatePairs:
    """Pairs of row numbers `later` > `earlier`, each pair once, sorted by (later, earlier)."""

    later: Array
    earlier: Array


def find_candidates(keys: Array, replaceable: Array, progress: Progress | None = None) -> CandidatePairs:
    """Return the pairs that agree in a band and whose later row is `replaceable` (a boolean mask).

    A row is paired with the first MAX_COMPARISONS rows of its bucket, so the pairs depend only on the order of rows.
    """
    found = np.empty(0, dtype=np.uint64)
    for band in range(keys.shape[1]):
        found = _sorted_set(np.concatenate([found, _pairs_of_band(keys[:, band], replaceable)]))
        if progress:
            progress(band + 1, keys.shape[1], "near duplicates: bands")
    return CandidatePairs((found >> np.uint64(32)).astype(np.int64), (found & np.uint64(0xFFFFFFFF)).astype(np.int64))


def _pairs_of_band(keys: Array, replaceable: Array) -> Array:
    """Return later << 32 | earlier for the pairs of one band."""
    order = np.sort(keys.astype(np.uint64) << np.uint64(32) | np.arange(len(keys), dtype=np.uint64))
    sorted_keys, rows = order >> np.uint64(32), order & np.uint64(0xFFFFFFFF)
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = sorted_keys[1:] != sorted_keys[:-1]
    starts = np.flatnonzero(begins)
    sizes = np.diff(starts, append=len(order))
    shared = (sizes > 1) & (sorted_keys[starts] != NO_BAND)
    starts, sizes = starts[shared], sizes[shared]
    member = np.repeat(starts, sizes) + _ranges(sizes)
    position = _ranges(sizes)
    used = replaceable[rows[member].astype(np.int64)]
    member, position, first = member[used], position[used], np.repeat(starts, sizes)[used]
    partners = np.minimum(position, MAX_COMPARISONS)
    later = np.repeat(rows[member], partners) << np.uint64(32)
    pairs: Array = later | rows[np.repeat(first, partners) + _ranges(partners)]
    return pairs


def _sorted_set(values: Array) -> Array:
    """Return the distinct values, sorted. numpy.unique does the same but is many times slower on 64-bit integers."""
    ordered = np.sort(values)
    different = np.ones(len(ordered), dtype=bool)
    different[1:] = ordered[1:] != ordered[:-1]
    result: Array = ordered[different]
    return result


def _ranges(sizes: Array) -> Array:
    """Return the concatenation of 0, 1, …, size - 1 for every size."""
    ends = np.cumsum(sizes)
    numbers: Array = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - sizes, sizes)
    return numbers


def jaccard_similarity(pairs: CandidatePairs, texts: pl.Series) -> Array:
    """Return the exact Jaccard similarity of every pair of rows of `texts`."""
    starts = range(0, len(pairs.later), _PAIRS)
    return np.concatenate(
        [np.empty(0), *(_compare(pairs.later[i : i + _PAIRS], pairs.earlier[i : i + _PAIRS], texts) for i in starts)]
    )


def _compare(a: Array, b: Array, texts: pl.Series) -> Array:
    """Return the Jaccard similarities of the texts in rows `a` and rows `b`."""
    rows = _sorted_set(np.concatenate([a, b]))
    places = np.searchsorted(rows, a), np.searchsorted(rows, b)
    hashes, counts = hash_shingles(texts.gather(rows).to_list())
    # 48 bits of hash: about one pair of passages in a billion has a shingle collision.
    numbers = np.repeat(np.arange(len(rows), dtype=np.uint64) << np.uint64(48), counts)
    tagged = _sorted_set(numbers | hashes >> np.uint64(16))
    sizes = np.bincount((tagged >> np.uint64(48)).astype(np.int64), minlength=len(rows))
    begins = np.cumsum(sizes) - sizes
    both = np.sort(np.concatenate([_members(tagged, begins, sizes, place) for place in places]))
    equal = both[1:][both[1:] == both[:-1]]
    common = np.bincount((equal >> np.uint64(48)).astype(np.int64), minlength=len(a))
    jaccard: Array = common / (sum(sizes[place] for place in places) - common)
    return jaccard


def _members(tagged: Array, begins: Array, sizes: Array, rows: Array) -> Array:
    """Return the concatenated hashes of `rows`, each tagged with the position of its row in `rows`."""
    counts = sizes[rows]
    hashes: Array = tagged[np.repeat(begins[rows], counts) + _ranges(counts)] & np.uint64((1 << 48) - 1)
    return hashes | np.repeat(np.arange(len(rows), dtype=np.uint64) << np.uint64(48), counts)
