"""What a step of the model half uses: resources, and ontologies and gold of the corpora in filtered_dataset."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from resources.home import Home
from resources.launcher import Launcher
from resources.warehouse import Warehouse
from text2graph_dagster.corpus.folder import ONTOLOGY
from text2graph_dagster.evaluation.predictions import make_gold_example
from text2graph_dagster.ontology import Ontology, load_ontology
from text2graph_dagster.settings import Settings

GOLD = """
SELECT g.corpus, g.passage_id, g.split, min(p.doc_id) AS doc_id, any_value(p.text) AS text,
       any_value(p.language) AS language, any_value(g.entities) AS entities, any_value(g.relations) AS relations
FROM gold_graphs g JOIN raw_corpus p USING (corpus, passage_id)
WHERE g.split = ? AND g.corpus IN (SELECT DISTINCT corpus FROM filtered_dataset)
GROUP BY g.corpus, g.passage_id, g.split ORDER BY g.corpus, g.passage_id
"""
GOLD_VERSION = """
SELECT count(*) || '-' || coalesce(sum(hash(g)::HUGEINT), 0) FROM gold_graphs g
WHERE split = $1 AND corpus IN (SELECT DISTINCT corpus FROM filtered_dataset) AND corpus = coalesce($2, corpus)
"""


@dataclass(frozen=True)
class ModelContext:
    """The resources of a step that trains a model or asks models about gold passages."""

    dagster: dg.AssetExecutionContext
    home: Home
    warehouse: Warehouse
    launcher: Launcher
    settings: Settings

    def log(self, message: str) -> None:
        """Log a message at level INFO."""
        self.dagster.log.info(message)

    def run_program(self, module: str, config: Path) -> Mapping[str, Any]:
        """Run a training or prediction program and return its result.

        Raises:
            dagster.Failure: the program failed.
        """
        return self.launcher.run(self.dagster, module, config)

    def ontology_files(self) -> dict[str, Path]:
        """Return the ontology file of every corpus in filtered_dataset."""
        corpora = self.warehouse.read("SELECT DISTINCT corpus FROM filtered_dataset ORDER BY corpus")["corpus"]
        return {corpus: self.home.corpora / corpus / ONTOLOGY for corpus in corpora}

    def load_ontologies(self) -> dict[str, Ontology]:
        """Return the ontology of every corpus in filtered_dataset."""
        return {corpus: load_ontology(path) for corpus, path in self.ontology_files().items()}

    def gold_version(self, split: str, corpus: str | None = None) -> str:
        """Return the version of a split's gold graphs, of all corpora in filtered_dataset or of one of them."""
        return str(self.warehouse.value(GOLD_VERSION, [split, corpus]))

    def read_gold_rows(self, split: str) -> pl.DataFrame:
        """Return the gold passages of a split with their texts, languages and graphs."""
        return self.warehouse.read(GOLD, [split])

    def read_gold_examples(self, split: str) -> pl.DataFrame:
        """Return the gold passages of a split as examples that ask for their corpus's whole ontology.

        Columns: `text`, and the columns of filtered_dataset that the programs read. `messages` has the prompt only.
        """
        ontologies, template = self.load_ontologies(), self.settings.dataset.template
        rows = self.read_gold_rows(split).iter_rows(named=True)
        examples = [make_gold_example(row, ontologies[row["corpus"]], template) for row in rows]
        return pl.DataFrame(examples, infer_schema_length=None)
