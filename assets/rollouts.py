"""The table rollouts: what the student wrote while it was reinforced, and what each of it earned."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from resources.warehouse import Replace, Warehouse
from text2graph_dagster.contracts import CONTRACTS

_TABLE = "rollouts"
_FILE = "rollouts.jsonl"  # what the training program writes into its output
_ROWS = 5_000


def store_rollouts(warehouse: Warehouse, checkpoint: Mapping[str, Any]) -> int:
    """Put the checkpoint's rollouts in the place of those of any other; return their number."""
    file, run = Path(checkpoint["path"]) / _FILE, checkpoint["checkpoint_id"]
    dtypes = {name: dtype for name, dtype in CONTRACTS[_TABLE].dtypes.items() if name != "run"}
    rows = (
        pl.read_ndjson(file, schema=dtypes) if file.is_file() and file.stat().st_size else pl.DataFrame(schema=dtypes)
    )
    frame = rows.with_columns(run=pl.lit(run))
    warehouse.commit(Replace(_TABLE, frame.iter_slices(_ROWS), {}))
    return frame.height


def told_alarms(alarms: Sequence[Mapping[str, Any]]) -> str:
    """Return what the run's alarms said, for the asset's metadata."""
    return "; ".join(f"{a['name']} at step {a['step']}: {a['sentence']}" for a in alarms) or "none"
