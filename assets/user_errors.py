"""User errors in Dagster are reported in one sentence without a traceback, and are not retried."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import dagster as dg

from text2graph_dagster.errors import UserError


@contextmanager
def fail_on_user_error() -> Iterator[None]:
    """Turn a UserError into a Dagster failure with the same message and without retries."""
    try:
        yield
    except UserError as error:
        raise dg.Failure(str(error), allow_retries=False) from None


def install_excepthook() -> None:
    """Make the `dagster` command report an invalid setting or partition in one sentence, without a traceback."""
    default = sys.excepthook

    def report(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if isinstance(error, UserError):
            print(error, file=sys.stderr)
        elif isinstance(error, dg.DagsterInvalidSubsetError):
            hint = " Corpora are partitions: see `text2graph corpora list`." if "partition key" in str(error) else ""
            print(f"{error}{hint}", file=sys.stderr)
        else:
            default(kind, error, traceback)

    sys.excepthook = report
