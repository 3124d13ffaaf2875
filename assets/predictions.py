"""The table predictions: the answers of each system of the report on the gold test passages, computed once."""

import json
from pathlib import Path
from typing import Any

import polars as pl

from assets.model_context import ModelContext
from resources.checkpoints import current_checkpoint
from resources.managed_teachers import closing_model_server
from resources.teachers import TeacherResource, WarehouseLedger, make_budget
from resources.warehouse import Replace
from text2graph_dagster.contracts import CONTRACTS
from text2graph_dagster.corpus.folder import open_corpus
from text2graph_dagster.errors import UserError
from text2graph_dagster.evaluation.predictions import (
    AnswerSettings,
    make_prediction_rows,
    make_run_id,
    make_system_messages,
)
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.graph.rows import from_rows, to_rows
from text2graph_dagster.graph.wire import serialise
from text2graph_dagster.identity import digest, digest_weights
from text2graph_dagster.inference.base_models import identify_base_model, resolve_base_model
from text2graph_dagster.inference.checkpoint import read_recipe
from text2graph_dagster.settings import EMBEDDED, SystemSettings, TeacherSettings
from text2graph_dagster.teachers.ledger import ask_teacher
from text2graph_dagster.teachers.protocol import TeacherRequest

SPLIT = "test"
TEACHER_GRAPHS = """
SELECT g.corpus, g.passage_id, t.entities, t.relations FROM gold_graphs g
JOIN teacher_graphs t ON t.corpus = g.corpus AND t.passage_id = g.passage_id AND t.sample = 0
WHERE g.split = ? AND g.corpus IN (SELECT DISTINCT corpus FROM filtered_dataset)
"""
ANSWERED = "SELECT system, count(*) FROM predictions WHERE run = ? GROUP BY system ORDER BY system"
ANSWERS = "SELECT * REPLACE ($1 AS system) FROM predictions WHERE run = $2 AND system = $3"
PROGRAM = "text2graph_dagster.evaluation.predict"


def predict_all(context: ModelContext, teacher: TeacherResource, gold: pl.DataFrame) -> dict[str, str]:
    """Return system → run id of its predictions, in the order of the report; compute missing predictions.

    Raises:
        UserError: there is no SFT or GRPO checkpoint, a model cannot be loaded, or an endpoint cannot be reached.
    """
    teacher_run = predict_with_teacher(context)
    runs = {"teacher": teacher_run} if teacher_run else {}
    for name, system in context.settings.systems.items():
        if system.endpoint:
            runs[name] = predict_with_endpoint(context, teacher, name, system.endpoint)
        else:
            runs[name] = _predict_with_system(context, name, system, gold)
    base = context.settings.student.base_model
    if base not in EMBEDDED:
        identity, model = identify_base_model(base, context.log), resolve_base_model(base, context.log)
        runs["base"] = predict_with_model(context, "base", identity, model, gold)
    for stage in ("sft", "grpo"):
        checkpoint = current_checkpoint(context.warehouse, stage)
        if checkpoint is None:
            raise UserError(f"there is no {stage} checkpoint: materialise {stage}_checkpoint first.")
        runs[stage] = predict_with_model(context, stage, checkpoint["sha256"], checkpoint["path"], gold)
    return runs


def predict_with_teacher(context: ModelContext) -> str | None:
    """Store the teacher's graphs of the gold passages as predictions of the system "teacher"; return the run id.

    Without such graphs, None is returned: corpora that are trained on annotations alone have no teacher.
    """
    run = digest("teacher", context.warehouse.version("teacher_graphs"), context.gold_version(SPLIT))
    rows = []
    for row in context.warehouse.read(TEACHER_GRAPHS, [SPLIT]).iter_rows(named=True):
        output = serialise(from_rows(row["entities"], row["relations"]))
        rows.append({**row, "run": run, "system": "teacher", "split": SPLIT, "raw_output": output, "stopped": True})
    _store(context, run, "teacher", rows)
    return run if rows else None


def predict_with_model(
    context: ModelContext,
    system: str,
    identity: str,
    model: str,
    gold: pl.DataFrame,
    settings: AnswerSettings | None = None,
) -> str:
    """Store a model's answers to the gold passages as predictions of `system`; return the run id.

    Args:
        identity: the model's identity, e.g. the digest of its weights. Predictions are shared by equal models.
        model: the model's directory or hub name.
        settings: the settings for decoding and label mapping; None: the student's settings.
    """
    ontologies = context.load_ontologies()
    settings = settings or AnswerSettings.for_student(context.settings)
    run = make_run_id(identity, gold["messages"], context.gold_version(SPLIT), ontologies, settings)
    complete = [name for name, count in context.warehouse.read(ANSWERED, [run]).rows() if count == gold.height]
    if not complete:
        answers = _run_program(context, run, model, gold, settings)
        rows = gold.iter_rows(named=True)
        _store(context, run, system, list(make_prediction_rows(run, system, rows, answers, ontologies, settings)))
        return run
    context.log(f"{system}: its answers are already known")
    if system not in complete:  # if GRPO brought no gain, both stages have the same weights
        _store(context, run, system, context.warehouse.read(ANSWERS, [system, run, complete[0]]).to_dicts())
    return run


def predict_with_endpoint(context: ModelContext, teacher: TeacherResource, name: str, config: TeacherSettings) -> str:
    """Store an endpoint's answers as predictions; return the run id. Calls that are in the ledger are not repeated."""
    rows: list[dict[str, Any]] = []
    ledger, responses = WarehouseLedger(context.warehouse), []
    gold = context.read_gold_rows(SPLIT)
    for corpus, ontology in context.load_ontologies().items():
        passages = gold.filter(corpus=corpus).to_dicts()
        requests = [TeacherRequest(row["passage_id"], row["text"], row["language"], ontology) for row in passages]
        endpoint = teacher.for_corpus(open_corpus(context.home.corpora / corpus), config)
        with closing_model_server(endpoint):
            results = ask_teacher(endpoint, requests, ledger, context.log, make_budget(config))
        known = ledger.known(results.keys)  # ledger rows, with the raw responses
        responses += [key if key in known else "" for key in results.keys]
        for row, answer, key in zip(passages, results.answers, results.keys, strict=True):
            entities, relations = to_rows(answer.graph or Graph())
            rows.append(
                {
                    **{column: row[column] for column in ("corpus", "passage_id", "split")},
                    **{"system": name, "entities": entities, "relations": relations},
                    **{"raw_output": known[key]["response"] if key in known else None, "stopped": None},
                }
            )
    run = digest(name, context.gold_version(SPLIT), str(config.label_similarity), *responses)
    _store(context, run, name, [{**row, "run": run} for row in rows])
    return run


def _predict_with_system(context: ModelContext, name: str, system: SystemSettings, gold: pl.DataFrame) -> str:
    """Store the answers of a local model named in the setting `systems`; return the run id."""
    settings = AnswerSettings(
        system.max_new_tokens or context.settings.evaluation.max_new_tokens, system.label_similarity
    )
    model = resolve_base_model(system.model, context.log)
    identity = digest_weights(Path(model)) or identify_base_model(model)
    languages = {(r["corpus"], r["passage_id"]): r["language"] for r in context.read_gold_rows(SPLIT).to_dicts()}
    recipe, ontologies = read_recipe(Path(model)), context.load_ontologies()
    messages = [
        make_system_messages(
            system, recipe, {**row, "language": languages[row["corpus"], row["passage_id"]]}, ontologies[row["corpus"]]
        )
        for row in gold.iter_rows(named=True)
    ]
    prompts = gold.with_columns(pl.Series("messages", messages))
    return predict_with_model(context, name, identity, model, prompts, settings)


def _run_program(
    context: ModelContext, run: str, model: str, gold: pl.DataFrame, settings: AnswerSettings
) -> dict[str, dict[str, Any]]:
    """Run the prediction program and return its answers by example id."""
    folder = context.home.root_path / "predictions"
    folder.mkdir(parents=True, exist_ok=True)
    prompts, output, config = (folder / f"{run}.{name}" for name in ("prompts.parquet", "answers.parquet", "json"))
    columns = ("messages", "text", "entity_types", "relation_types")
    gold.select(pl.col("example_id").alias("id"), *columns).write_parquet(prompts)
    program = {
        **{"model": model, "prompts": str(prompts), "output": str(output)},
        "batch_size": context.settings.evaluation.batch_size,
        "max_new_tokens": settings.max_new_tokens,
        **settings.decoding,
    }
    config.write_text(json.dumps(program, indent=2), encoding="utf-8")
    context.run_program(PROGRAM, config)
    return {row["id"]: row for row in pl.read_parquet(output).iter_rows(named=True)}


def _store(context: ModelContext, run: str, system: str, rows: list[dict[str, Any]]) -> None:
    """Replace the stored predictions of a system in a run."""
    frame = pl.DataFrame(rows, schema=CONTRACTS["predictions"].dtypes)
    context.warehouse.commit(Replace("predictions", frame, {"run": run, "system": system}))
