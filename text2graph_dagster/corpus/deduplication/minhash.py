"""Pairs of similar texts, by MinHash and verified exactly; everything on arrays.

A text is the set of its runs of SHINGLE characters. A signature (Broder 1997) is cut into bands, and texts that agree
in a band are candidates (locality-sensitive hashing: Indyk and Motwani 1998), each of which is verified by the exact
Jaccard similarity. A signature of bands x rows values takes `rows` hashes of a shingle instead of bands x rows: each
spreads the shingles over `bands` bins and keeps the least of every bin (one permutation hashing: Li, Owen and Zhang
2012), and repeating it `rows` times leaves bins empty in very short texts only.
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
# Every value stands in two bands, a straight and a slanted one: of the pairs near the threshold that finds more than
# twice as many values would in straight bands alone, for nothing.
BAND_SETS = 2
# A member of a bucket is compared with the first so many only: an undetected near duplicate is cheap, comparing
# everything with everything is not.
MAX_COMPARISONS = 32
NO_BAND = np.uint32(0)
_BATCH, _PAIRS = 1_024, 8_192
_SEED = 7
_EMPTY = np.uint32(0xFFFFFFFF)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def bands_and_rows(jaccard: float) -> tuple[int, int]:
    """Return (bands, rows of a band): the most rows whose threshold (1/bands)^(1/rows) is not above `jaccard`."""
    rows = max(r for r in range(1, PERMUTATIONS) if PERMUTATIONS % r == 0 and (r / PERMUTATIONS) ** (1 / r) <= jaccard)
    return PERMUTATIONS // rows, rows


def band_keys(texts: pl.Series, jaccard: float, progress: Progress | None = None) -> Array:
    """Return an array [texts, BAND_SETS * bands] of uint32; texts that agree in a band have the same key there.

    NO_BAND stands where a text is so short that nothing of it fell into the band. Keys depend on the text (up to
    white space) and `jaccard` only, so they may be stored.
    """
    bands, rows = bands_and_rows(jaccard)
    random = np.random.default_rng(_SEED)
    factors = random.integers(0, 2**32, size=rows, dtype=np.uint32) | np.uint32(1)
    weights = random.integers(0, 2**64, size=(BAND_SETS, rows), dtype=np.uint64) | np.uint64(1)
    keys = np.empty((len(texts), BAND_SETS * bands), dtype=np.uint32)
    for start in range(0, len(texts), _BATCH):
        hashes, counts = shingle_hashes(texts[start : start + _BATCH].to_list())
        least = _least_of_bins((hashes >> np.uint64(32)).astype(np.uint32), counts, factors, bands)
        keys[start : start + len(counts)] = _keys_of(least, weights)
        if progress:
            progress(start + len(counts), len(texts), "near duplicates: signatures")
    return keys


def shingle_hashes(texts: Sequence[str]) -> tuple[Array, Array]:
    """Return 64-bit hashes of the shingles of all texts, one after the other, and the number of each text's."""
    padded = [normalise(text).ljust(SHINGLE, "\0") for text in texts]
    lengths = np.fromiter(map(len, padded), np.int64, len(padded))
    points = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    hashes = window_hashes(points, SHINGLE)
    # A window may not reach from one text into the next.
    inside = np.ones(len(points), dtype=bool)
    inside[(np.cumsum(lengths)[:, None] - np.arange(1, SHINGLE)).ravel()] = False
    return mix(hashes[inside[: len(hashes)]]), lengths - SHINGLE + 1


def window_hashes(values: Array, size: int) -> Array:
    """Return a 64-bit hash of every run of `size` of the values (uint64): a polynomial of them."""
    windows = max(0, len(values) - size + 1)
    hashes = values[:windows].copy()
    for at in range(1, size):
        hashes *= _MULTIPLIER
        hashes += values[at : at + windows]
    return hashes


def _least_of_bins(hashes: Array, counts: Array, factors: Array, bins: int) -> Array:
    """Return the least value of every bin in every round, [rounds, texts, bins]; _EMPTY where there is none."""
    least = np.full((len(factors), len(counts) * bins), _EMPTY, dtype=np.uint32)
    first_bin = np.repeat(np.arange(len(counts)) * bins, counts)
    place = np.empty_like(first_bin)
    for round_, factor in enumerate(factors):
        values = hashes * factor
        bin_ = values >> np.uint32(16)
        bin_ *= np.uint32(bins)
        bin_ >>= np.uint32(16)
        np.add(first_bin, bin_, out=place)
        np.minimum.at(least[round_], place, values)
    return least.reshape(len(factors), len(counts), bins)


def _keys_of(least: Array, weights: Array) -> Array:
    """Return [texts, BAND_SETS * bins] keys from [rounds, texts, bins] values; set s takes bins b + s * round."""
    sets = []
    for slant, of_rounds in enumerate(weights):
        total = np.zeros(least.shape[1:], dtype=np.uint64)
        filled = np.zeros(least.shape[1:], dtype=bool)
        for round_, weight in enumerate(of_rounds):
            values = np.roll(least[round_], -slant * round_, axis=1)
            total += values * weight
            filled |= values != _EMPTY
        keys = (mix(total) >> np.uint64(32)).astype(np.uint32)
        sets.append(np.where(filled, np.maximum(keys, np.uint32(1)), NO_BAND))
    return np.concatenate(sets, axis=1)


def mix(values: Array) -> Array:
    """Return a bijection of 64-bit values that spreads every bit over all (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Pairs:
    """Rows `later` that are similar to rows `earlier`, each pair once, sorted by (later, earlier)."""

    later: Array
    earlier: Array


def candidates(keys: Array, replaceable: Array, progress: Progress | None = None) -> Pairs:
    """Return the pairs that agree in a band and whose later row is replaceable (a mask).

    A row is paired with the first MAX_COMPARISONS rows of a bucket, so the pairs depend on the rows' order only.
    """
    found = np.empty(0, dtype=np.uint64)
    for band in range(keys.shape[1]):
        found = _sorted_set(np.concatenate([found, _pairs_of_band(keys[:, band], replaceable)]))
        if progress:
            progress(band + 1, keys.shape[1], "near duplicates: bands")
    return Pairs((found >> np.uint64(32)).astype(np.int64), (found & np.uint64(0xFFFFFFFF)).astype(np.int64))


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
    """Return the different values, sorted: as numpy.unique does, which is many times slower on 64-bit integers."""
    ordered = np.sort(values)
    different = np.ones(len(ordered), dtype=bool)
    different[1:] = ordered[1:] != ordered[:-1]
    result: Array = ordered[different]
    return result


def _ranges(sizes: Array) -> Array:
    """Return 0, 1, …, size - 1 for every size, one after the other."""
    ends = np.cumsum(sizes)
    numbers: Array = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - sizes, sizes)
    return numbers


def similarity(pairs: Pairs, texts: pl.Series) -> Array:
    """Return the Jaccard similarity of every pair; its rows are those of `texts`."""
    starts = range(0, len(pairs.later), _PAIRS)
    return np.concatenate(
        [np.empty(0), *(_similarity(pairs.later[i : i + _PAIRS], pairs.earlier[i : i + _PAIRS], texts) for i in starts)]
    )


def _similarity(a: Array, b: Array, texts: pl.Series) -> Array:
    """Return the Jaccard similarity of the texts of rows `a` with those of rows `b`."""
    rows = _sorted_set(np.concatenate([a, b]))
    places = np.searchsorted(rows, a), np.searchsorted(rows, b)
    hashes, counts = shingle_hashes(texts.gather(rows).to_list())
    # 48 bits of hash: in a pair of passages two shingles fall together once in a billion pairs.
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
    """Return the hashes of `rows`, one row after the other, each tagged with its number among `rows`."""
    counts = sizes[rows]
    hashes: Array = tagged[np.repeat(begins[rows], counts) + _ranges(counts)] & np.uint64((1 << 48) - 1)
    return hashes | np.repeat(np.arange(len(rows), dtype=np.uint64) << np.uint64(48), counts)
