"""Which rows of a table stay when others are put in their place."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Standing:
    """Rows that stand in a table, by a hash of all their values, sorted; of a million two fall together once in 10^7.

    `taken` is, where a hash begins, how many of the rows with that hash were asked for.
    """

    rows: Array
    hashes: Array
    taken: Array

    @classmethod
    def of(cls, rows: Array, hashes: Array) -> "Standing":
        """Return the rows with these numbers and hashes, of which none is taken."""
        order = np.argsort(hashes, kind="stable")
        return cls(rows[order], hashes[order], np.zeros(len(rows) + 1, dtype=np.int64))

    def take(self, hashes: Array) -> Array:
        """Return for every row whether it stands there; equal rows as often as they do."""
        order = np.argsort(hashes, kind="stable")
        wanted = hashes[order]
        begin, end = np.searchsorted(self.hashes, wanted, "left"), np.searchsorted(self.hashes, wanted, "right")
        earlier = np.arange(len(wanted)) - np.searchsorted(wanted, wanted, "left")
        stands = self.taken[begin] + earlier < end - begin
        np.add.at(self.taken, begin[stands], 1)
        found: Array = np.empty(len(wanted), dtype=bool)
        found[order] = stands
        return found

    def left(self) -> Array:
        """Return the rows that nobody took."""
        begin = np.searchsorted(self.hashes, self.hashes, "left")
        rows: Array = self.rows[np.arange(len(begin)) - begin >= self.taken[begin]]
        return rows
