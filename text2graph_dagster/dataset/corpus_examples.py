"""Build the examples of filtered_dataset: a corpus's traces become examples, slice by slice, on disk.

A corpus is never in memory as a whole as Python objects. Steps that need all rows (decontamination, shares, selection,
mixing) use a few columns of them; the examples themselves stay in parquet files until the selection is made.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from text2graph_dagster.contracts import CONTRACTS, frame_of
from text2graph_dagster.corpus.deduplication.duplicates import find_duplicates_across
from text2graph_dagster.dataset.decontamination import GoldSearch
from text2graph_dagster.dataset.denoising.corpus_denoising import CorpusDenoiser, CorpusDenoising
from text2graph_dagster.dataset.example_builder import ExampleBuilder
from text2graph_dagster.dataset.example_cache import ExampleCache
from text2graph_dagster.dataset.selection import (
    LEFT_OUT_COLUMNS,
    list_left_out,
    mix_corpora,
    select_examples,
    take_selected,
)
from text2graph_dagster.dataset.task_sampling import TaskSampler
from text2graph_dagster.errors import UserError
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.settings import DatasetSettings

STAGE = "filtered_dataset"
_REPEATED_COLUMNS = {"corpus": pl.String, "passage_id": pl.String, "reason": pl.String, "detail": pl.String}


@dataclass(frozen=True)
class CorpusSource:
    """The inputs of one corpus; each iterable of frames is read once.

    `traces` are training passages, sorted by passage_id, with the columns corpus, passage_id, text, language, entities,
    relations, samples, rationale, verified, annotation (of an annotated passage: "exhaustive" or "partial"; null: the
    graph is a teacher's). `dev` has the columns that `CorpusDenoiser.denoise` needs. `naming_gold`
    has the ids of passages to leave out because they name an entity of a gold passage.
    """

    corpus: str
    ontology: Ontology
    traces: Iterable[pl.DataFrame]
    dev: Iterable[pl.DataFrame]
    naming_gold: pl.DataFrame | None = None


@dataclass(frozen=True)
class CorpusExamples:
    """One corpus's examples, its traces that were left out with the reason, and the result of denoising.

    `files` contain all examples, and perhaps others; `selected` has the selection columns of the examples that stay,
    and the name of the `file` of each.
    """

    corpus: str
    traces: int
    files: tuple[Path, ...]
    selected: pl.DataFrame
    left_out: pl.DataFrame
    denoising: CorpusDenoising

    def keep(self, selected: pl.DataFrame, reason: str) -> "CorpusExamples":
        """Return the corpus's examples with only those in `selected`; the others are left out with `reason`."""
        kept = self.selected.join(selected, on="example_id", how="semi", maintain_order="left")
        left_out = pl.concat([self.left_out, list_left_out(self.selected, kept, reason)], how="diagonal")
        return replace(self, selected=kept, left_out=left_out)

    def counts(self) -> dict[str, int]:
        """Return traces in, examples out, traces left out by reason, and relations dropped and added."""
        reasons = dict(self.left_out.group_by("reason").len().sort("reason").iter_rows())
        return {
            "traces_in": self.traces,
            "examples": self.selected.height,
            **{f"left_out: {reason}": n for reason, n in reasons.items()},
            "relations_dropped": self.denoising.dropped,
            "relations_added": self.denoising.added,
            "dev_relations_compared": self.denoising.decision.relations,
        }

    def quarantine(self) -> pl.DataFrame:
        """Return one row of the quarantine per trace that was left out."""
        rows = self.left_out.sort("passage_id").with_columns(stage=pl.lit(STAGE), corpus=pl.lit(self.corpus))
        return CONTRACTS["quarantine"].conform(rows)

    def accounting(self) -> pl.DataFrame:
        """Return the counts as rows of the accounting."""
        rows = [{"stage": STAGE, "corpus": self.corpus, "item": i, "count": n} for i, n in self.counts().items()]
        return pl.DataFrame(rows, schema=CONTRACTS["accounting"].dtypes)

    def write(self, folder: Path) -> list[Path]:
        """Write the selected examples, file by file, and return the files."""
        written = []
        for file in self.files:
            written.append(folder / f"{self.corpus}-chosen-{file.name}")
            selected = self.selected.filter(pl.col("file") == file.name)
            take_selected(pl.read_parquet(file), selected).write_parquet(written[-1])
        return written


@dataclass(frozen=True)
class DatasetBuilder:
    """Builds the examples of several corpora.

    `gold` finds training passages near the gold passages of all corpora. Slices of the traces are written to `staging`;
    built examples are cached in `cache` for the next run.
    """

    settings: DatasetSettings
    seed: int
    denoiser: CorpusDenoiser
    gold: GoldSearch
    staging: Path
    cache: Path

    def build(self, sources: Iterable[CorpusSource], repeated: pl.DataFrame) -> list[CorpusExamples]:
        """Return the examples of every corpus, limited to its share of the mixture.

        Args:
            sources: one per corpus.
            repeated: passages to leave out (corpus, passage_id, reason, detail), as `find_repeated_passages` returns.
        """
        corpora = [self._build_corpus(source, repeated) for source in sources]
        self.gold.save()
        kept = mix_corpora(pl.concat([corpus.selected for corpus in corpora]), self.settings)
        return [corpus.keep(kept, "mixed_out") for corpus in corpora]

    def _build_corpus(self, source: CorpusSource, repeated: pl.DataFrame) -> CorpusExamples:
        files, traces, excluded = self._stage(source, repeated)
        denoising = self.denoiser.denoise(files, source.dev, source.ontology)
        sampler = TaskSampler(source.ontology, self.settings, self.seed, denoising.confusions)
        builder = ExampleBuilder(source.ontology, self.settings, self.seed, sampler)
        examples, lost = ExampleCache(self.cache / source.corpus, builder), [excluded]
        for file in files:
            rows = pl.read_parquet(file)
            if self.settings.thinking:  # a rationale argues for the graph before denoising
                lost.append(_give_reason("relations_mended", rows.filter("denoised")))
                rows = rows.filter(~pl.col("denoised"))
            examples.add(rows)
        example_files, candidates, without_example = examples.finish()
        selected, not_selected = select_examples(candidates, self.settings)
        left_out = pl.concat([*lost, without_example, not_selected], how="diagonal")
        return CorpusExamples(source.corpus, traces, tuple(example_files), selected, left_out, denoising)

    def _stage(self, source: CorpusSource, repeated: pl.DataFrame) -> tuple[list[Path], int, pl.DataFrame]:
        """Write usable traces to one file per slice; return (files, number of all traces, excluded traces)."""
        repeated = repeated.filter(pl.col("corpus") == source.corpus).select("passage_id", "reason", "detail")
        files, traces, lost = [], 0, [frame_of([], LEFT_OUT_COLUMNS)]
        for number, rows in enumerate(source.traces):
            excluded = _find_excluded(rows, self.gold, repeated, source.naming_gold)
            files.append(self.staging / f"{source.corpus}-{number}.parquet")
            rows.join(excluded, on="passage_id", how="anti", maintain_order="left").write_parquet(files[-1])
            traces += rows.height
            lost.append(excluded)
        return files, traces, pl.concat(lost, how="diagonal")


def group_by_ontology(ontologies: Mapping[str, Ontology]) -> list[list[str]]:
    """Return the groups of two or more corpora that share an ontology, sorted by name."""
    by_digest: dict[str, list[str]] = {}
    for corpus, ontology in sorted(ontologies.items()):
        by_digest.setdefault(ontology.digest, []).append(corpus)
    return [corpora for corpora in by_digest.values() if len(corpora) > 1]


def require_one_ontology(ontologies: Mapping[str, Ontology]) -> None:
    """Check that all corpora have the same ontology, as they must if prompts list no types.

    Raises:
        UserError: two corpora have different ontologies.
    """
    if len({ontology.digest for ontology in ontologies.values()}) > 1:
        raise UserError(
            f"the corpora {', '.join(sorted(ontologies))} have different ontologies, but dataset.template is text, "
            "whose prompts list no types: use template compact, or another home folder for each ontology."
        )


def find_repeated_passages(texts: Iterable[pl.DataFrame], jaccard: float) -> pl.DataFrame:
    """Return passages that are kept in another corpus of the same ontology: corpus, passage_id, reason, detail.

    `texts` has a frame (corpus, passage_id, text, annotated) per group of corpora that share an ontology. The same text
    with another ontology is another task, and is kept.
    """
    found = [pl.DataFrame(schema=_REPEATED_COLUMNS)]
    for frame in texts:
        marked = find_duplicates_across(frame, jaccard)
        detail = pl.format("kept as {} in {}", "kept_passage_id", "kept_corpus").alias("detail")
        found.append(marked.select("corpus", "passage_id", pl.lit("repeated_elsewhere").alias("reason"), detail))
    return pl.concat(found)


def _find_excluded(
    rows: pl.DataFrame, gold: GoldSearch, repeated: pl.DataFrame, naming_gold: pl.DataFrame | None
) -> pl.DataFrame:
    """Return the passages that cannot become examples, each with one reason: the first of the checks below."""
    near = gold.find(rows.select("passage_id", "text"))
    found = [near.select("passage_id", "reason", (pl.lit("gold passage ") + pl.col("gold_passage_id")).alias("detail"))]
    found.append(_give_reason("not_verified", rows.filter(~pl.col("verified"))))
    # If only some of the relations of a text are annotated, a passage without one is no example of an empty answer.
    unknown = (pl.col("annotation") == "partial") & (pl.col("relations").list.len() == 0)
    found.append(_give_reason("partly_annotated", rows.filter(unknown)))
    found.append(repeated.join(rows, on="passage_id", how="semi"))
    if naming_gold is not None:
        found.append(_give_reason("names_gold_entity", rows.join(naming_gold, on="passage_id", how="semi")))
    every = pl.concat(found, how="diagonal")
    return every.unique("passage_id", keep="first", maintain_order=True).sort("passage_id")


def _give_reason(reason: str, passages: pl.DataFrame) -> pl.DataFrame:
    return passages.select("passage_id", pl.lit(reason).alias("reason"))
