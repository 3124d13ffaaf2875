"""cot_traces: a rationale for each training passage's graph, and the verifier's verdict on it."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import dagster as dg
import polars as pl

from assets.metadata import counts_table, describe_table, log_counts, replace_accounting
from assets.orchestration import corpus_asset
from assets.user_errors import fail_on_user_error
from resources.home import Home
from resources.managed_teachers import closing_model_server
from resources.settings import SettingsResource
from resources.teachers import ReasonerResource, TeacherResource, WarehouseLedger, make_budget
from resources.warehouse import Replace, Warehouse
from text2graph_dagster.contracts import CONTRACTS
from text2graph_dagster.corpus.folder import CorpusFolder, open_corpus
from text2graph_dagster.graph.rows import from_rows
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.reasoning.traces import TraceResults, collect_traces
from text2graph_dagster.settings import TeacherSettings
from text2graph_dagster.teachers.ledger import CallResults, ask_reasoner, ask_teacher
from text2graph_dagster.teachers.protocol import (
    Reasoner,
    ReasoningAnswer,
    ReasoningRequest,
    TeacherAnswer,
    TeacherRequest,
)

# Passages of dev and test are never trained on, so they need no rationale.
GRAPHS = """
SELECT passage_id, any_value(p.text) AS text, any_value(p.language) AS language,
       any_value(g.entities) AS entities, any_value(g.relations) AS relations
FROM teacher_graphs g JOIN raw_corpus p USING (corpus, passage_id)
WHERE g.corpus = ? AND g.sample = 0 AND p.split = 'train' AND p.duplicate_of IS NULL
GROUP BY passage_id ORDER BY passage_id
"""
TRACE_COLUMNS = ("rationale", "verified", "author", "rejected", "call_key")


@corpus_asset(code_version="2", deps=["teacher_graphs"], kinds={"duckdb"}, pool="gpu")
def cot_traces(
    context: dg.AssetExecutionContext,
    home: Home,
    warehouse: Warehouse,
    settings: SettingsResource,
    reasoner: ReasonerResource,
    teacher: TeacherResource,
) -> dg.MaterializeResult[None]:
    """A verified rationale per training passage. Accounting: input graphs = traces + quarantined passages."""
    corpus = context.partition_key
    with fail_on_user_error():
        folder, config = open_corpus(home.corpora / corpus), settings.load().reasoner
        requests = _read_requests(warehouse, corpus, folder.ontology)
        ledger, log = WarehouseLedger(warehouse), context.log.info

        def ask(author: Reasoner, questions: Sequence[ReasoningRequest]) -> CallResults[ReasoningAnswer]:
            with closing_model_server(author):
                return ask_reasoner(author, questions, ledger, log, make_budget(config))

        ask_blind = partial(_ask_blind, context, warehouse, teacher, folder, config.blind) if config.blind else None
        results = collect_traces(reasoner.build(config), requests, config, ask, ask_blind, home.verdicts / corpus)
        counts = _store(warehouse, corpus, len(requests), results)
        log_counts(context, counts)
        return dg.MaterializeResult(
            metadata={
                **describe_table(warehouse, "cot_traces", corpus),
                "accounting": counts_table({**counts, "calls_made": results.new_calls}),
                "calls": counts_table(results.figures),
                **_describe_rejections(results),
            },
            data_version=dg.DataVersion(warehouse.version("cot_traces", corpus)),
        )


def _read_requests(warehouse: Warehouse, corpus: str, ontology: Ontology) -> list[ReasoningRequest]:
    return [
        ReasoningRequest(
            row["passage_id"], row["text"], row["language"], ontology, from_rows(row["entities"], row["relations"])
        )
        for row in warehouse.read(GRAPHS, [corpus]).iter_rows(named=True)
    ]


def _ask_blind(
    context: dg.AssetExecutionContext,
    warehouse: Warehouse,
    teacher: TeacherResource,
    folder: CorpusFolder,
    settings: TeacherSettings,
    questions: Sequence[TeacherRequest],
) -> CallResults[TeacherAnswer]:
    """Ask the blind reader, a teacher with its own settings, to extract a graph from each rationale."""
    reader = teacher.for_corpus(folder, settings)
    with closing_model_server(reader):
        return ask_teacher(reader, questions, WarehouseLedger(warehouse), context.log.info, make_budget(settings))


def _store(warehouse: Warehouse, corpus: str, graphs: int, results: TraceResults) -> dict[str, int]:
    """Store traces, quarantined passages and accounting; return the counts."""
    traces, quarantined = _make_tables(corpus, results)
    counts = {
        "graphs_in": graphs,
        "traces": traces.height,
        "traces_verified": int(traces["verified"].sum()),
        "passages_quarantined": quarantined.height,
    }
    warehouse.commit(
        Replace("cot_traces", traces, {"corpus": corpus}),
        Replace("quarantine", quarantined, {"corpus": corpus, "stage": "cot_traces"}),
        replace_accounting("cot_traces", corpus, counts),
    )
    return counts


def _describe_rejections(results: TraceResults) -> dict[str, Any]:
    """Return how many rationales were rejected, why, and how many were replaced; empty if none was rejected."""
    objections = results.count_objections()
    if not objections:
        return {}
    table = [dg.TableRecord({"objection": code, "rationales": n}) for code, n in objections.items()]
    return {
        "rationales_rejected": sum(bool(trace.reasons) for trace in results.traces),
        "rationales_replaced": sum(trace.rejected is not None for trace in results.traces),
        "objections": dg.MetadataValue.table(table),
    }


def _make_tables(corpus: str, results: TraceResults) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (rows of cot_traces with the verifier's verdicts, rows of quarantine)."""
    traces = [
        {
            **{"corpus": corpus, "passage_id": trace.request.passage_id, "reasons": list(trace.reasons)},
            **{column: getattr(trace, column) for column in TRACE_COLUMNS},
        }
        for trace in results.traces
    ]
    quarantined = [
        {
            **{"stage": "cot_traces", "corpus": corpus, "doc_id": None, "passage_id": answer.passage_id},
            **{"reason": answer.status, "detail": answer.reason},
        }
        for answer in results.refused
    ]
    return (
        pl.DataFrame(traces, schema=CONTRACTS["cot_traces"].dtypes),
        pl.DataFrame(quarantined, schema=CONTRACTS["quarantine"].dtypes),
    )
