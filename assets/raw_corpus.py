"""raw_corpus: the documents of one corpus as passages of whole sentences; rejected documents are in quarantine."""

import dagster as dg

from assets.metadata import counts_table, describe_table, log_counts, replace_accounting
from assets.orchestration import corpus_asset
from assets.user_errors import fail_on_user_error
from resources.home import Home
from resources.settings import SettingsResource
from resources.warehouse import Replace, Warehouse
from text2graph_dagster.corpus.build import build_corpus
from text2graph_dagster.corpus.folder import open_corpus
from text2graph_dagster.progress import log_progress


@corpus_asset(code_version="2", kinds={"duckdb", "polars"})
def raw_corpus(
    context: dg.AssetExecutionContext, home: Home, warehouse: Warehouse, settings: SettingsResource
) -> dg.MaterializeResult[None]:
    """Passages of one corpus. Accounting: input documents = documents with passages + quarantined documents."""
    corpus = context.partition_key
    with fail_on_user_error():
        folder = open_corpus(home.corpora / corpus)
        tables = build_corpus(folder, settings.load().corpus, log_progress(context.log.info), home.staged / corpus)
        warehouse.commit(
            Replace("raw_corpus", tables.parts(), {"corpus": corpus}),
            Replace("gold_graphs", tables.gold_graphs, {"corpus": corpus}),
            Replace("quarantine", tables.quarantine, {"corpus": corpus, "stage": "raw_corpus"}),
            replace_accounting("raw_corpus", corpus, tables.accounting),
        )
        log_counts(context, tables.accounting)
        return dg.MaterializeResult(
            metadata={**describe_table(warehouse, "raw_corpus", corpus), "accounting": counts_table(tables.accounting)},
            data_version=dg.DataVersion(warehouse.version("raw_corpus", corpus)),
        )
