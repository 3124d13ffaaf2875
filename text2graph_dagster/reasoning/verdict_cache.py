"""Cache of verdicts: a rationale is verified only once for the same request."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from text2graph_dagster import identity
from text2graph_dagster.files import write_parquet_atomically
from text2graph_dagster.reasoning.verifier import RationaleVerdict, verify_rationale
from text2graph_dagster.teachers.protocol import ReasoningRequest

_SCHEMA: dict[str, pl.DataType] = {"key": pl.String(), "verified": pl.Boolean(), "reasons": pl.List(pl.String())}


def verify_rationales(
    requests: Sequence[ReasoningRequest], keys: Sequence[str], rationales: Sequence[str], folder: Path | None
) -> list[RationaleVerdict]:
    """Return the verdict on each rationale.

    Args:
        keys: the call keys, which depend on passage, ontology and graph.
        folder: the cache's folder, which may be deleted at any time; None: no cache.
    """
    path = folder / f"{_version()}.parquet" if folder else None
    cached = pl.read_parquet(path) if path and path.exists() else pl.DataFrame(schema=_SCHEMA)
    known = {
        key: RationaleVerdict(verified, tuple(reasons))
        for key, verified, reasons in cached.select(list(_SCHEMA)).iter_rows()
    }
    names = [identity.digest(key, rationale) for key, rationale in zip(keys, rationales, strict=True)]
    verdicts = {
        name: known.get(name) or verify_rationale(rationale, r.text, r.ontology, r.graph, r.language)
        for name, rationale, r in zip(names, rationales, requests, strict=True)
    }
    if path and verdicts.keys() != known.keys():
        _save(verdicts, path)
    return [verdicts[name] for name in names]


def _save(verdicts: dict[str, RationaleVerdict], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [(key, verdict.verified, list(verdict.reasons)) for key, verdict in verdicts.items()]
    write_parquet_atomically(pl.DataFrame(rows, schema=_SCHEMA, orient="row"), path)
    for other in path.parent.glob("*.parquet"):
        if other != path:
            other.unlink()


def _version() -> str:
    """Return a digest of the package's source, so that a changed verifier invalidates the cache."""
    return identity.digest_programs(Path(identity.__file__).parent.rglob("*.py"))
