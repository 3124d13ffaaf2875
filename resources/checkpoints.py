"""The table checkpoints: all trained checkpoints, and which one of each training stage is current."""

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from resources.warehouse import Replace, Warehouse


def current_checkpoint(warehouse: Warehouse, stage: str) -> dict[str, Any] | None:
    """Return the row of the stage's current checkpoint with config and metrics parsed; None if there is none."""
    rows = warehouse.read("SELECT * FROM checkpoints WHERE stage = ? AND current", [stage]).to_dicts()
    if not rows:
        return None
    return {**rows[0], "config": json.loads(rows[0]["config"]), "metrics": json.loads(rows[0]["metrics"])}


def find_checkpoint(warehouse: Warehouse, checkpoint_id: str) -> dict[str, Any] | None:
    """Return the stored row of a checkpoint, current or not (JSON columns are not parsed); None if there is none."""
    rows = warehouse.read("SELECT * FROM checkpoints WHERE checkpoint_id = ?", [checkpoint_id]).to_dicts()
    return rows[0] if rows else None


def make_current(warehouse: Warehouse, row: Mapping[str, Any]) -> None:
    """Store a checkpoint as the stage's current one; the stage's other checkpoints are kept as not current."""
    others = warehouse.read(
        "SELECT * REPLACE (false AS current) FROM checkpoints WHERE stage = ? AND checkpoint_id <> ?",
        [row["stage"], row["checkpoint_id"]],
    )
    mine = pl.DataFrame([{**row, "current": True}], schema=others.schema)
    warehouse.commit(Replace("checkpoints", pl.concat([others, mine]), {"stage": row["stage"]}))
