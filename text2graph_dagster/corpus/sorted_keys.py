"""Keys and sorted sets of keys as numpy arrays."""

from typing import Any

import numpy as np
import polars as pl

Array = np.ndarray[Any, Any]


def truncate_digests(digests: pl.Series) -> Array:
    """Return the first 64 bits of digests; the collision probability for 10⁶ digests is about 3·10⁻⁸."""
    numbers: Array = digests.str.head(16).str.to_integer(base=16, dtype=pl.UInt64).to_numpy()
    return numbers


def contains(ordered: Array, values: Array) -> Array:
    """Return for every value whether it is in the sorted array."""
    place = np.searchsorted(ordered, values)
    found: Array = np.zeros(len(values), dtype=bool)
    inside = place < len(ordered)
    found[inside] = ordered[place[inside]] == values[inside]
    return found
