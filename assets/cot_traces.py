"""cot_traces: why each passage states its graph, and whether that can be retraced."""

import dagster as dg
import polars as pl

from assets.gates import build_gates, contract_gate, sql_gate
from assets.partitions import corpora
from assets.plain import OWNERS, counts_table, log_counts, plain_errors, table_metadata
from assets.raw_corpus import accounting
from assets.teacher_graphs import teacher_graphs
from resources.home import Home
from resources.models import ReasonerResource, WarehouseLedger
from resources.served import ending_its_server
from resources.settings import SettingsResource
from resources.warehouse import Replace, Warehouse
from text2graph_dagster.contracts import CONTRACTS
from text2graph_dagster.corpus.folder import open_corpus
from text2graph_dagster.graph import from_rows
from text2graph_dagster.progress import log_progress
from text2graph_dagster.reasoning.verify import verify
from text2graph_dagster.teachers.ledger import Asked, ask_reasoner
from text2graph_dagster.teachers.protocol import ReasoningAnswer, ReasoningRequest

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
    code_version="1",
    pool="gpu",
)
def cot_traces(
    context: dg.AssetExecutionContext,
    home: Home,
    warehouse: Warehouse,
    settings: SettingsResource,
    reasoner: ReasonerResource,
) -> dg.MaterializeResult[None]:
    """A verified rationale per graph of a training passage: graphs in = traces + quarantined passages."""
    corpus = context.partition_key
    with plain_errors():
        ontology = open_corpus(home.corpora / corpus).ontology
        requests = [
            ReasoningRequest(
                row["passage_id"], row["text"], row["language"], ontology, from_rows(row["entities"], row["relations"])
            )
            for row in warehouse.read(GRAPHS, [corpus]).iter_rows(named=True)
        ]
        author = reasoner.build(settings.load().reasoner)
        with ending_its_server(author):
            asked = ask_reasoner(author, requests, WarehouseLedger(warehouse), log_progress(context.log.info))
        traces, refused = _tables(corpus, requests, asked)
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
                "accounting": counts_table({**counts, "calls_made": asked.made}),
            },
            data_version=dg.DataVersion(warehouse.version("cot_traces", corpus)),
        )


def _tables(
    corpus: str, requests: list[ReasoningRequest], asked: Asked[ReasoningAnswer]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows of cot_traces, each with the verifier's verdict, and of quarantine."""
    traces: list[dict[str, object]] = []
    refused: list[dict[str, object]] = []
    for request, answer, key in zip(requests, asked.answers, asked.keys, strict=True):
        row: dict[str, object] = {"corpus": corpus, "passage_id": answer.passage_id}
        if answer.status != "ok":
            detail = {"stage": "cot_traces", "doc_id": None, "reason": answer.status, "detail": answer.reason}
            refused.append({**row, **detail})
            continue
        verdict = verify(answer.rationale, request.text, request.ontology, request.graph, request.language)
        trace = {"rationale": answer.rationale, "verified": verdict.verified, "reasons": list(verdict.reasons)}
        traces.append({**row, **trace, "call_key": key})
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
        "share of rationales that hold the answer's JSON",
        "≤",
        lambda s: s.gates.traces_max_leaks,
        """
        SELECT avg(regexp_matches(rationale, '"(entities|relations|head|tail|type)"\\s*:')::INT)
        FROM cot_traces WHERE corpus = ?
        """,
    ),
)

cot_traces_gates = build_gates(cot_traces, COT_TRACES_GATES, corpora)
