"""What training and evaluation share: inputs for the programs, and checkpoints found by their content."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pyarrow.parquet as pq

from assets.conditions import when_data_changed
from assets.user_errors import OWNERS, svg_picture
from resources.home import Home
from resources.launcher import Launcher
from resources.warehouse import Replace, Warehouse
from text2graph_dagster.corpus.folder import ONTOLOGY, fingerprint
from text2graph_dagster.errors import UserError
from text2graph_dagster.evaluation.charts import line_chart
from text2graph_dagster.identity import digest, digest_json, sha256_of
from text2graph_dagster.inference.base_models import NANO_BASE
from text2graph_dagster.ontology import Ontology, load_ontology
from text2graph_dagster.prompts.rendering import render
from text2graph_dagster.settings import NANO, Settings

# Part of every checkpoint's identity: raise it when the training programs make something else of the same input.
TRAINING_VERSION = 4

EXAMPLES = """
SELECT f.*, p.text FROM filtered_dataset f
JOIN (SELECT corpus, passage_id, any_value(text) AS text FROM raw_corpus GROUP BY ALL) p USING (corpus, passage_id)
WHERE f.split = $1 OR NOT EXISTS (FROM filtered_dataset WHERE split = $1)
"""
EXAMPLES_WITH_TRUST = f"""
SELECT *, coalesce(list_min(list_transform(relations, lambda r: r.confidence)), 1.0) >= $2 AS trusted FROM ({EXAMPLES})
"""  # noqa: S608
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
_GOLD_COLUMNS = ("corpus", "passage_id", "doc_id", "split", "text", "entities", "relations")


@dataclass(frozen=True)
class Bench:
    """What a training or prediction step works with."""

    context: dg.AssetExecutionContext
    home: Home
    warehouse: Warehouse
    launcher: Launcher
    settings: Settings

    def ontology_files(self) -> dict[str, Path]:
        """Return the ontology file of every corpus in filtered_dataset."""
        corpora = self.warehouse.read("SELECT DISTINCT corpus FROM filtered_dataset ORDER BY corpus")["corpus"]
        return {corpus: self.home.corpora / corpus / ONTOLOGY for corpus in corpora}

    def ontologies(self) -> dict[str, Ontology]:
        """Return the ontology of every corpus in filtered_dataset."""
        return {corpus: load_ontology(path) for corpus, path in self.ontology_files().items()}

    def gold_version(self, split: str, corpus: str | None = None) -> str:
        """Return the version of a split's gold graphs, of the corpora in filtered_dataset or of one of them."""
        return str(self.warehouse.value(GOLD_VERSION, [split, corpus]))

    def gold(self, split: str) -> pl.DataFrame:
        """Return the gold passages of a split as examples that ask for their corpus's whole ontology.

        Columns: those of filtered_dataset that the programs read, and `text`; the messages hold the prompt only.
        """
        ontologies = self.ontologies()
        rows = self.warehouse.read(GOLD, [split])
        return pl.DataFrame(
            [_gold_example(row, ontologies[row["corpus"]], self.settings) for row in rows.iter_rows(named=True)],
            infer_schema_length=None,
        )


def _gold_example(row: Mapping[str, Any], ontology: Ontology, settings: Settings) -> dict[str, Any]:
    entity_types, relation_types = list(ontology.entity_names), list(ontology.relation_names)
    prompt = render(row["text"], entity_types, relation_types, ontology, settings.dataset.template, row["language"])
    return {
        "example_id": digest(row["corpus"], row["passage_id"]),
        **{column: row[column] for column in _GOLD_COLUMNS},
        "messages": [{"role": "user", "content": prompt}],
        "entity_types": entity_types,
        "relation_types": relation_types,
    }


def trained(deps: Sequence[Any], code_version: str) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Make an asset of what trains a model."""
    return dg.asset(
        deps=deps,
        code_version=code_version,
        group_name="model",
        kinds={"pytorch", "huggingface"},
        owners=OWNERS,
        pool="gpu",
        automation_condition=when_data_changed,
    )


def current(warehouse: Warehouse, stage: str) -> dict[str, Any] | None:
    """Return the row of the stage's present checkpoint, its config and metrics read; None when there is none."""
    rows = warehouse.read("SELECT * FROM checkpoints WHERE stage = ? AND current", [stage]).to_dicts()
    if not rows:
        return None
    return {**rows[0], "config": json.loads(rows[0]["config"]), "metrics": json.loads(rows[0]["metrics"])}


def train(
    bench: Bench,
    stage: str,
    module: str,
    sections: set[str],
    parent: Mapping[str, Any] | None,
    judge: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the stage's checkpoint for the present data and settings, training it unless it is there already.

    Args:
        module: the program, e.g. "text2graph_dagster.training.sft".
        sections: the sections of the settings that decide the result.
        parent: the checkpoint that it starts from.
        judge: the checkpoint of the reward model that rewards it.

    Raises:
        dagster.RetryRequested: the program failed; it goes on from its last save, once.
    """
    warehouse, base = bench.warehouse, bench.settings.student.base_model
    sections = {*sections, "seed", *(["reward_model"] if judge else [])}
    config = bench.settings.model_dump(mode="json", include=sections)
    dataset_digest = warehouse.version("filtered_dataset")
    checkpoint_id = digest_json(
        {
            "stage": stage,
            "config": config,
            "dataset": dataset_digest,
            "dev": bench.gold_version("dev"),
            "ontologies": {name: ontology.digest for name, ontology in bench.ontologies().items()},
            "parent": parent["checkpoint_id"] if parent else None,
            "base": base_identity(base),
            "version": TRAINING_VERSION,
            **({"judge": judge["checkpoint_id"]} if judge else {}),
        }
    )
    folder = bench.home.checkpoints / f"{stage}-{checkpoint_id[:12]}"
    known = warehouse.read("SELECT * FROM checkpoints WHERE checkpoint_id = ?", [checkpoint_id]).to_dicts()
    if known and sha256(folder) == known[0]["sha256"]:
        bench.context.log.info(f"{stage}: nothing has changed; {folder} is taken as it is")
        row = known[0]
    else:
        inputs = _write_inputs(bench, stage, folder, parent, judge)
        try:
            result = bench.launcher.run(bench.context, module, inputs)
        except dg.Failure as failure:  # a RetryPolicy would also try again what the user has interrupted
            raise dg.RetryRequested(max_retries=1) from failure
        row = {
            "checkpoint_id": checkpoint_id,
            "stage": stage,
            "path": str(folder),
            "sha256": sha256(folder),
            "parent": parent["checkpoint_id"] if parent else None,
            "config": json.dumps(config, ensure_ascii=False, sort_keys=True),
            "dataset_digest": dataset_digest,
            "metrics": json.dumps({k: v for k, v in result.items() if k not in {"type", "settings"}}),
        }
    _make_current(warehouse, {**row, "current": True})
    return current(warehouse, stage) or {}


def base_identity(base: str) -> str:
    """Return what tells one base model from another: of a directory, what stands in it; of a hub model, its name."""
    if base == NANO:
        return sha256_of(NANO_BASE / "model.safetensors")
    return fingerprint(Path(base)) if Path(base).is_dir() else base


def _write_inputs(
    bench: Bench, stage: str, folder: Path, parent: Mapping[str, Any] | None, judge: Mapping[str, Any] | None
) -> Path:
    """Write what the program reads beside its output, and return the path of its configuration."""
    inputs = folder.with_name(f"{folder.name}.inputs")
    inputs.mkdir(parents=True, exist_ok=True)
    reward = bench.settings.reward_model
    sql, trust = (EXAMPLES_WITH_TRUST, [reward.min_confidence]) if reward.enabled else (EXAMPLES, [])
    _write_slices(bench.warehouse.slices(sql, [stage, *trust], order=("example_id",)), inputs / "train.parquet")
    dev = bench.gold("dev")
    if dev.height:
        dev.write_parquet(inputs / "dev.parquet")
    config = {
        "settings": bench.settings.model_dump(mode="json"),
        "train": str(inputs / "train.parquet"),
        "dev": str(inputs / "dev.parquet") if dev.height else None,
        "ontologies": {name: str(path) for name, path in bench.ontology_files().items()},
        "base": parent["path"] if parent else None,
        "reward_model": judge["path"] if judge else None,
        "output": str(folder),
    }
    path = inputs / "run.json"
    path.write_text(json.dumps(config, ensure_ascii=False, indent=2), encoding="utf-8")
    return path


def _write_slices(slices: Iterator[pl.DataFrame], path: Path) -> None:
    """Write frames to one parquet file, one at a time.

    Raises:
        UserError: there are none.
    """
    first = next(slices, None)
    if first is None:
        raise UserError("filtered_dataset holds no examples: materialise it again.")
    table = first.to_arrow()
    with pq.ParquetWriter(path, table.schema) as writer:
        writer.write_table(table)
        for rows in slices:
            writer.write_table(rows.to_arrow().cast(table.schema))


def _make_current(warehouse: Warehouse, row: Mapping[str, Any]) -> None:
    others = warehouse.read(
        "SELECT * REPLACE (false AS current) FROM checkpoints WHERE stage = ? AND checkpoint_id <> ?",
        [row["stage"], row["checkpoint_id"]],
    )
    mine = pl.DataFrame([dict(row)], schema=others.schema)
    warehouse.commit(Replace("checkpoints", pl.concat([others, mine]), {"stage": row["stage"]}))


def sha256(folder: Path) -> str:
    """Return the digest of a model directory's weights; "" when there are none."""
    sha = hashlib.sha256()
    files = sorted(folder.glob("*.safetensors"))
    for file in files:
        sha.update(file.name.encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                sha.update(block)
    return sha.hexdigest() if files else ""


def learning_curves(checkpoint: Mapping[str, Any]) -> dict[str, list[tuple[float, float]]]:
    """Return (step, value) of every figure that the training program recorded."""
    path = Path(checkpoint["path"]) / "metrics.jsonl"
    points = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []
    names = sorted({name for point in points for name in point} - {"step"})
    return {n: [(p["step"], p[n]) for p in points if isinstance(p.get(n), int | float)] for n in names}


def checkpoint_metadata(checkpoint: Mapping[str, Any], charted: list[str]) -> dict[str, Any]:
    """Return what the UI shows of a checkpoint: where it lies, its dev figures, its curves."""
    curves = learning_curves(checkpoint)
    pictures = {name: svg_picture(line_chart({name: curves[name]}, name), name) for name in charted if name in curves}
    dev = {f"dev_{name}": value for name, value in (checkpoint["metrics"].get("dev") or {}).items()}
    told = ("examples", "examples_too_long", "steps", "seconds", "cpu_seconds")
    facts = {k: checkpoint["metrics"][k] for k in told if k in checkpoint["metrics"]}
    return {
        "path": dg.MetadataValue.path(checkpoint["path"]),
        "checkpoint_id": checkpoint["checkpoint_id"],
        "sha256": checkpoint["sha256"],
        **dev,
        **facts,
        **pictures,
    }
