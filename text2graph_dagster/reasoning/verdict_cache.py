"""Verdicts on rationales that were given before: the same rationale for the same question is judged once."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from text2graph_dagster import identity
from text2graph_dagster.files import write_parquet_atomically
from text2graph_dagster.reasoning.verifier import RationaleVerdict, verify_rationale
from text2graph_dagster.teachers.protocol import ReasoningRequest

_KEPT: dict[str, pl.DataType] = {"key": pl.String(), "verified": pl.Boolean(), "reasons": pl.List(pl.String())}


def verify_rationales(
    requests: Sequence[ReasoningRequest], keys: Sequence[str], rationales: Sequence[str], folder: Path | None
) -> list[RationaleVerdict]:
    """Return the verdict on each rationale.

    Args:
        keys: the calls' identities, in which passage, ontology and graph are.
        folder: where verdicts stay for the next time, if anywhere; it may be deleted at any time.
    """
    path = folder / f"{_version()}.parquet" if folder else None
    kept = pl.read_parquet(path) if path and path.exists() else pl.DataFrame(schema=_KEPT)
    known = {
        key: RationaleVerdict(verified, tuple(reasons))
        for key, verified, reasons in kept.select(list(_KEPT)).iter_rows()
    }
    names = [identity.digest(key, rationale) for key, rationale in zip(keys, rationales, strict=True)]
    judged = {
        name: known.get(name) or verify_rationale(rationale, r.text, r.ontology, r.graph, r.language)
        for name, rationale, r in zip(names, rationales, requests, strict=True)
    }
    if path and judged.keys() != known.keys():
        _save(judged, path)
    return [judged[name] for name in names]


def _save(judged: dict[str, RationaleVerdict], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [(key, verdict.verified, list(verdict.reasons)) for key, verdict in judged.items()]
    write_parquet_atomically(pl.DataFrame(rows, schema=_KEPT, orient="row"), path)
    for other in path.parent.glob("*.parquet"):
        if other != path:
            other.unlink()


def _version() -> str:
    """Return a digest of this package's programs: another verifier judges anew."""
    return identity.digest_programs(Path(identity.__file__).parent.rglob("*.py"))
