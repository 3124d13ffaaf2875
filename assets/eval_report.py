"""eval_report: the quality of every system on the same gold test passages, with intervals, as a table and a page."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from assets.gates.eval_report import PRIMARY
from assets.gates.verdicts import failed_gates
from assets.metadata import describe_table, embed_picture
from assets.model_context import ModelContext
from assets.orchestration import OWNERS, when_data_changed
from assets.predictions import SPLIT, predict_all
from assets.user_errors import fail_on_user_error
from resources.checkpoints import current_checkpoint
from resources.home import Home
from resources.launcher import Launcher
from resources.settings import SettingsResource
from resources.teachers import TeacherResource
from resources.warehouse import Replace, Warehouse
from text2graph_dagster.errors import UserError
from text2graph_dagster.evaluation.funnel import LOST, build_funnels
from text2graph_dagster.evaluation.headline import SYSTEM_LABELS, FigureTable, format_headline_markdown
from text2graph_dagster.evaluation.model_card import RUN, write_report
from text2graph_dagster.evaluation.predictions import sample_report_examples
from text2graph_dagster.evaluation.report import ReportData, draw_primary_figure, render_report
from text2graph_dagster.evaluation.score import score_run
from text2graph_dagster.identity import digest_json
from text2graph_dagster.training.learning_curves import read_learning_curves

# Part of every report's id. Increase it when a code change alters the figures or the page for the same predictions.
REPORT_VERSION = 3
STAGES = ("sft", "grpo")
LATEST_GATES = "SELECT DISTINCT ON (asset, corpus, gate) * FROM gates ORDER BY asset, corpus, gate, judged_at DESC"


@dg.asset(
    deps=["grpo_checkpoint"],
    group_name="model",
    kinds={"duckdb"},
    owners=OWNERS,
    code_version="1",
    pool="gpu",
    automation_condition=when_data_changed,
)
def eval_report(
    context: dg.AssetExecutionContext,
    home: Home,
    warehouse: Warehouse,
    settings: SettingsResource,
    launcher: Launcher,
    teacher: TeacherResource,
) -> dg.MaterializeResult[None]:
    """Teacher, base model, SFT, GRPO and other systems on the same gold passages, with paired 95 % intervals."""
    with fail_on_user_error():
        model_context = ModelContext(context, home, warehouse, launcher, settings.load())
        if objections := failed_gates(warehouse, model_context.settings, "grpo_checkpoint"):
            raise UserError(f"the GRPO checkpoint is not evaluated: {'; '.join(objections)}.")
        gold = model_context.read_gold_examples(SPLIT)
        if not gold.height:
            raise UserError("no corpus has gold passages in the test split: add a gold.jsonl to evaluate the student.")
        runs = predict_all(model_context, teacher, gold)
        run = _make_report_id(model_context, runs)
        page = home.reports / f"{run[:12]}.html"
        if not (page.is_file() and warehouse.value("SELECT count(*) FROM report_runs WHERE run = ?", [run])):
            _make_report(model_context, run, runs, gold, page)
        _make_latest(model_context, run, page, gold)
        rows = warehouse.read("SELECT * FROM eval_report WHERE run = ?", [run]).to_dicts()
        _fill_cards(model_context, run, rows)
        return dg.MaterializeResult(
            metadata={
                **describe_table(warehouse, "eval_report"),
                "report": dg.MetadataValue.path(str(page)),
                **_describe_figures(rows, list(runs)),
            },
            data_version=dg.DataVersion(run),
        )


def _fill_cards(context: ModelContext, run: str, rows: list[dict[str, Any]]) -> None:
    """Write the figures of both checkpoints into their model cards."""
    for stage in STAGES:
        checkpoint = current_checkpoint(context.warehouse, stage)
        if checkpoint and (Path(checkpoint["path"]) / RUN).is_file():
            digests = {name: checkpoint[name] for name in ("checkpoint_id", "dataset_digest")} | {"report": run}
            mine = [row for row in rows if row["system"] == stage]
            write_report(Path(checkpoint["path"]), digests, mine, context.settings.card.license)


def _make_report_id(context: ModelContext, runs: Mapping[str, str]) -> str:
    """Return the digest of everything that the figures depend on."""
    return digest_json(
        {
            "predictions": dict(runs),
            "gold": context.gold_version(SPLIT),
            "ontologies": {name: ontology.digest for name, ontology in context.load_ontologies().items()},
            "evaluation": context.settings.evaluation.model_dump(mode="json"),
            "seed": context.settings.seed,
            "version": REPORT_VERSION,
        }
    )


def _make_report(context: ModelContext, run: str, runs: Mapping[str, str], gold: pl.DataFrame, page: Path) -> None:
    """Score the predictions, store the figures, write the page."""
    read, systems = context.warehouse.read, list(runs)
    predictions = pl.concat(
        read("SELECT * FROM predictions WHERE run = ? AND system = ?", [r, s]) for s, r in runs.items()
    )
    evaluation, seed, ontologies = context.settings.evaluation, context.settings.seed, context.load_ontologies()
    context.log(f"scoring {len(runs)} systems on {gold.height:,} passages")
    figures = score_run(run, gold, predictions, ontologies, systems, evaluation.bootstrap_samples, seed)
    context.warehouse.commit(Replace("eval_report", figures, {"run": run}))
    checkpoints = {stage: row for stage in STAGES if (row := current_checkpoint(context.warehouse, stage))}
    data = ReportData(
        title=", ".join(ontologies),
        run=run,
        made_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        rows=figures.to_dicts(),
        systems=systems,
        ontologies=ontologies,
        published=evaluation.published,
        curves={SYSTEM_LABELS[stage]: read_learning_curves(Path(row["path"])) for stage, row in checkpoints.items()},
        funnels=build_funnels(read("SELECT * FROM accounting ORDER BY ALL").to_dicts(), list(ontologies)),
        lost=read(LOST).to_dicts(),
        gates=read(LATEST_GATES).to_dicts(),
        examples=sample_report_examples(gold, predictions, systems, evaluation.examples, seed),
        configuration=context.settings.model_dump(mode="json"),
        provenance=_collect_provenance(context, checkpoints, runs),
    )
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(render_report(data), encoding="utf-8")


def _collect_provenance(
    context: ModelContext, checkpoints: Mapping[str, dict[str, Any]], runs: Mapping[str, str]
) -> dict[str, Any]:
    """Return the versions and digests that the report lists."""
    found: dict[str, Any] = {f"predictions of {system}": run for system, run in runs.items()}
    found["filtered_dataset"] = context.warehouse.version("filtered_dataset")
    found["test gold"] = context.gold_version(SPLIT)
    for stage, row in checkpoints.items():
        metrics = row["metrics"]
        found[f"{stage} checkpoint"] = row["checkpoint_id"]
        found[f"{stage} weights (sha256)"] = row["sha256"]
        found[f"{stage} seconds (wall clock, processor)"] = [metrics.get(k) for k in ("seconds", "cpu_seconds")]
        found[f"{stage} versions"] = metrics.get("versions")
    return found


def _make_latest(context: ModelContext, run: str, page: Path, gold: pl.DataFrame) -> None:
    """Record this run as the latest one, and the gold version that each of its corpora was scored on."""
    row = {"run": run, "made_at": datetime.now(UTC).replace(tzinfo=None), "path": str(page)}
    measured_on = [
        {"run": run, "corpus": corpus, "gold_version": context.gold_version(SPLIT, corpus)}
        for corpus in gold["corpus"].unique().sort()
    ]
    context.warehouse.commit(
        Replace("report_runs", pl.DataFrame([row]), {"run": run}),
        Replace("report_gold", pl.DataFrame(measured_on), {"run": run}),
    )


def _describe_figures(rows: list[dict[str, Any]], systems: list[str]) -> dict[str, Any]:
    """Return the headline table, and the last system's primary metric per corpus; the UI plots the metric over runs."""
    primary = {
        f"{r['corpus']}/{PRIMARY}": r["value"]
        for r in rows
        if r["system"] == systems[-1] and r["metric"] == PRIMARY and r["value"] is not None
    }
    return {
        "headline": dg.MetadataValue.md(format_headline_markdown(rows, systems)),
        "relation_f1": embed_picture(draw_primary_figure(FigureTable(rows, systems)), "relation F1"),
        **primary,
    }
