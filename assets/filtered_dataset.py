"""filtered_dataset: the training examples of all corpora whose gates are open. Bad data ends here."""

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from assets.conditions import when_data_changed
from assets.cot_traces import COT_TRACES_GATES, cot_traces
from assets.dataset_parts import GOLD_TEXTS, STAGE, Part, build_part, repeated_elsewhere
from assets.gates import Gate, Measured, Scope, build_gates, contract_gate, failed_gates, sql_gate
from assets.nli_filter import second_opinion
from assets.partitions import all_corpora
from assets.raw_corpus import RAW_CORPUS_GATES, raw_corpus
from assets.teacher_graphs import TEACHER_GRAPHS_GATES, teacher_graphs
from assets.user_errors import OWNERS, counts_table, log_counts, plain_errors, svg_picture, table_metadata
from resources.home import Home
from resources.launcher import Launcher
from resources.settings import SettingsResource
from resources.warehouse import Replace, Warehouse
from text2graph_dagster.corpus.folder import open_corpus
from text2graph_dagster.dataset.decontamination import FOUND, GoldIndex, GoldSearch
from text2graph_dagster.dataset.denoising.nli_filter import Scorer
from text2graph_dagster.dataset.selection import mixed
from text2graph_dagster.errors import UserError
from text2graph_dagster.evaluation.funnel import LOST, build_funnels, draw_funnel
from text2graph_dagster.settings import Settings

UPSTREAM_GATES: Mapping[str, tuple[Gate, ...]] = {
    "raw_corpus": RAW_CORPUS_GATES,
    "teacher_graphs": TEACHER_GRAPHS_GATES,
    "cot_traces": COT_TRACES_GATES,
}


@dg.asset(
    deps=[dg.AssetDep(asset, partition_mapping=all_corpora) for asset in (raw_corpus, teacher_graphs, cot_traces)],
    group_name="data",
    kinds={"duckdb", "polars"},
    owners=OWNERS,
    code_version="5",
    automation_condition=when_data_changed,
)
def filtered_dataset(
    context: dg.AssetExecutionContext, home: Home, warehouse: Warehouse, settings: SettingsResource, launcher: Launcher
) -> dg.MaterializeResult[None]:
    """Training examples of every corpus whose gates passed on its present data: traces in = examples + left out."""
    with plain_errors():
        config = settings.load()
        names, closed = open_corpora(warehouse, config)
        for objections in closed.values():
            context.log.warning(f"not trained on: {'; '.join(objections)}")
        if not names:
            why = "; ".join(o for objections in closed.values() for o in objections) or "there is no corpus yet"
            raise UserError(f"no corpus may be trained on: {why}.")
        with tempfile.TemporaryDirectory(prefix=".dataset-", dir=home.root) as folder:
            scorer = second_opinion(context, home, launcher, config.dataset.denoise.nli_model)
            parts = build_parts(warehouse, home, names, config, Path(folder), scorer)
            warehouse.commit(
                Replace(STAGE, [file for part in parts for file in part.write(Path(folder))], {}),
                Replace("quarantine", pl.concat([part.quarantine() for part in parts]), {"stage": STAGE}),
                Replace("accounting", pl.concat([part.accounting() for part in parts]), {"stage": STAGE}),
            )
        totals: Counter[str] = Counter()
        for part in parts:
            totals.update(part.counts())
            context.log.info(f"{part.corpus}: {part.mended.why}")
        log_counts(context, totals)
        return dg.MaterializeResult(
            metadata={
                **table_metadata(warehouse, STAGE),
                "corpora": ", ".join(names),
                "corpora_not_trained_on": ", ".join(closed) or "none",
                "accounting": counts_table(totals),
                **{f"mending of {part.corpus}": part.mended.why for part in parts},
                **_funnel(warehouse, names),
            },
            data_version=dg.DataVersion(warehouse.version(STAGE)),
        )


def _funnel(warehouse: Warehouse, corpora: Sequence[str]) -> dict[str, Any]:
    """Return what became of every document as a table and a picture per corpus, and some of what was lost."""
    rows = warehouse.read("SELECT * FROM accounting ORDER BY ALL").to_dicts()
    shown: dict[str, Any] = {}
    for corpus, stages in build_funnels(rows, corpora).items():
        losses = [", ".join(f"{n:,} {why}" for why, n in stage.losses.items() if n) for stage in stages]
        table = [
            dg.TableRecord({"stage": s.name, "count": s.count, "lost": lost})
            for s, lost in zip(stages, losses, strict=True)
        ]
        shown[f"funnel of {corpus}"] = svg_picture(draw_funnel(stages, f"From documents to examples: {corpus}"), corpus)
        shown[f"stages of {corpus}"] = dg.MetadataValue.table(table)
    lost = [{k: str(v or "") for k, v in row.items()} for row in warehouse.read(LOST).to_dicts()]
    lost = [row for row in lost if row["corpus"] in corpora]
    return shown | ({"lost, for example": dg.MetadataValue.table([dg.TableRecord(r) for r in lost])} if lost else {})


def open_corpora(warehouse: Warehouse, settings: Settings) -> tuple[list[str], dict[str, list[str]]]:
    """Return the corpora whose gates all passed on their present data, and what speaks against each other one."""
    corpora = warehouse.read("SELECT DISTINCT corpus FROM raw_corpus ORDER BY corpus")["corpus"].to_list()
    against = {
        corpus: [
            objection
            for asset, gates in UPSTREAM_GATES.items()
            for objection in failed_gates(warehouse, settings, asset, gates, corpus)
        ]
        for corpus in corpora
    }
    return [c for c in corpora if not against[c]], {c: why for c, why in against.items() if why}


def build_parts(
    warehouse: Warehouse,
    home: Home,
    corpora: Sequence[str],
    settings: Settings,
    folder: Path,
    scorer: Scorer | None = None,
) -> list[Part]:
    """Return every corpus's examples, as many of each as their mixture asks for; they are written to `folder`."""
    gold = GoldSearch(warehouse.read(GOLD_TEXTS), home.gold, settings.dataset.gold_ngram)
    ontologies = {name: open_corpus(home.corpora / name).ontology for name in corpora}
    repeated = repeated_elsewhere(warehouse, ontologies, settings.corpus.near_duplicate_jaccard)
    parts = [
        build_part(warehouse, name, ontology, gold, repeated, settings, folder, home.examples / name, scorer)
        for name, ontology in ontologies.items()
    ]
    gold.save()
    kept = mixed(pl.concat([part.chosen for part in parts]), settings.dataset)
    return [part.keep(kept, "mixed_out") for part in parts]


def _near_gold(scope: Scope) -> Measured:
    """Look for gold passages among the examples, whatever the asset may have done."""
    sql = """
    SELECT DISTINCT passage_id, text FROM raw_corpus
    WHERE passage_id IN (SELECT passage_id FROM filtered_dataset) AND split = 'train'
    """
    gold = GoldIndex.of(scope.warehouse.read(GOLD_TEXTS), scope.settings.dataset.gold_ngram)
    found = pl.concat([pl.DataFrame(schema=FOUND), *map(gold.find, scope.warehouse.slices(sql))])
    sample = [dg.TableRecord(row) for row in found.sort("passage_id").head(10).to_dicts()]
    return Measured(found.height, {"sample": dg.MetadataValue.table(sample)} if sample else {})


def _covered(scope: Scope) -> Measured:
    sql = """
    SELECT r.type AS type, count(DISTINCT example_id) AS examples
    FROM (SELECT example_id, unnest(relations) AS r FROM filtered_dataset) GROUP BY ALL ORDER BY ALL
    """
    types = scope.warehouse.read(sql)
    if not types.height:
        return Measured(None)
    table = [dg.TableRecord(row) for row in types.iter_rows(named=True)]
    enough = types.filter(pl.col("examples") >= scope.settings.gates.dataset_min_examples_per_type).height
    return Measured(enough / types.height, {"examples": dg.MetadataValue.table(table)})


FILTERED_DATASET_GATES = (
    contract_gate(STAGE),
    sql_gate(
        "accounting",
        "traces that are neither an example nor left out with a reason",
        "≤",
        lambda _: 0,
        """
        SELECT abs(sum(count) FILTER (item = 'traces_in')
                 - sum(count) FILTER (item = 'examples' OR starts_with(item, 'left_out: ')))
        FROM accounting WHERE stage = 'filtered_dataset'
        """,
    ),
    sql_gate(
        "enough",
        "training examples",
        "≥",
        lambda s: s.gates.dataset_min_examples,
        "SELECT count(*) FROM filtered_dataset",
    ),
    Gate(
        "covered",
        "share of the occurring relation types that have enough examples",
        "≥",
        lambda s: s.gates.dataset_min_covered,
        _covered,
    ),
    sql_gate(
        "splits",
        "examples whose passage is also a gold passage",
        "≤",
        lambda _: 0,
        """
        SELECT count(*) FROM filtered_dataset
        WHERE passage_id IN (SELECT passage_id FROM raw_corpus WHERE split <> 'train')
        """,
    ),
    Gate("near_gold", "examples whose passage is near a gold passage", "≤", lambda _: 0, _near_gold),
    sql_gate(
        "empty",
        "share of examples without a relation",
        "≤",
        lambda s: s.gates.dataset_max_empty,
        "SELECT avg((len(relations) = 0)::INT) FROM filtered_dataset",
    ),
)

filtered_dataset_gates = build_gates(filtered_dataset, FILTERED_DATASET_GATES)
