"""cot_traces: why each passage states its graph, and whether that can be retraced."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import dagster as dg
import polars as pl

from assets.gates import build_gates, contract_gate, sql_gate
from assets.partitions import corpora
from assets.raw_corpus import accounting
from assets.teacher_graphs import teacher_graphs
from assets.user_errors import OWNERS, counts_table, log_counts, plain_errors, table_metadata
from resources.home import Home
from resources.managed_teachers import closing_model_server
from resources.settings import SettingsResource
from resources.teachers import ReasonerResource, TeacherResource, WarehouseLedger, budget
from resources.warehouse import Replace, Warehouse
from text2graph_dagster.contracts import CONTRACTS
from text2graph_dagster.corpus.folder import open_corpus
from text2graph_dagster.graph.rows import from_rows
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

# Gold passages are never taught, so nobody needs to reason about them.
GRAPHS = """
SELECT passage_id, any_value(p.text) AS text, any_value(p.language) AS language,
       any_value(g.entities) AS entities, any_value(g.relations) AS relations
FROM teacher_graphs g JOIN raw_corpus p USING (corpus, passage_id)
WHERE g.corpus = ? AND g.sample = 0 AND p.split = 'train' AND p.duplicate_of IS NULL
GROUP BY passage_id ORDER BY passage_id
"""


@dg.asset(
    partitions_def=corpora,
    deps=[teacher_graphs],
    group_name="data",
    kinds={"duckdb"},
    owners=OWNERS,
    code_version="2",
    pool="gpu",
)
def cot_traces(
    context: dg.AssetExecutionContext,
    home: Home,
    warehouse: Warehouse,
    settings: SettingsResource,
    reasoner: ReasonerResource,
    teacher: TeacherResource,
) -> dg.MaterializeResult[None]:
    """A verified rationale per graph of a training passage: graphs in = traces + quarantined passages."""
    corpus = context.partition_key
    with plain_errors():
        folder, config = open_corpus(home.corpora / corpus), settings.load().reasoner
        requests = [
            ReasoningRequest(
                row["passage_id"],
                row["text"],
                row["language"],
                folder.ontology,
                from_rows(row["entities"], row["relations"]),
            )
            for row in warehouse.read(GRAPHS, [corpus]).iter_rows(named=True)
        ]
        ledger, log = WarehouseLedger(warehouse), context.log.info

        def ask(author: Reasoner, questions: Sequence[ReasoningRequest]) -> CallResults[ReasoningAnswer]:
            with closing_model_server(author):
                return ask_reasoner(author, questions, ledger, log, budget(config))

        def ask_blind(blind: TeacherSettings, questions: Sequence[TeacherRequest]) -> CallResults[TeacherAnswer]:
            reader = teacher.for_corpus(folder, blind)
            with closing_model_server(reader):
                return ask_teacher(reader, questions, ledger, log, budget(blind))

        blindly = partial(ask_blind, config.blind) if config.blind else None
        traced = collect_traces(reasoner.build(config), requests, config, ask, blindly, home.verdicts / corpus)
        traces, refused = _tables(corpus, traced)
        counts = {
            "graphs_in": len(requests),
            "traces": traces.height,
            "traces_verified": int(traces["verified"].sum()),
            "passages_quarantined": refused.height,
        }
        warehouse.commit(
            Replace("cot_traces", traces, {"corpus": corpus}),
            Replace("quarantine", refused, {"corpus": corpus, "stage": "cot_traces"}),
            accounting("cot_traces", corpus, counts),
        )
        log_counts(context, counts)
        return dg.MaterializeResult(
            metadata={
                **table_metadata(warehouse, "cot_traces", corpus),
                "accounting": counts_table({**counts, "calls_made": traced.made}),
                "calls": counts_table(traced.figures),
                **_objections(traced),
            },
            data_version=dg.DataVersion(warehouse.version("cot_traces", corpus)),
        )


def _objections(traced: TraceResults) -> dict[str, Any]:
    """Return how many rationales were rejected, why, and how many were replaced; nothing where none was."""
    objections = traced.objections()
    if not objections:
        return {}
    table = [dg.TableRecord({"objection": code, "rationales": n}) for code, n in objections.items()]
    return {
        "rationales_rejected": sum(bool(trace.reasons) for trace in traced.traces),
        "rationales_replaced": sum(trace.rejected is not None for trace in traced.traces),
        "objections": dg.MetadataValue.table(table),
    }


def _tables(corpus: str, traced: TraceResults) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows of cot_traces, each with the verifier's verdict, and of quarantine."""
    columns = ("rationale", "verified", "author", "rejected", "call_key")
    traces = [
        {
            **{"corpus": corpus, "passage_id": trace.request.passage_id, "reasons": list(trace.reasons)},
            **{column: getattr(trace, column) for column in columns},
        }
        for trace in traced.traces
    ]
    refused = [
        {
            **{"stage": "cot_traces", "corpus": corpus, "doc_id": None, "passage_id": answer.passage_id},
            **{"reason": answer.status, "detail": answer.reason},
        }
        for answer in traced.refused
    ]
    return (
        pl.DataFrame(traces, schema=CONTRACTS["cot_traces"].dtypes),
        pl.DataFrame(refused, schema=CONTRACTS["quarantine"].dtypes),
    )


COT_TRACES_GATES = (
    contract_gate("cot_traces"),
    sql_gate(
        "accounting",
        "graphs that have neither a trace nor a row in quarantine",
        "≤",
        lambda _: 0,
        """
        SELECT count(*) FROM (
            SELECT passage_id FROM teacher_graphs g JOIN raw_corpus p USING (corpus, passage_id)
            WHERE corpus = $1 AND g.sample = 0 AND p.split = 'train' AND p.duplicate_of IS NULL
            EXCEPT SELECT passage_id FROM cot_traces WHERE corpus = $1
            EXCEPT SELECT passage_id FROM quarantine WHERE corpus = $1 AND stage = 'cot_traces'
        )
        """,
    ),
    sql_gate(
        "verified",
        "share of rationales that lead back to their graph",
        "≥",
        lambda s: s.gates.traces_min_verified,
        "SELECT avg(verified::INT) FROM cot_traces WHERE corpus = ?",
    ),
    sql_gate(
        "leaks",
        "share of verified rationales that hold the answer's JSON",
        "≤",
        lambda s: s.gates.traces_max_leaks,
        """
        SELECT avg(regexp_matches(rationale, '"(entities|relations|head|tail|type)"\\s*:')::INT)
        FROM cot_traces WHERE corpus = ? AND verified
        """,
    ),
)

cot_traces_gates = build_gates(cot_traces, COT_TRACES_GATES, corpora)
