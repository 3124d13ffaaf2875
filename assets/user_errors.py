"""What assets share besides gates: errors in plain words, and metadata."""

import base64
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import dagster as dg

from resources.warehouse import Warehouse
from text2graph_dagster.contracts import CONTRACTS
from text2graph_dagster.errors import UserError

OWNERS = ["team:text2graph"]


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn a UserError into a failure that Dagster shows as one sentence and does not retry."""
    try:
        yield
    except UserError as error:
        raise dg.Failure(str(error), allow_retries=False) from None


def end_plainly() -> None:
    """Let the `dagster` command end with one sentence, and no traceback, where a setting or a partition is wrong."""
    usual = sys.excepthook

    def end(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if isinstance(error, UserError):
            print(error, file=sys.stderr)
        elif isinstance(error, dg.DagsterInvalidSubsetError):
            hint = " Corpora are partitions: see `text2graph corpora list`." if "partition key" in str(error) else ""
            print(f"{error}{hint}", file=sys.stderr)
        else:
            usual(kind, error, traceback)

    sys.excepthook = end


def table_metadata(warehouse: Warehouse, table: str, corpus: str | None = None) -> dict[str, Any]:
    """Return row count and documented column schema of a table (or of one corpus's rows in it)."""
    columns = [
        dg.TableColumn(
            name=name,
            type=str(column.dtype),
            description=column.description,
            constraints=dg.TableColumnConstraints(nullable=column.nullable),
        )
        for name, column in CONTRACTS[table].schema.columns.items()
    ]
    return {
        "dagster/row_count": warehouse.count(table, corpus),
        "dagster/column_schema": dg.TableSchema(columns=columns),
        "dagster/uri": f"{warehouse.path}#{table}",
    }


def log_counts(context: dg.AssetExecutionContext, counts: Mapping[str, int]) -> None:
    """Say in one line what came in, what came out and what was left out."""
    context.log.info(", ".join(f"{name.replace('_', ' ')}: {count:,}" for name, count in counts.items() if count))


def counts_table(counts: Mapping[str, float]) -> dg.TableMetadataValue:
    """Return counts as a small table for the UI."""
    return dg.MetadataValue.table([dg.TableRecord({"what": name, "count": n}) for name, n in counts.items()])


def svg_picture(svg: str, title: str) -> dg.MarkdownMetadataValue:
    """Return an SVG picture that the UI shows in place."""
    data = base64.b64encode(svg.encode()).decode()
    return dg.MetadataValue.md(f"![{title}](data:image/svg+xml;base64,{data})")
