"""Metadata of assets in Dagster's UI: row counts, schemas, accounting, pictures, labels and checkpoints."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from resources.warehouse import Replace, Warehouse
from text2graph_dagster.contracts import CONTRACTS
from text2graph_dagster.evaluation.charts import data_uri
from text2graph_dagster.evaluation.line_chart import Line, line_chart
from text2graph_dagster.teachers.chat.label_mapping import LabelTally
from text2graph_dagster.teachers.protocol import Teacher
from text2graph_dagster.training.learning_curves import read_learning_curves

LABEL_EXAMPLES = 20  # the number of most frequent mapped and rejected labels shown per teacher
_CHECKPOINT_METRICS = ("examples", "examples_too_long", "steps", "seconds", "cpu_seconds")


def describe_table(warehouse: Warehouse, table: str, corpus: str | None = None) -> dict[str, Any]:
    """Return the row count and the documented schema of a table, or of one corpus's rows in the table."""
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


def replace_accounting(stage: str, corpus: str, counts: Mapping[str, int]) -> Replace:
    """Return the change that stores a stage's counts in the table accounting, for the gates and the report."""
    rows = [{"stage": stage, "corpus": corpus, "item": item, "count": count} for item, count in counts.items()]
    return Replace("accounting", pl.DataFrame(rows), {"stage": stage, "corpus": corpus})


def log_counts(context: dg.AssetExecutionContext, counts: Mapping[str, int]) -> None:
    """Log the counts that are not zero in one line."""
    context.log.info(", ".join(f"{name.replace('_', ' ')}: {count:,}" for name, count in counts.items() if count))


def counts_table(counts: Mapping[str, float]) -> dg.TableMetadataValue:
    """Return counts as a table for the UI."""
    return dg.MetadataValue.table([dg.TableRecord({"what": name, "count": n}) for name, n in counts.items()])


def embed_picture(svg: str, title: str) -> dg.MarkdownMetadataValue:
    """Return an SVG picture that the UI shows inline."""
    return dg.MetadataValue.md(f"![{title}]({data_uri(svg)})")


def describe_labels(teachers: Iterable[Teacher]) -> dict[str, Any]:
    """Return the labels that were mapped or rejected; empty if every label is a type of the ontology."""
    rows, mapped, rejected = [], 0, 0
    for teacher in teachers:
        tally = getattr(teacher, "labels", None)
        if not isinstance(tally, LabelTally):
            continue
        mapped, rejected = mapped + tally.mapped.total(), rejected + tally.rejected.total()
        found = [((kind, label, ""), n) for (kind, label), n in tally.rejected.most_common(LABEL_EXAMPLES)]
        for (kind, label, name), n in [*found, *tally.mapped.most_common(LABEL_EXAMPLES)]:
            record: dict[str, str | int] = {
                "teacher": teacher.name,
                "kind": kind,
                "label": label,
                "mapped to": name or "(rejected)",
                "count": n,
            }
            rows.append(dg.TableRecord({**record}))
    if not rows:
        return {}
    return {"labels": dg.MetadataValue.table(rows), "labels_mapped": mapped, "labels_rejected": rejected}


def describe_checkpoint(checkpoint: Mapping[str, Any], charted: list[str]) -> dict[str, Any]:
    """Return a checkpoint's path, ids and dev metrics, and a chart of each training metric named in `charted`."""
    curves = read_learning_curves(Path(checkpoint["path"]))
    pictures = {
        name: embed_picture(line_chart([Line(name, curves[name])], name), name) for name in charted if name in curves
    }
    metrics = checkpoint["metrics"]
    return {
        "path": dg.MetadataValue.path(checkpoint["path"]),
        "checkpoint_id": checkpoint["checkpoint_id"],
        "sha256": checkpoint["sha256"],
        **{f"dev_{name}": value for name, value in (metrics.get("dev") or {}).items()},
        **{name: metrics[name] for name in _CHECKPOINT_METRICS if name in metrics},
        **pictures,
    }


def summarise_alarms(alarms: Sequence[Mapping[str, Any]]) -> str:
    """Return a training run's alarms in one line."""
    return "; ".join(f"{a['name']} at step {a['step']}: {a['sentence']}" for a in alarms) or "none"
