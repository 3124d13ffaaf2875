"""eval_report: how good every system is on the same held-out passages, against what, and how sure that is."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from assets.checkpoints import Bench, base_identity, current, learning_curves
from assets.conditions import when_data_changed
from assets.gates import build_gates, contract_gate, failed_gates
from assets.grpo_checkpoint import GRPO_CHECKPOINT_GATES, grpo_checkpoint
from assets.predictions import SPLIT, model_predictions, teacher_predictions
from assets.regression import PRIMARY, REGRESSION_GATES
from assets.systems import other_systems
from assets.user_errors import OWNERS, plain_errors, svg_picture, table_metadata
from resources.home import Home
from resources.launcher import Launcher
from resources.settings import SettingsResource
from resources.teachers import TeacherResource
from resources.warehouse import Replace, Warehouse
from text2graph_dagster.errors import UserError
from text2graph_dagster.evaluation.example_panels import ReportExample, sample_passages
from text2graph_dagster.evaluation.funnel import LOST, build_funnels
from text2graph_dagster.evaluation.headline import SYSTEM_LABELS, FigureTable, format_headline_markdown
from text2graph_dagster.evaluation.model_card import RUN, write_report
from text2graph_dagster.evaluation.report import ReportData, draw_primary_figure, render_report
from text2graph_dagster.evaluation.score import read_output, score_run
from text2graph_dagster.graph.rows import from_rows
from text2graph_dagster.identity import digest_json
from text2graph_dagster.settings import EMBEDDED

# Part of every report's identity: raise it when the same answers get other figures or another page.
REPORT_VERSION = 2


@dg.asset(
    deps=[grpo_checkpoint],
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
    """Teacher, base model, SFT, GRPO and other systems on the same gold, with paired 95 % intervals, as a page."""
    with plain_errors():
        bench = Bench(context, home, warehouse, launcher, settings.load())
        if objections := failed_gates(warehouse, bench.settings, "grpo_checkpoint", GRPO_CHECKPOINT_GATES, None):
            raise UserError(f"the GRPO checkpoint is not reported on: {'; '.join(objections)}.")
        gold = bench.gold(SPLIT)
        if not gold.height:
            raise UserError(
                "no corpus has gold passages of the split test: add a gold.jsonl to be told how good it is."
            )
        runs = ask_systems(bench, teacher, gold)
        run = _identity(bench, runs)
        page = home.reports / f"{run[:12]}.html"
        if not (page.is_file() and warehouse.value("SELECT count(*) FROM report_runs WHERE run = ?", [run])):
            _make(bench, run, runs, gold, page)
        _touch(bench, run, page, gold)
        rows = warehouse.read("SELECT * FROM eval_report WHERE run = ?", [run]).to_dicts()
        _fill_cards(bench, run, rows)
        return dg.MaterializeResult(
            metadata={
                **table_metadata(warehouse, "eval_report"),
                "report": dg.MetadataValue.path(str(page)),
                "headline": dg.MetadataValue.md(format_headline_markdown(rows, list(runs))),
                "relation_f1": svg_picture(draw_primary_figure(FigureTable(rows, list(runs))), "relation F1"),
                **_headline_numbers(rows, list(runs)[-1]),
            },
            data_version=dg.DataVersion(run),
        )


def ask_systems(bench: Bench, teacher: TeacherResource, gold: pl.DataFrame) -> dict[str, str]:
    """Return, per system in the order of the report, the run of predictions that holds its answers."""
    runs = {"teacher": teacher_predictions(bench), **other_systems(bench, teacher, gold)}
    base = bench.settings.student.base_model
    if base not in EMBEDDED:
        runs["base"] = model_predictions(bench, "base", base_identity(base), base, gold)
    for stage in ("sft", "grpo"):
        checkpoint = current(bench.warehouse, stage)
        if checkpoint is None:
            raise UserError(f"there is no {stage} checkpoint: materialise {stage}_checkpoint first.")
        runs[stage] = model_predictions(bench, stage, checkpoint["sha256"], checkpoint["path"], gold)
    return runs


def _fill_cards(bench: Bench, run: str, rows: list[dict[str, Any]]) -> None:
    """Put the figures of both checkpoints into their model cards."""
    for stage in ("sft", "grpo"):
        checkpoint = current(bench.warehouse, stage)
        if checkpoint and (Path(checkpoint["path"]) / RUN).is_file():
            digests = {name: checkpoint[name] for name in ("checkpoint_id", "dataset_digest")} | {"report": run}
            mine = [row for row in rows if row["system"] == stage]
            write_report(Path(checkpoint["path"]), digests, mine, bench.settings.card.license)


def _identity(bench: Bench, runs: Mapping[str, str]) -> str:
    """Return the digest of everything that the figures depend on."""
    return digest_json(
        {
            "predictions": dict(runs),
            "gold": bench.gold_version(SPLIT),
            "ontologies": {name: ontology.digest for name, ontology in bench.ontologies().items()},
            "evaluation": bench.settings.evaluation.model_dump(mode="json"),
            "seed": bench.settings.seed,
            "version": REPORT_VERSION,
        }
    )


def _make(bench: Bench, run: str, runs: Mapping[str, str], gold: pl.DataFrame, page: Path) -> None:
    """Score the predictions, store the figures, write the page."""
    predictions = pl.concat(
        bench.warehouse.read("SELECT * FROM predictions WHERE run = ? AND system = ?", [r, s]) for s, r in runs.items()
    )
    evaluation, seed = bench.settings.evaluation, bench.settings.seed
    ontologies = bench.ontologies()
    bench.context.log.info(f"scoring {len(runs)} systems on {gold.height:,} passages")
    figures = score_run(run, gold, predictions, ontologies, list(runs), evaluation.bootstrap_samples, seed)
    bench.warehouse.commit(Replace("eval_report", figures, {"run": run}))
    stages = {stage: current(bench.warehouse, stage) for stage in ("sft", "grpo")}
    data = ReportData(
        title=", ".join(ontologies),
        run=run,
        made_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        rows=figures.to_dicts(),
        systems=list(runs),
        ontologies=ontologies,
        published=evaluation.published,
        curves={SYSTEM_LABELS[stage]: learning_curves(row) for stage, row in stages.items() if row},
        funnels=build_funnels(
            bench.warehouse.read("SELECT * FROM accounting ORDER BY ALL").to_dicts(), list(ontologies)
        ),
        lost=bench.warehouse.read(LOST).to_dicts(),
        gates=bench.warehouse.read(LATEST_GATES).to_dicts(),
        examples=_examples(gold, predictions, list(runs), evaluation.examples, seed),
        configuration=bench.settings.model_dump(mode="json"),
        provenance=_provenance(bench, stages, runs),
    )
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(render_report(data), encoding="utf-8")


LATEST_GATES = "SELECT DISTINCT ON (asset, corpus, gate) * FROM gates ORDER BY asset, corpus, gate, judged_at DESC"


def _provenance(bench: Bench, stages: Mapping[str, dict[str, Any] | None], runs: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {f"predictions of {system}": run for system, run in runs.items()}
    found["filtered_dataset"] = bench.warehouse.version("filtered_dataset")
    found["test gold"] = bench.gold_version(SPLIT)
    for stage, row in stages.items():
        if row:
            found[f"{stage} checkpoint"] = row["checkpoint_id"]
            found[f"{stage} weights (sha256)"] = row["sha256"]
            found[f"{stage} seconds (wall clock, processor)"] = [
                row["metrics"].get(k) for k in ("seconds", "cpu_seconds")
            ]
            found[f"{stage} versions"] = row["metrics"].get("versions")
    return found


def _examples(
    gold: pl.DataFrame, predictions: pl.DataFrame, systems: list[str], number: int, seed: int
) -> list[ReportExample]:
    """Return passages drawn by lot, with what each system made of them."""
    by_key = {(r["system"], r["corpus"], r["passage_id"]): r for r in predictions.to_dicts()}
    chosen = set(sample_passages(gold["example_id"].to_list(), number, seed))
    examples = []
    for row in gold.iter_rows(named=True):
        if row["example_id"] not in chosen:
            continue
        answers = {s: by_key.get((s, row["corpus"], row["passage_id"])) for s in systems}
        graphs = {
            s: from_rows(a["entities"], a["relations"]) if a and read_output(a["raw_output"]) is not None else None
            for s, a in answers.items()
        }
        wanted = from_rows(row["entities"], row["relations"])
        examples.append(ReportExample(row["corpus"], row["passage_id"], row["text"], wanted, graphs))
    return examples


def _touch(bench: Bench, run: str, page: Path, gold: pl.DataFrame) -> None:
    """Make this run the last one, and keep on which gold each of its corpora was measured."""
    row = {"run": run, "made_at": datetime.now(UTC).replace(tzinfo=None), "path": str(page)}
    measured_on = [
        {"run": run, "corpus": corpus, "gold_version": bench.gold_version(SPLIT, corpus)}
        for corpus in gold["corpus"].unique().sort()
    ]
    bench.warehouse.commit(
        Replace("report_runs", pl.DataFrame([row]), {"run": run}),
        Replace("report_gold", pl.DataFrame(measured_on), {"run": run}),
    )


def _headline_numbers(rows: list[dict[str, Any]], system: str) -> dict[str, float]:
    """Return the primary figure of the last system per corpus, so that the UI plots it over runs."""
    return {
        f"{r['corpus']}/{PRIMARY}": r["value"]
        for r in rows
        if r["system"] == system and r["metric"] == PRIMARY and r["value"] is not None
    }


EVAL_REPORT_GATES = (contract_gate("eval_report"), *REGRESSION_GATES)

eval_report_gates = build_gates(eval_report, EVAL_REPORT_GATES)
