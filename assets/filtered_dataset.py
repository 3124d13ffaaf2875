"""filtered_dataset: the training examples of all corpora that passed their gates."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from assets.gates.filtered_dataset import GOLD_TEXTS
from assets.gates.verdicts import PER_CORPUS, open_corpora
from assets.metadata import counts_table, describe_table, embed_picture, log_counts
from assets.nli_scorer import make_entailment_scorer
from assets.orchestration import OWNERS, when_data_changed
from assets.user_errors import fail_on_user_error
from resources.home import Home
from resources.launcher import Launcher
from resources.settings import SettingsResource
from resources.warehouse import Replace, Warehouse
from text2graph_dagster.corpus.folder import open_corpus
from text2graph_dagster.dataset.corpus_examples import (
    STAGE,
    CorpusExamples,
    CorpusSource,
    DatasetBuilder,
    find_repeated_passages,
    group_by_ontology,
    require_one_ontology,
)
from text2graph_dagster.dataset.decontamination import GoldSearch
from text2graph_dagster.dataset.denoising.corpus_denoising import CorpusDenoiser
from text2graph_dagster.dataset.denoising.nli_filter import EntailmentScorer
from text2graph_dagster.errors import UserError
from text2graph_dagster.evaluation.funnel import LOST, build_funnels, draw_funnel
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.settings import Settings

# One corpus's training passages with their traces, graphs and samples. `annotation` is null for a teacher's graph.
TRACES = """
SELECT t.corpus, t.passage_id, any_value(p.text) AS text, any_value(p.language) AS language,
       any_value(g.entities) FILTER (g.sample = 0) AS entities,
       any_value(g.relations) FILTER (g.sample = 0) AS relations,
       list({'entities': g.entities, 'relations': g.relations} ORDER BY g.sample) FILTER (g.sample > 0) AS samples,
       any_value(t.rationale) AS rationale, any_value(t.verified) AS verified,
       any_value(CASE WHEN a.exhaustive THEN 'exhaustive' WHEN NOT a.exhaustive THEN 'partial' END) AS annotation
FROM cot_traces t
JOIN teacher_graphs g ON g.corpus = t.corpus AND g.passage_id = t.passage_id
JOIN raw_corpus p ON p.corpus = t.corpus AND p.passage_id = t.passage_id AND p.duplicate_of IS NULL
LEFT JOIN gold_graphs a ON a.corpus = t.corpus AND a.passage_id = t.passage_id AND a.split = 'train'
WHERE t.corpus = ? AND p.split = 'train'
GROUP BY t.corpus, t.passage_id HAVING bool_or(g.sample = 0)
"""
# Texts of the training passages of several corpora, to find passages that are in more than one corpus.
TRACED_TEXTS = """
SELECT DISTINCT p.corpus, p.passage_id, p.text, (p.corpus, p.passage_id) IN (
    SELECT (corpus, passage_id) FROM gold_graphs WHERE split = 'train') AS annotated
FROM raw_corpus p SEMI JOIN cot_traces t USING (corpus, passage_id)
WHERE p.split = 'train' AND p.duplicate_of IS NULL AND list_contains(?, p.corpus)
"""
# One corpus's passages that name an entity of a gold passage of any corpus.
NAMES_GOLD_ENTITY = """
WITH gold AS (SELECT DISTINCT lower(e.text) AS name FROM (
    SELECT unnest(entities) AS e FROM gold_graphs WHERE split <> 'train'))
SELECT DISTINCT passage_id FROM (
    SELECT passage_id, unnest(entities) AS e FROM teacher_graphs WHERE corpus = ? AND sample = 0
) WHERE lower(e.text) IN (SELECT name FROM gold)
"""
# One corpus's dev passages with the teacher's graph and the gold graph, to decide whether labels are denoised. Only
# exhaustively annotated passages show which added relations are wrong. The test split is used for the report only.
DEV_GRAPHS = """
SELECT g.passage_id, p.text, p.doc_id, t.entities, t.relations,
       g.entities AS gold_entities, g.relations AS gold_relations
FROM gold_graphs g
JOIN teacher_graphs t ON t.corpus = g.corpus AND t.passage_id = g.passage_id AND t.sample = 0
JOIN raw_corpus p ON p.corpus = g.corpus AND p.passage_id = g.passage_id AND p.duplicate_of IS NULL
WHERE g.corpus = ? AND g.split = 'dev' AND g.exhaustive
"""


@dg.asset(
    deps=[dg.AssetDep(asset, partition_mapping=dg.AllPartitionMapping()) for asset in PER_CORPUS],
    group_name="data",
    kinds={"duckdb", "polars"},
    owners=OWNERS,
    code_version="5",
    automation_condition=when_data_changed,
)
def filtered_dataset(
    context: dg.AssetExecutionContext, home: Home, warehouse: Warehouse, settings: SettingsResource, launcher: Launcher
) -> dg.MaterializeResult[None]:
    """Training examples of all corpora that passed their gates. Accounting: input traces = examples + left out."""
    with fail_on_user_error():
        config = settings.load()
        names, closed = open_corpora(warehouse, config)
        for objections in closed.values():
            context.log.warning(f"corpus left out: {'; '.join(objections)}")
        if not names:
            why = "; ".join(o for objections in closed.values() for o in objections) or "there is no corpus yet"
            raise UserError(f"no corpus has passed its gates: {why}.")
        with tempfile.TemporaryDirectory(prefix=".dataset-", dir=home.root) as folder:
            scorer = make_entailment_scorer(context, home, launcher, config.dataset.denoise.nli_model)
            built = build_dataset(warehouse, home, names, config, Path(folder), scorer)
            warehouse.commit(
                Replace(STAGE, [file for corpus in built for file in corpus.write(Path(folder))], {}),
                Replace("quarantine", pl.concat([corpus.quarantine() for corpus in built]), {"stage": STAGE}),
                Replace("accounting", pl.concat([corpus.accounting() for corpus in built]), {"stage": STAGE}),
            )
        totals: Counter[str] = Counter()
        for corpus in built:
            totals.update(corpus.counts())
            context.log.info(f"{corpus.corpus}: {corpus.denoising.summary}")
        log_counts(context, totals)
        return dg.MaterializeResult(
            metadata={
                **describe_table(warehouse, STAGE),
                "corpora": ", ".join(names),
                "corpora_not_trained_on": ", ".join(closed) or "none",
                "accounting": counts_table(totals),
                **{f"denoising of {corpus.corpus}": corpus.denoising.summary for corpus in built},
                **_funnel(warehouse, names),
            },
            data_version=dg.DataVersion(warehouse.version(STAGE)),
        )


def _funnel(warehouse: Warehouse, corpora: Sequence[str]) -> dict[str, Any]:
    """Return a table and a picture of the stages from documents to examples per corpus, and a sample of lost rows."""
    rows = warehouse.read("SELECT * FROM accounting ORDER BY ALL").to_dicts()
    shown: dict[str, Any] = {}
    for corpus, stages in build_funnels(rows, corpora).items():
        losses = [", ".join(f"{n:,} {why}" for why, n in stage.losses.items() if n) for stage in stages]
        table = [
            dg.TableRecord({"stage": s.name, "count": s.count, "lost": lost})
            for s, lost in zip(stages, losses, strict=True)
        ]
        shown[f"funnel of {corpus}"] = embed_picture(
            draw_funnel(stages, f"From documents to examples: {corpus}"), corpus
        )
        shown[f"stages of {corpus}"] = dg.MetadataValue.table(table)
    lost = [{k: str(v or "") for k, v in row.items()} for row in warehouse.read(LOST).to_dicts()]
    lost = [row for row in lost if row["corpus"] in corpora]
    return shown | ({"sample of lost rows": dg.MetadataValue.table([dg.TableRecord(r) for r in lost])} if lost else {})


def build_dataset(
    warehouse: Warehouse,
    home: Home,
    corpora: Sequence[str],
    settings: Settings,
    staging: Path,
    scorer: EntailmentScorer | None = None,
) -> list[CorpusExamples]:
    """Return each corpus's examples, in the proportions of the mixture; files are written to `staging`."""
    gold = GoldSearch(warehouse.read(GOLD_TEXTS), home.gold, settings.dataset.gold_ngram)
    denoiser = CorpusDenoiser(settings.dataset.denoise, settings.evaluation.bootstrap_samples, settings.seed, scorer)
    builder = DatasetBuilder(settings.dataset, settings.seed, denoiser, gold, staging, home.examples)
    ontologies = {name: open_corpus(home.corpora / name).ontology for name in corpora}
    if settings.dataset.template == "text":
        require_one_ontology(ontologies)
    texts = (warehouse.read(TRACED_TEXTS, [group]) for group in group_by_ontology(ontologies))
    repeated = find_repeated_passages(texts, settings.corpus.near_duplicate_jaccard)
    return builder.build(_read_sources(warehouse, ontologies, settings.dataset.disjoint_entities), repeated)


def _read_sources(
    warehouse: Warehouse, ontologies: Mapping[str, Ontology], disjoint_entities: bool
) -> Iterator[CorpusSource]:
    for corpus, ontology in ontologies.items():
        traces, dev = warehouse.slices(TRACES, [corpus]), warehouse.slices(DEV_GRAPHS, [corpus])
        naming_gold = warehouse.read(NAMES_GOLD_ENTITY, [corpus]) if disjoint_entities else None
        yield CorpusSource(corpus, ontology, traces, dev, naming_gold)
