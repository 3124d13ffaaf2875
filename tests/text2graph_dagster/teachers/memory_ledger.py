"""A ledger in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from text2graph_dagster.teachers.ledger import Row


@dataclass
class MemoryLedger:
    """Keeps rows by call key, refuses repeated calls, and can simulate a kill after a number of rows."""

    rows: dict[str, Row] = field(default_factory=dict)
    dies_after: int | None = None
    appended: set[str] = field(default_factory=set)

    def known(self, keys: Sequence[str]) -> dict[str, Row]:
        return {key: self.rows[key] for key in keys if key in self.rows}

    def append(self, row: Row) -> None:
        if self.dies_after is not None and len(self.rows) >= self.dies_after:
            raise KeyboardInterrupt
        assert row["call_key"] not in self.rows, "a call was paid twice"
        self.rows[row["call_key"]] = row
        self.appended.add(row["call_key"])

    def record(self, rows: Sequence[Row]) -> None:
        for row in rows:
            assert row["call_key"] not in self.rows or row["call_key"] in self.appended, "a call was paid twice"
            self.rows[row["call_key"]] = row
        self.appended.clear()
