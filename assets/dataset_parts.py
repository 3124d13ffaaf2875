"""The work of filtered_dataset: one corpus's traces become examples, slice by slice, on disk.

At no time does a whole corpus stand in memory as Python objects. What needs all rows (contamination, shares, choosing,
mixing) looks at light columns of them; the examples themselves wait in parquet files until it is decided which stay.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from assets.mending import Mended, mend
from resources.warehouse import Warehouse
from text2graph_dagster.contracts import CONTRACTS, frame_of
from text2graph_dagster.corpus.deduplication.duplicates import find_duplicates_across
from text2graph_dagster.dataset.decontamination import GoldSearch
from text2graph_dagster.dataset.denoising.nli_filter import Scorer
from text2graph_dagster.dataset.example_builder import ExampleBuilder
from text2graph_dagster.dataset.example_cache import KeptExamples
from text2graph_dagster.dataset.selection import LEFT_OUT, choose, take, without
from text2graph_dagster.dataset.task_sampling import Asking
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.settings import Settings

STAGE = "filtered_dataset"
TRACED = """
SELECT t.corpus, t.passage_id, any_value(p.text) AS text, any_value(p.language) AS language,
       any_value(g.entities) FILTER (g.sample = 0) AS entities,
       any_value(g.relations) FILTER (g.sample = 0) AS relations,
       list({'entities': g.entities, 'relations': g.relations} ORDER BY g.sample) FILTER (g.sample > 0) AS samples,
       any_value(t.rationale) AS rationale, any_value(t.verified) AS verified
FROM cot_traces t
JOIN teacher_graphs g ON g.corpus = t.corpus AND g.passage_id = t.passage_id
JOIN raw_corpus p ON p.corpus = t.corpus AND p.passage_id = t.passage_id AND p.duplicate_of IS NULL
WHERE t.corpus = ? AND p.split = 'train'
GROUP BY t.corpus, t.passage_id HAVING bool_or(g.sample = 0)
"""
TRACED_TEXTS = """
SELECT DISTINCT p.corpus, p.passage_id, p.text FROM raw_corpus p SEMI JOIN cot_traces t USING (corpus, passage_id)
WHERE p.split = 'train' AND p.duplicate_of IS NULL AND list_contains(?, p.corpus)
"""
GOLD_TEXTS = "SELECT DISTINCT passage_id, text FROM raw_corpus WHERE split <> 'train' ORDER BY passage_id"
NAMES_GOLD_ENTITY = """
WITH gold AS (SELECT DISTINCT lower(e.text) AS name FROM (SELECT unnest(entities) AS e FROM gold_graphs))
SELECT DISTINCT passage_id FROM (
    SELECT passage_id, unnest(entities) AS e FROM teacher_graphs WHERE corpus = ? AND sample = 0
) WHERE lower(e.text) IN (SELECT name FROM gold)
"""


@dataclass(frozen=True)
class Part:
    """One corpus's examples, its traces that became none, each with its reason, and the relations that were mended.

    `files` hold all examples, and perhaps others; `chosen` are those that stay, by their light columns. `mended` says
    whether labels were mended, and why.
    """

    corpus: str
    traces: int
    files: tuple[Path, ...]
    chosen: pl.DataFrame
    left_out: pl.DataFrame
    mended: Mended

    def keep(self, chosen: pl.DataFrame, reason: str) -> "Part":
        """Return the part with only these of its chosen examples."""
        kept = self.chosen.join(chosen, on="example_id", how="semi", maintain_order="left")
        return replace(
            self, chosen=kept, left_out=pl.concat([self.left_out, without(self.chosen, kept, reason)], how="diagonal")
        )

    def counts(self) -> dict[str, int]:
        """Return traces in, examples out, what was left out by reason, and how many labels were mended."""
        reasons = dict(self.left_out.group_by("reason").len().sort("reason").iter_rows())
        return {
            "traces_in": self.traces,
            "examples": self.chosen.height,
            **{f"left_out: {reason}": n for reason, n in reasons.items()},
            "relations_dropped": self.mended.dropped,
            "relations_added": self.mended.added,
            "dev_relations_compared": self.mended.verdict.relations,
        }

    def quarantine(self) -> pl.DataFrame:
        """Return a row per trace that was left out."""
        rows = self.left_out.sort("passage_id").with_columns(stage=pl.lit(STAGE), corpus=pl.lit(self.corpus))
        return CONTRACTS["quarantine"].conform(rows)

    def accounting(self) -> pl.DataFrame:
        """Return the counts as rows."""
        rows = [{"stage": STAGE, "corpus": self.corpus, "item": i, "count": n} for i, n in self.counts().items()]
        return pl.DataFrame(rows, schema=CONTRACTS["accounting"].dtypes)

    def write(self, folder: Path) -> list[Path]:
        """Write the chosen examples, file by file, and return the files."""
        written = []
        for file in self.files:
            written.append(folder / f"{self.corpus}-chosen-{file.name}")
            take(pl.read_parquet(file), self.chosen).write_parquet(written[-1])
        return written


def build_part(
    warehouse: Warehouse,
    corpus: str,
    ontology: Ontology,
    gold: GoldSearch,
    repeated: pl.DataFrame,
    settings: Settings,
    folder: Path,
    kept: Path,
    scorer: Scorer | None = None,
) -> Part:
    """Return one corpus's examples: verified, far from every gold passage, mended, and as the settings ask for.

    Args:
        gold: the gold passages of all corpora.
        repeated: what `repeated_elsewhere` found.
        folder: where slices of the traces may be written.
        kept: where the examples stay for the next time.
        scorer: a second opinion on what mending keeps and adds.
    """
    staged, traces, excluded = _stage(warehouse, corpus, gold, repeated, settings, folder)
    mended = mend(warehouse, corpus, staged, ontology, settings, scorer)
    builder = ExampleBuilder(
        ontology, settings.dataset, settings.seed, Asking(ontology, settings.dataset, settings.seed, mended.confusions)
    )
    examples, lost = KeptExamples(kept, builder), [excluded]
    for file in staged:
        rows = pl.read_parquet(file)
        if settings.dataset.thinking:  # its rationale argues for the graph as it was
            lost.append(_because("relations_mended", rows.filter("mended")))
            rows = rows.filter(~pl.col("mended"))
        examples.add(rows)
    files, light, without_example = examples.finish()
    chosen, left_out = choose(light, settings.dataset)
    every_loss = pl.concat([*lost, without_example, left_out], how="diagonal")
    return Part(corpus, traces, tuple(files), chosen, every_loss, mended)


def _stage(
    warehouse: Warehouse, corpus: str, gold: GoldSearch, repeated: pl.DataFrame, settings: Settings, folder: Path
) -> tuple[list[Path], int, pl.DataFrame]:
    """Write a corpus's traces with their graphs, a slice a file; return the files, the number of traces, and losses.

    Those that are no material for examples are left out, each with its reason.
    """
    named = warehouse.read(NAMES_GOLD_ENTITY, [corpus]) if settings.dataset.disjoint_entities else None
    repeated = repeated.filter(pl.col("corpus") == corpus).select("passage_id", "reason", "detail")
    files, traces, lost = [], 0, [frame_of([], LEFT_OUT)]
    for number, rows in enumerate(warehouse.slices(TRACED, [corpus])):
        excluded = _excluded(rows, gold, repeated, named)
        files.append(folder / f"{corpus}-{number}.parquet")
        rows.join(excluded, on="passage_id", how="anti", maintain_order="left").write_parquet(files[-1])
        traces += rows.height
        lost.append(excluded)
    return files, traces, pl.concat(lost, how="diagonal")


def repeated_elsewhere(warehouse: Warehouse, ontologies: Mapping[str, Ontology], jaccard: float) -> pl.DataFrame:
    """Return passages that another corpus of the same ontology keeps: corpus, passage_id, reason, detail.

    The same text asked about another ontology is another task, and stays.
    """
    found = [pl.DataFrame(schema=dict.fromkeys(("corpus", "passage_id", "reason", "detail"), pl.String))]
    by_digest: dict[str, list[str]] = {}
    for corpus, ontology in sorted(ontologies.items()):
        by_digest.setdefault(ontology.digest, []).append(corpus)
    for corpora in by_digest.values():
        if len(corpora) > 1:
            marked = find_duplicates_across(warehouse.read(TRACED_TEXTS, [corpora]), jaccard)
            kept = pl.format("kept as {} in {}", "kept_passage_id", "kept_corpus").alias("detail")
            found.append(marked.select("corpus", "passage_id", pl.lit("repeated_elsewhere").alias("reason"), kept))
    return pl.concat(found)


def _excluded(rows: pl.DataFrame, gold: GoldSearch, repeated: pl.DataFrame, named: pl.DataFrame | None) -> pl.DataFrame:
    """Return the passages that are no material for examples, each with its first reason of those below."""
    near = gold.find(rows.select("passage_id", "text"))
    found = [near.select("passage_id", "reason", (pl.lit("gold passage ") + pl.col("gold_passage_id")).alias("detail"))]
    found.append(_because("not_verified", rows.filter(~pl.col("verified"))))
    found.append(repeated.join(rows, on="passage_id", how="semi"))
    if named is not None:
        found.append(_because("names_gold_entity", rows.join(named, on="passage_id", how="semi")))
    every = pl.concat(found, how="diagonal")
    return every.unique("passage_id", keep="first", maintain_order=True).sort("passage_id")


def _because(reason: str, passages: pl.DataFrame) -> pl.DataFrame:
    return passages.select("passage_id", pl.lit(reason).alias("reason"))
