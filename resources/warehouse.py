"""The warehouse: one DuckDB file, opened by one process at a time, and never while a model generates or is trained.

DuckDB locks its file per process, and a second process fails at once when it opens the file. Therefore every access is
a short connection protected by a file lock. Every write is one transaction that replaces the given rows. Existing
rows are not rewritten.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import polars as pl
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from resources.row_diff import ExistingRows
from text2graph_dagster.contracts import CONTRACTS, Contract
from text2graph_dagster.errors import UserError

SLICE_ROWS = 20_000


@dataclass(frozen=True)
class Replace:
    """Replace the rows whose columns equal `where` by `rows`; an empty `where` replaces the whole table.

    `rows` is a frame. Rows that do not fit into memory are given as an iterable of frames or parquet files, which are
    inserted in the same transaction.
    """

    table: str
    rows: pl.DataFrame | Iterable[Path | pl.DataFrame]
    where: Mapping[str, str]


class Warehouse(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The tables of `text2graph_dagster/contracts` in one DuckDB file."""

    path: str
    lock_timeout_seconds: float = 300.0

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        file = Path(self.path)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with (
                FileLock(f"{file}.lock", timeout=self.lock_timeout_seconds),
                duckdb.connect(str(file)) as connection,
            ):
                connection.execute("SET enable_progress_bar = false")  # it would be written to the log
                for contract in CONTRACTS.values():
                    connection.execute(contract.create_table())
                try:
                    yield connection
                except (duckdb.ProgrammingError, duckdb.DataError):
                    if table := _find_outdated_table(file, connection):
                        raise UserError(
                            f"{file} was made by another version (its table {table} has other columns): move it away, "
                            "or point TEXT2GRAPH_HOME to a new folder, then run again."
                        ) from None
                    raise
        except Timeout:
            raise UserError(
                f"another process has held {file}.lock for {self.lock_timeout_seconds:.0f} s: end it, then run again."
            ) from None
        except (duckdb.IOException, duckdb.FatalException, duckdb.TransactionException, OSError) as error:
            raise UserError(_explain(file, error)) from error

    def read(self, sql: str, params: Sequence[object] = ()) -> pl.DataFrame:
        """Return the result of a query; values must be passed as parameters, never inside the SQL text."""
        with self._connection() as connection:
            result: pl.DataFrame = connection.sql(sql, params=list(params)).pl()
            return result

    def slices(
        self,
        sql: str,
        params: Sequence[object] = (),
        rows: int = SLICE_ROWS,
        order: Sequence[str] = ("passage_id",),
    ) -> Iterator[pl.DataFrame]:
        """Yield the result of a query in frames of about `rows` rows, sorted by the columns `order`.

        Rows with equal values in the first column of `order` are in the same frame. The whole result is written to a
        temporary file before the first frame is yielded. So memory is bounded, and the warehouse is not locked while
        the caller processes frames.
        """
        by = ", ".join(f'"{column}"' for column in order)
        with tempfile.TemporaryDirectory(prefix=".slices-", dir=Path(self.path).parent) as folder:
            staged = Path(folder) / "result.parquet"
            with self._connection() as connection:
                result = connection.sql(f"SELECT * FROM ({sql}) ORDER BY {by}", params=list(params))  # noqa: S608
                result.write_parquet(str(staged), row_group_size=rows)
            yield from _read_groups(staged, order[0], rows)

    def value(self, sql: str, params: Sequence[object] = ()) -> Any:
        """Return the first column of the first row of a query's result, or None if there is no row."""
        frame = self.read(sql, params)
        return frame.item(0, 0) if frame.height else None

    def commit(self, *changes: Replace) -> None:
        """Make all changes in one transaction."""
        with self._connection() as connection:
            connection.begin()
            for change in changes:
                _replace(connection, change)
            connection.commit()

    def record(self, table: str, rows: pl.DataFrame) -> None:
        """Insert the rows whose key is not in the table yet."""
        contract = CONTRACTS[table]
        frame = contract.conform(rows).unique(contract.key, keep="first", maintain_order=True)
        with self._connection() as connection:
            connection.register("frame", frame.to_arrow())
            keys = ", ".join(f'"{column}"' for column in contract.key)
            connection.execute(f'INSERT INTO "{table}" BY NAME SELECT * FROM frame ANTI JOIN "{table}" USING ({keys})')  # noqa: S608

    def version(self, table: str, corpus: str | None = None) -> str:
        """Return the version of a table, or of one corpus's rows: a digest of the rows that ignores their order.

        The digest is computed at each call, so it is always up to date.
        """
        condition, params = ("WHERE corpus = ?", [corpus]) if corpus is not None else ("", [])
        sql = (
            f"SELECT count(*) || '-' || coalesce(sum(hash(t)::HUGEINT), 0) FROM \"{_check_table(table)}\" t {condition}"  # noqa: S608
        )
        return str(self.value(sql, params))

    def count(self, table: str, corpus: str | None = None) -> int:
        """Return the number of rows of a table, or of one corpus's rows in it."""
        condition, params = ("WHERE corpus = ?", [corpus]) if corpus is not None else ("", [])
        return int(self.value(f'SELECT count(*) FROM "{_check_table(table)}" {condition}', params))  # noqa: S608


def _read_parts(contract: Contract, rows: pl.DataFrame | Iterable[Path | pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Yield the rows as frames with the contract's columns."""
    for part in [rows] if isinstance(rows, pl.DataFrame) else rows:
        yield contract.conform(part if isinstance(part, pl.DataFrame) else pl.read_parquet(part))


def _read_groups(file: Path, column: str, rows: int) -> Iterator[pl.DataFrame]:
    """Yield a parquet file, sorted by `column`, in frames; rows with equal values in `column` are in one frame."""
    held: pl.DataFrame | None = None
    with pq.ParquetFile(file) as source:
        for batch in source.iter_batches(batch_size=rows):
            frame = pl.DataFrame(pl.from_arrow(batch))
            frame = frame if held is None else held.vstack(frame)
            is_last = frame[column].eq_missing(frame[column][-1])
            if not is_last.all():
                yield frame.filter(~is_last)
            held = frame.filter(is_last)
    if held is not None:
        yield held


def _replace(connection: duckdb.DuckDBPyConnection, change: Replace) -> None:
    """Insert the rows that do not exist yet, and delete the existing rows that are not among the new ones."""
    condition = " AND ".join(f'"{column}" = ?' for column in change.where) or "true"
    sql = f'SELECT rowid, hash(t) AS hash FROM "{_check_table(change.table)}" t WHERE {condition}'  # noqa: S608
    found = connection.execute(sql, list(change.where.values())).fetchnumpy()
    existing = ExistingRows.of(found["rowid"], found["hash"])
    for frame in _read_parts(CONTRACTS[change.table], change.rows):
        connection.register("frame", frame.to_arrow())
        hashes = connection.execute("SELECT hash(t) AS hash FROM frame t").fetchnumpy()["hash"]
        connection.unregister("frame")
        new = frame.filter(~existing.match(hashes))
        if new.height:
            _insert(connection, change.table, new)
    gone = existing.unmatched()
    if len(gone):
        connection.register("gone", pl.DataFrame({"gone": gone}).to_arrow())
        connection.execute(f'DELETE FROM "{change.table}" WHERE rowid IN (SELECT gone FROM gone)')  # noqa: S608
        connection.unregister("gone")


def _insert(connection: duckdb.DuckDBPyConnection, table: str, frame: pl.DataFrame) -> None:
    connection.register("frame", frame.to_arrow())
    connection.execute(f'INSERT INTO "{table}" BY NAME SELECT * FROM frame')  # noqa: S608
    connection.unregister("frame")


def _check_table(table: str) -> str:
    """Return the name if it is a known table's name; this is checked because SQL has no parameters for table names."""
    return CONTRACTS[table].name


def _find_outdated_table(file: Path, connection: duckdb.DuckDBPyConnection) -> str | None:
    """Return a table with a missing column, or a column of another type than in its contract; None if all conform."""
    sql = """
    SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal AND database_name = ?
    """
    with suppress(duckdb.Error):  # fails if no transaction is open
        connection.rollback()
    with duckdb.connect() as fresh:
        for contract in CONTRACTS.values():
            fresh.execute(contract.create_table())
        expected = set(fresh.execute(sql, ["memory"]).fetchall())
    missing = expected - set(connection.execute(sql, [file.stem]).fetchall())
    return min(missing)[0] if missing else None


def _explain(file: Path, error: Exception) -> str:
    text = str(error)
    low = text.casefold()
    if "no space" in low or "disk full" in low or "enospc" in low:
        return (
            f"there is no space left for {file}: free some, or point TEXT2GRAPH_HOME to another disk, then run again."
        )
    if "permission" in low or "read-only" in low or "readonly" in low:
        return f"{file} cannot be written: point TEXT2GRAPH_HOME to a writable folder, then run again."
    if "lock" in low:
        return f"another program has {file} open (a DuckDB shell?): close it, then run again."
    return f"the warehouse {file} cannot be used ({text.splitlines()[0]})."
