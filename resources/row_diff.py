"""Which rows of a table can stay when other rows replace them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class ExistingRows:
    """The rows of a table by a hash of all their values; the collision probability for 10⁶ rows is about 10⁻⁷.

    `rows` are row numbers and `hashes` their hashes, sorted by hash. `matched` counts, at the first position of each
    hash, how many rows with that hash were matched.
    """

    rows: Array
    hashes: Array
    matched: Array

    @classmethod
    def of(cls, rows: Array, hashes: Array) -> "ExistingRows":
        """Return the rows with these numbers and hashes, none of them matched."""
        order = np.argsort(hashes, kind="stable")
        return cls(rows[order], hashes[order], np.zeros(len(rows) + 1, dtype=np.int64))

    def match(self, hashes: Array) -> Array:
        """Tell for every new row whether it exists; each existing row is matched at most once."""
        order = np.argsort(hashes, kind="stable")
        wanted = hashes[order]
        begin, end = np.searchsorted(self.hashes, wanted, "left"), np.searchsorted(self.hashes, wanted, "right")
        earlier = np.arange(len(wanted)) - np.searchsorted(wanted, wanted, "left")
        exists = self.matched[begin] + earlier < end - begin
        np.add.at(self.matched, begin[exists], 1)
        found: Array = np.empty(len(wanted), dtype=bool)
        found[order] = exists
        return found

    def unmatched(self) -> Array:
        """Return the numbers of the rows that were not matched."""
        begin = np.searchsorted(self.hashes, self.hashes, "left")
        rows: Array = self.rows[np.arange(len(begin)) - begin >= self.matched[begin]]
        return rows
