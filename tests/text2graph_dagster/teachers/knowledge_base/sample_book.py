"""A ledger in memory."""

from collections.abc import Mapping, Sequence

from text2graph_dagster.teachers.ledger import Row


class Book:
    """Keeps the rows of calls by their key."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}

    def known(self, keys: Sequence[str]) -> Mapping[str, Row]:
        return {key: self.rows[key] for key in keys if key in self.rows}

    def append(self, row: Row) -> None:
        self.record([row])

    def record(self, rows: Sequence[Row]) -> None:
        self.rows |= {row["call_key"]: row for row in rows}
