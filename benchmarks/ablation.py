"""Compare GRPO with SFT at equal compute: `python -m benchmarks.ablation --home DIR [--sets …] [--ways …] [--seeds N]`.

For every set, way and seed the lineage runs through Dagster, with and without thinking. Then a third student is
compared with SFT and SFT + GRPO: the SFT student after further SFT for as many processor seconds as GRPO took. If GRPO
or further SFT is not better on dev gold than SFT, the SFT student is kept. All three answer the same test gold.

- sets: `gazette`; from `$TEXT2GRAPH_DATA`: `conll04`, `crossre` (five ontologies; half of its dev set is the test set)
- ways: `all` examples; `few`, the 1,000 best and most diverse ones; `noisy`, the teacher's labels without denoising
  (the gazette only: the other sets are annotated, and annotations are never denoised)

The table has strict test relation F1, pooled over seeds, with 95 % intervals (paired bootstrap over documents; all
seeds of a document are resampled together); processor seconds of training; tokens per answer; the number of seeds whose
student was better on dev than its SFT student; and the differences of GRPO to SFT and to continued SFT. A page per set,
way and thinking is written to DIR/pages. Finished parts are kept in DIR, so that the same command continues after an
interruption. `--quick`: the smoke corpus and settings.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from benchmarks.lineage import PARTITIONED, ROOT, TOOLS, timed
from benchmarks.support.ablation_arms import ARMS, Arm, answer_prompts, continue_sft
from benchmarks.support.corpora import data_folder
from benchmarks.support.table import show
from examples.annotated.prepare import prepare, read
from examples.gazette.generate import generate
from examples.gazette.settings import GazetteSettings
from resources.warehouse import Warehouse
from text2graph_dagster.evaluation.headline import FigureTable, format_figure
from text2graph_dagster.evaluation.report import ReportData, render_report
from text2graph_dagster.evaluation.score import score_run
from text2graph_dagster.identity import digest
from text2graph_dagster.ontology import load_ontology
from text2graph_dagster.settings import Settings, merge

SETS = ("gazette", "conll04", "crossre")
DOMAINS = ("ai", "literature", "music", "politics", "science")
# The gates would reject weak students; here every student is evaluated.
OPEN_GATES = {
    "dataset_min_covered": 0.0,
    "dataset_max_empty": 1.0,
    "sft_max_too_long": 1.0,
    "sft_min_parse_rate": 0.0,
    "sft_min_stopped": 0.0,
    "grpo_triple_ratio": [0.0, 1000.0],
    "grpo_max_length_ratio": 1000.0,
    "report_max_regression": 1.0,  # a lower figure of another seed is no regression
}
# GRPO is off by default. Its prompts are passages that SFT has not seen, which favours it; and any gain on dev is kept,
# as for the student of continued SFT.
GRPO_ON = {"dataset": {"held_out_for_grpo": 0.1}, "grpo": {"max_steps": 40, "min_gain": 0.0}}
SETTINGS_OF_SET: Mapping[str, Mapping[str, Any]] = {
    "gazette": {},
    "conll04": {"corpus": {"passage_tokens": 128}, "sft": {"max_steps": 800}},
    "crossre": {"corpus": {"passage_tokens": 128}, "sft": {"max_steps": 800}},
}
WAYS: Mapping[str, Mapping[str, Any]] = {
    "all": {},
    "few": {"dataset": {"max_examples": 1000}},
    "noisy": {"dataset": {"denoise": {"when": "never"}}},
}
_GOLD = """
SELECT g.corpus, g.passage_id, any_value(p.doc_id) AS doc_id, any_value(p.text) AS text,
       any_value(g.entities) AS entities, any_value(g.relations) AS relations
FROM gold_graphs g JOIN raw_corpus p USING (corpus, passage_id) WHERE g.split = 'test' GROUP BY ALL
"""


@dataclass(frozen=True)
class Cell:
    """One run of the lineage; the runs of all seeds share a folder."""

    root: Path
    of: str
    way: str
    thinking: bool
    seed: int
    quick: bool

    @property
    def home(self) -> Path:
        """Return the home folder of the lineage."""
        return self.root / f"{self.of}-{self.way}{'-thinking' if self.thinking else ''}"

    @property
    def arms(self) -> Path:
        """Return the file with the answers of the cell's students."""
        return self.home / f"arms-{self.seed}.parquet"

    def settings(self) -> dict[str, Any]:
        """Return the settings that differ from the defaults."""
        smoke = yaml.safe_load((ROOT / "examples/gazette/smoke.yaml").read_text("utf-8")) if self.quick else {}
        own = {"seed": self.seed, "gates": OPEN_GATES, "dataset": {"thinking": self.thinking}}
        return reduce(merge, (SETTINGS_OF_SET[self.of], WAYS[self.way], smoke, own), GRPO_ON)


def make_corpora(cell: Cell) -> list[Path]:
    """Make the folders of a set's corpora, and return them."""
    made = cell.home / "generated"
    if cell.of == "gazette":
        generate(made / "gazette", GazetteSettings.smoke() if cell.quick else None)
        return [made / "gazette"]
    if cell.of == "conll04":
        prepare(data_folder() / "conll04", made / "conll04", ROOT / "examples/conll04/ontology.yaml")
        return [made / "conll04"]
    for domain in DOMAINS:
        prepare(_halved(data_folder() / "crossre", made / "source"), made / domain, only=("domain", domain))
    return [made / domain for domain in DOMAINS]


def _halved(data: Path, out: Path) -> Path:
    """Copy a data set; half of its dev documents become its test set."""
    out.mkdir(parents=True, exist_ok=True)
    documents = {"train": list(read(data / "train.jsonl")), "dev": [], "test": []}
    for document in read(data / "dev.jsonl"):
        documents["test" if int(digest(document["id"])[:8], 16) % 2 else "dev"].append(document)
    for split, rows in documents.items():
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (out / f"{split}.jsonl").write_text(lines, encoding="utf-8")
    return out


def run_lineage(cell: Cell) -> None:
    """Run the missing parts of the lineage; the assets before training run once for all seeds."""
    config, log = cell.home / f"settings-{cell.seed}.yaml", cell.home / "log"
    fresh = not log.is_file()
    (cell.home / "dagster").mkdir(parents=True, exist_ok=True)
    config.write_text(yaml.safe_dump(cell.settings()), encoding="utf-8")
    home = {"TEXT2GRAPH_HOME": str(cell.home), "DAGSTER_HOME": str(cell.home / "dagster")}
    env = {**os.environ, **home, "TEXT2GRAPH_CONFIG": str(config)}
    made = make_corpora(cell) if fresh else []
    for folder in made:
        timed([str(TOOLS / "text2graph"), "corpora", "add", str(folder), "--replace"], env, log)
    for folder in made:
        timed(_materialise(",".join(PARTITIONED), "--partition", folder.name), env, log)
    timed(_materialise("filtered_dataset*"), env, log)


def _materialise(select: str, *partition: str) -> list[str]:
    module = "text2graph_dagster.definitions"
    return [str(TOOLS / "dagster"), "asset", "materialize", "--select", select, *partition, "-m", module]


def read_or_run_arms(cell: Cell) -> pl.DataFrame:
    """Return the answers of every arm of a cell, from its file or by running it."""
    if not cell.arms.is_file():
        print(f"{cell.home.name}, seed {cell.seed}", file=sys.stderr, flush=True)
        run_lineage(cell)
        warehouse = Warehouse(path=str(cell.home / "warehouse.duckdb"))
        found = [Arm.of_stage(cell.home, warehouse, stage) for stage in ("sft", "grpo")]
        found.insert(1, answer_prompts(cell.home, warehouse, continue_sft(cell.home, *found)))
        pl.concat([arm.frame() for arm in found]).write_parquet(cell.arms)
    return pl.read_parquet(cell.arms)


def compare_arms(cells: Sequence[Cell], samples: int) -> tuple[list[dict[str, Any]], str]:
    """Return the table rows and the HTML page of cells that differ only in their seeds."""
    home = cells[0].home
    warehouse = Warehouse(path=str(home / "warehouse.duckdb"))
    answers_of_cells = [read_or_run_arms(cell) for cell in cells]
    gold = warehouse.read(_GOLD)  # after the lineage, which writes the table

    def with_seed(frame: pl.DataFrame, cell: Cell) -> pl.DataFrame:
        return frame.with_columns(pl.format("{} (seed {})", "passage_id", pl.lit(cell.seed)).alias("passage_id"))

    golds = pl.concat(with_seed(gold, cell) for cell in cells)
    predictions = pl.concat(with_seed(frame, cell) for frame, cell in zip(answers_of_cells, cells, strict=True))
    ontologies = {c: load_ontology(home / "corpora" / c / "ontology.yaml") for c in gold["corpus"].unique().sort()}
    rows = score_run("ablation", golds, predictions, ontologies, list(ARMS), samples).to_dicts()
    figures = FigureTable(rows, list(ARMS))
    costs = (
        pl.concat(answers_of_cells).group_by("system").agg(pl.mean("cpu_seconds"), pl.mean("tokens"), pl.mean("kept"))
    )
    table = list(_table(cells[0], figures, {row["system"]: row for row in costs.to_dicts()}, len(cells)))
    title = f"{home.name}, seeds {cells[0].seed} to {cells[-1].seed}"
    page = ReportData(
        title, "ablation", "", rows, list(ARMS), ontologies, labels=ARMS, configuration=cells[0].settings()
    )
    return table, render_report(page)


def _table(cell: Cell, figures: FigureTable, costs: Mapping[str, Any], seeds: int) -> Iterator[dict[str, Any]]:
    """Yield a row per arm and per difference, over all corpora of a set."""
    corpus = figures.corpora[0]
    head = {"set": cell.of, "way": cell.way, "thinking": "yes" if cell.thinking else "no", "seeds": seeds}
    for system, label in ARMS.items():
        row, entity = (figures.get(system, corpus, f"{kind}_strict_f1") for kind in ("relation", "entity"))
        cost = costs[system]
        better = "" if system == "sft" else f"{round(cost['kept'] * seeds)} of {seeds}"
        costs_of_arm = {
            "cpu s": round(cost["cpu_seconds"]),
            "tokens": round(cost["tokens"], 1),
            "better on dev": better,
        }
        yield {
            **head,
            "student": label,
            "relation F1": format_figure(row),
            "entity F1": format_figure(entity),
            **costs_of_arm,
        }
    for other in ("sft", "sft_on"):
        pair = [figures.get_delta("grpo", other, corpus, f"{kind}_strict_f1") for kind in ("relation", "entity")]
        cells = dict(zip(("relation F1", "entity F1"), (format_figure(row, signed=True) for row in pair), strict=True))
        yield {
            **head,
            "student": f"{ARMS['grpo']} − {ARMS[other]}",
            **cells,
            "cpu s": "",
            "tokens": "",
            "better on dev": "",
        }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="folder for all results")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--ways", nargs="+", choices=tuple(WAYS), default=["all"])
    parser.add_argument("--thinking", nargs="+", choices=("no", "yes"), default=["no", "yes"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a small version, to check that it runs")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    pages = arguments.home.resolve() / "pages"
    pages.mkdir(parents=True, exist_ok=True)
    for of in arguments.sets:
        for way in arguments.ways:
            for thinking in arguments.thinking:
                cells = [
                    Cell(arguments.home.resolve(), of, way, thinking == "yes", seed, arguments.quick)
                    for seed in range(1, arguments.seeds + 1)
                ]
                table, page = compare_arms(cells, Settings().evaluation.bootstrap_samples)
                (pages / f"{cells[0].home.name}.html").write_text(page, encoding="utf-8")
                rows += table
    show(rows, as_json=arguments.json)


if __name__ == "__main__":
    main()
