"""Find the rows of a table that need not be rewritten when new rows replace the table's content."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class ExistingRows:
    """The rows of a table, identified by row hashes; for 10⁶ rows, the collision probability is about 10⁻⁷.

    `rows` are row numbers and `hashes` the hashes of these rows, both sorted by hash. `matched` has, at the first
    position of each hash, the number of rows with that hash that were matched.
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
        """Return a mask of the new rows that exist already; each existing row is matched at most once."""
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
