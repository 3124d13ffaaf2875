"""Other systems in the report, as `systems` in the settings names them: any model, run here or behind an endpoint."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from assets.checkpoints import GOLD, Bench, base_identity, sha256
from assets.predictions import SPLIT, Reading, model_predictions, store
from resources.managed_teachers import closing_model_server
from resources.teachers import TeacherResource, WarehouseLedger, budget
from text2graph_dagster.corpus.folder import open_corpus
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.graph.rows import to_rows
from text2graph_dagster.identity import digest
from text2graph_dagster.inference.checkpoint import read_recipe
from text2graph_dagster.prompts.rendering import Template, render
from text2graph_dagster.settings import SystemSettings, TeacherSettings
from text2graph_dagster.teachers.ledger import ask_teacher
from text2graph_dagster.teachers.protocol import TeacherRequest


def other_systems(bench: Bench, teacher: TeacherResource, gold: pl.DataFrame) -> dict[str, str]:
    """Return, by system, the run of predictions that holds its answers to the gold passages.

    Raises:
        UserError: a model cannot be loaded, or an endpoint cannot be asked.
    """
    runs = {}
    for name, system in bench.settings.systems.items():
        if system.endpoint:
            runs[name] = _ask_endpoint(bench, teacher, name, system.endpoint)
        else:
            reading = Reading(
                system.max_new_tokens or bench.settings.evaluation.max_new_tokens, system.label_similarity
            )
            identity = sha256(Path(system.model)) or base_identity(system.model)
            asked = _asked(bench, system, gold)
            runs[name] = model_predictions(bench, name, identity, system.model, asked, reading)
    return runs


def _asked(bench: Bench, system: SystemSettings, gold: pl.DataFrame) -> pl.DataFrame:
    """Return the gold passages with the messages in which this system is asked about them."""
    languages = {(r["corpus"], r["passage_id"]): r["language"] for r in bench.warehouse.read(GOLD, [SPLIT]).to_dicts()}
    recipe = read_recipe(Path(system.model))
    template: Template = system.template if system.template != "auto" else recipe.template if recipe else "extract"
    ontologies = bench.ontologies()

    def messages(row: Mapping[str, Any]) -> list[dict[str, str]]:
        if system.messages:
            return [{"role": m.role, "content": fill_in(m.content, row)} for m in system.messages]
        language = languages[row["corpus"], row["passage_id"]]
        types = (row["entity_types"], row["relation_types"])
        prompt = render(row["text"], *types, ontologies[row["corpus"]], template, language)
        return [{"role": "user", "content": prompt}]

    return gold.with_columns(pl.Series("messages", [messages(row) for row in gold.iter_rows(named=True)]))


def fill_in(content: str, row: Mapping[str, Any]) -> str:
    """Return a message with the row's types and, last, its text in the places that are meant for them."""
    for name in ("entity_types", "relation_types"):
        content = content.replace(f"{{{name}}}", ", ".join(row[name]))
    return content.replace("{text}", row["text"])


def _ask_endpoint(bench: Bench, teacher: TeacherResource, name: str, config: TeacherSettings) -> str:
    """Store an endpoint's answers as predictions; what the ledger knows is not asked again."""
    rows: list[dict[str, Any]] = []
    ledger, answered = WarehouseLedger(bench.warehouse), []
    gold = bench.warehouse.read(GOLD, [SPLIT])
    for corpus, ontology in bench.ontologies().items():
        passages = gold.filter(corpus=corpus).to_dicts()
        requests = [TeacherRequest(row["passage_id"], row["text"], row["language"], ontology) for row in passages]
        who = teacher.for_corpus(open_corpus(bench.home.corpora / corpus), config)
        with closing_model_server(who):
            asked = ask_teacher(who, requests, ledger, bench.context.log.info, budget(config))
        known = ledger.known(asked.keys)  # where an answer's own words are
        answered += [key if key in known else "" for key in asked.keys]
        for row, answer, key in zip(passages, asked.answers, asked.keys, strict=True):
            entities, relations = to_rows(answer.graph or Graph())
            rows.append(
                {
                    **{column: row[column] for column in ("corpus", "passage_id", "split")},
                    **{"system": name, "entities": entities, "relations": relations},
                    **{"raw_output": known[key]["response"] if key in known else None, "stopped": None},
                }
            )
    run = digest(name, bench.gold_version(SPLIT), str(config.label_similarity), *answered)
    store(bench, run, name, [{**row, "run": run} for row in rows])
    return run
