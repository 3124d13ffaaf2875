"""raw_corpus: the documents of one corpus as passages of whole sentences, with what was refused beside them."""

import dagster as dg
import polars as pl

from assets.gates import build_gates, contract_gate, sql_gate
from assets.partitions import corpora
from assets.user_errors import OWNERS, counts_table, log_counts, plain_errors, table_metadata
from resources.home import Home
from resources.settings import SettingsResource
from resources.warehouse import Replace, Warehouse
from text2graph_dagster.corpus.build import build_corpus
from text2graph_dagster.corpus.folder import open_corpus
from text2graph_dagster.progress import log_progress


@dg.asset(
    partitions_def=corpora,
    group_name="data",
    kinds={"duckdb", "polars"},
    owners=OWNERS,
    code_version="2",
)
def raw_corpus(
    context: dg.AssetExecutionContext, home: Home, warehouse: Warehouse, settings: SettingsResource
) -> dg.MaterializeResult[None]:
    """Passages of one corpus: documents in = documents with passages + quarantined documents."""
    corpus = context.partition_key
    with plain_errors():
        folder = open_corpus(home.corpora / corpus)
        tables = build_corpus(folder, settings.load().corpus, log_progress(context.log.info), home.staged / corpus)
        warehouse.commit(
            Replace("raw_corpus", tables.parts(), {"corpus": corpus}),
            Replace("gold_graphs", tables.gold_graphs, {"corpus": corpus}),
            Replace("quarantine", tables.quarantine, {"corpus": corpus, "stage": "raw_corpus"}),
            accounting("raw_corpus", corpus, tables.accounting),
        )
        log_counts(context, tables.accounting)
        return dg.MaterializeResult(
            metadata={**table_metadata(warehouse, "raw_corpus", corpus), "accounting": counts_table(tables.accounting)},
            data_version=dg.DataVersion(warehouse.version("raw_corpus", corpus)),
        )


def accounting(stage: str, corpus: str, counts: dict[str, int]) -> Replace:
    """Return the change that stores a stage's counts for the gates and the report."""
    rows = [{"stage": stage, "corpus": corpus, "item": item, "count": count} for item, count in counts.items()]
    return Replace("accounting", pl.DataFrame(rows), {"stage": stage, "corpus": corpus})


RAW_CORPUS_GATES = (
    contract_gate("raw_corpus"),
    sql_gate(
        "accounting",
        "documents that are neither in a passage nor in quarantine",
        "≤",
        lambda _: 0,
        """
        SELECT abs(sum(count) FILTER (item = 'documents_in')
                 - sum(count) FILTER (item IN ('documents_with_passages', 'documents_quarantined')))
        FROM accounting WHERE stage = 'raw_corpus' AND corpus = ?
        """,
    ),
    sql_gate(
        "quarantined",
        "share of documents in quarantine",
        "≤",
        lambda s: s.gates.raw_corpus_max_quarantined,
        """
        SELECT sum(count) FILTER (item = 'documents_quarantined')
               / greatest(sum(count) FILTER (item = 'documents_in'), 1)
        FROM accounting WHERE stage = 'raw_corpus' AND corpus = ?
        """,
    ),
    sql_gate(
        "gold_quarantined",
        "share of gold documents in quarantine",
        "≤",
        lambda s: s.gates.raw_corpus_max_gold_quarantined,
        """
        SELECT sum(count) FILTER (item = 'gold_documents_quarantined')
               / nullif(sum(count) FILTER (item = 'gold_documents_in'), 0)
        FROM accounting WHERE stage = 'raw_corpus' AND corpus = ?
        """,
    ),
    sql_gate(
        "passages",
        "passages to learn from",
        "≥",
        lambda _: 1,
        "SELECT count(*) FROM raw_corpus WHERE corpus = ? AND split = 'train' AND duplicate_of IS NULL",
    ),
    sql_gate(
        "language",
        "share of passages in the corpus's main language",
        "≥",
        lambda s: s.gates.raw_corpus_min_language,
        """
        WITH languages AS (SELECT language, count(*) AS n FROM raw_corpus WHERE corpus = ? GROUP BY language)
        SELECT max(n) / sum(n) FROM languages
        """,
    ),
    sql_gate(
        "duplicates",
        "share of passages that repeat another one",
        "≤",
        lambda s: s.gates.raw_corpus_max_duplicates,
        "SELECT avg((duplicate_of IS NOT NULL)::INT) FROM raw_corpus WHERE corpus = ?",
    ),
)

raw_corpus_gates = build_gates(raw_corpus, RAW_CORPUS_GATES, corpora)
