"""Paired bootstrap (Efron and Tibshirani 1993): confidence intervals of statistics that are computed from sums.

All systems are resampled together, so that a difference of two systems is always taken on the same passages.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
_CHUNK_ELEMENTS = 4_000_000  # 32 MB of weights at a time


def resample_sums(
    vectors: FloatArray, samples: int, seed: int, units: npt.NDArray[np.int64] | None = None
) -> FloatArray:
    """Return the column sums of every resample, of shape (samples, columns); `vectors` is (passages, columns).

    `units` holds the document index of every passage. If it is given, whole documents are drawn, because passages of
    one document depend on each other. Otherwise, single passages are drawn.
    """
    if units is not None:
        _, index = np.unique(units, return_inverse=True)
        summed = np.zeros((int(index.max(initial=-1)) + 1, vectors.shape[1]))
        np.add.at(summed, index, vectors)
        vectors = summed
    sums = [weights @ vectors for weights in _weights(len(vectors), samples, seed)]
    return np.concatenate(sums) if sums else np.zeros((0, vectors.shape[1]))


def _weights(size: int, samples: int, seed: int) -> Iterator[FloatArray]:
    """Yield how often every unit is drawn, in chunks of resamples: (resamples, size)."""
    rng = np.random.default_rng(seed)
    chunk = max(1, _CHUNK_ELEMENTS // max(1, size))
    for start in range(0, samples, chunk):
        rows = min(chunk, samples - start)
        drawn = rng.integers(0, size, (rows, size)) if size else np.zeros((rows, 0), dtype=np.int64)
        drawn += np.arange(rows)[:, None] * size
        yield np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size).astype(np.float64)


def percentile_interval(resampled: FloatArray, confidence: float = 0.95) -> tuple[float, float] | None:
    """Return the percentile interval over the resamples that have a value (not NaN), or None if there are none."""
    values = resampled[~np.isnan(resampled)]
    if not values.size:
        return None
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)
