"""The three students that benchmarks/ablation.py compares, with their cost and their answers."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from resources.checkpoints import current_checkpoint
from resources.warehouse import Warehouse
from text2graph_dagster.contracts import CONTRACTS, frame_of
from text2graph_dagster.evaluation.predictions import legal_graph
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.graph.rows import to_rows
from text2graph_dagster.identity import digest
from text2graph_dagster.ontology import load_ontology
from text2graph_dagster.settings import Settings
from text2graph_dagster.training.student_defaults import choose_sft_rate

ARMS = {"sft": "SFT", "sft_on": "SFT, continued", "grpo": "SFT + GRPO"}
# Share of SFT's learning rate for continued SFT: the full rate would undo what a converged student has learned.
_CONTINUED_RATE = 0.3


@dataclass(frozen=True)
class Arm:
    """A student: its directory, the processor seconds of its whole training, its dev F1, and its answers.

    `kept` tells whether the training after SFT was better on dev; if not, this is the SFT student.
    """

    system: str
    path: Path
    cpu_seconds: float
    dev: float
    kept: bool
    answers: pl.DataFrame

    @classmethod
    def of_stage(cls, home: Path, warehouse: Warehouse, stage: str) -> "Arm":
        """Return a student of the lineage.

        Raises:
            SystemExit: the lineage has no checkpoint of this stage.
        """
        checkpoint = current_checkpoint(warehouse, stage)
        if checkpoint is None:
            raise SystemExit(f"the lineage made no {stage} checkpoint")
        metrics, sft = checkpoint["metrics"], current_checkpoint(warehouse, "sft") or checkpoint
        before = sft["metrics"]["cpu_seconds"] if stage == "grpo" else 0.0
        kept = bool(metrics.get("improved_on_dev", True))
        path = checkpoint["path"] if kept else sft["path"]  # equal weights are evaluated once
        config_of_run = (json.loads(config.read_text("utf-8")) | {"run": config.stem} for config in _programs(home))
        run = next(program["run"] for program in config_of_run if program["model"] == path)
        answers = warehouse.read("SELECT * FROM predictions WHERE system = ? AND run = ?", [stage, run])
        cost, dev = metrics["cpu_seconds"] + before, metrics["dev"]["relation_f1"]
        return cls(stage, Path(checkpoint["path"]), cost, dev, kept, answers)

    def frame(self) -> pl.DataFrame:
        """Return its answers with its cost."""
        from text2graph_dagster.inference.loading import load_student

        _, tokenizer = load_student(self.path)
        outputs = [output or "" for output in self.answers["raw_output"]]
        tokens = [len(ids) for ids in tokenizer(outputs, add_special_tokens=False)["input_ids"]]
        return self.answers.with_columns(
            pl.lit(self.system).alias("system"),
            pl.Series("tokens", tokens, dtype=pl.Int64),
            pl.lit(float(self.kept)).alias("kept"),
            pl.lit(self.cpu_seconds).alias("cpu_seconds"),
        )


def _programs(home: Path) -> list[Path]:
    """Return the configurations of the lineage's prediction programs."""
    return [path for path in (home / "predictions").glob("*.json") if "." not in path.stem]


def continue_sft(home: Path, sft: Arm, grpo: Arm) -> Arm:
    """Continue SFT for the processor seconds that GRPO took; keep the better student on dev."""
    inputs = json.loads(sft.path.with_name(f"{sft.path.name}.inputs").joinpath("run.json").read_text("utf-8"))
    settings = inputs["settings"]
    seconds = grpo.cpu_seconds - sft.cpu_seconds
    run = json.loads((sft.path / "run.json").read_text(encoding="utf-8"))
    steps = max(1, round(run["steps"] * seconds / sft.cpu_seconds))
    rate = _CONTINUED_RATE * choose_sft_rate(Settings.model_validate(settings), run["model"]["parameters"])
    settings["sft"] |= {"max_steps": steps, "learning_rate": rate, "curriculum_share": 0.0, "decay_share": 1.0}
    settings["seed"] += 1  # other samples of the same examples
    output = home / "taught-on" / sft.path.name
    config = home / f"taught-on-{sft.path.name}.json"
    config.write_text(json.dumps({**inputs, "settings": settings, "base": str(sft.path), "output": str(output)}))
    _run("text2graph_dagster.training.sft", config)
    made = json.loads((output / "run.json").read_text(encoding="utf-8"))
    dev, cost = made["dev"]["relation_f1"], sft.cpu_seconds + made["cpu_seconds"]
    kept = dev > sft.dev
    return Arm("sft_on", output if kept else sft.path, cost, max(dev, sft.dev), kept, sft.answers)


def answer_prompts(home: Path, warehouse: Warehouse, arm: Arm) -> Arm:
    """Return the student with its answers to the SFT student's prompts; `arm` has the SFT student's answers."""
    if not arm.kept:
        return arm
    run = arm.answers["run"][0]
    prompts, output = (home / "predictions" / f"{run}.{name}" for name in ("prompts.parquet", "taught-on.parquet"))
    config_of_run = json.loads((home / "predictions" / f"{run}.json").read_text(encoding="utf-8"))
    config = home / "predictions" / f"{run}.taught-on.json"
    config.write_text(
        json.dumps({**config_of_run, "model": str(arm.path), "prompts": str(prompts), "output": str(output)})
    )
    _run("text2graph_dagster.evaluation.predict", config)
    return Arm(arm.system, arm.path, arm.cpu_seconds, arm.dev, True, _legal(home, warehouse, arm.answers, output))


def _legal(home: Path, warehouse: Warehouse, like: pl.DataFrame, output: Path) -> pl.DataFrame:
    """Return answers as rows of the table predictions, for the passages of `like`."""
    texts = dict(warehouse.read("SELECT passage_id, any_value(text) FROM raw_corpus GROUP BY ALL").iter_rows())
    answers = {row["id"]: row for row in pl.read_parquet(output).to_dicts()}
    ontologies = {c: load_ontology(home / "corpora" / c / "ontology.yaml") for c in like["corpus"].unique()}
    rows: list[dict[str, Any]] = []
    for row in like.to_dicts():
        ontology, answer_row = ontologies[row["corpus"]], answers[digest(row["corpus"], row["passage_id"])]
        types = (ontology.entity_names, ontology.relation_names)
        graph = legal_graph(answer_row["raw_output"], texts[row["passage_id"]], *types, ontology)
        entities, relations = to_rows(graph or Graph())
        rows.append({**row, **answer_row, "entities": entities, "relations": relations})
    return frame_of(rows, CONTRACTS["predictions"].dtypes)


def _run(module: str, config: Path) -> None:
    done = subprocess.run([sys.executable, "-m", module, "--config", str(config)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{module} --config {config} failed:\n{done.stderr[-3000:]}")
