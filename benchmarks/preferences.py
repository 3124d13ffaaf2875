"""Measure what a reward model ranks correctly and what it adds to GRPO: `python -m benchmarks.preferences HOME OUT`.

HOME is a home folder in which the lineage has run with dev gold; it is only read. A share of GRPO's graphs counts as
trusted (`--share`, 10 %), the others as unknown. A reward model is trained on the trusted graphs and evaluated on pairs
from dev gold (first table: n, accuracy, Wilson interval, by kind of mistake). Then GRPO runs three times from the same
SFT model, for the same number of steps: on the trusted passages alone; on all passages, with the reward model if the
graph is not trusted; on all passages with every graph. The second table has strict relation F1 on dev gold after the
last step (no step is selected) and the differences with paired bootstrap intervals over passages. There is one training
seed per row, so the intervals cover the variance of passages, not of training.

Every part is kept in OUT, so that the same command continues after an interruption. `--quick`: few steps, to check that
it runs.
"""

import argparse
import json
import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.support.table import show
from text2graph_dagster.bootstrap import percentile_interval, resample_sums
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.identity import digest
from text2graph_dagster.inference.answer_format import answer_forms
from text2graph_dagster.rewards.canonical import inverted_relations
from text2graph_dagster.settings import merge
from text2graph_dagster.training.config import TrainingConfig

SAMPLES = 10_000
DECIDING = ("seed", "student", "sft", "grpo", "decoding", "evaluation")  # the sections that the programs read
SFT, ALONE, JUDGED, EVERY = "SFT", "GRPO, trusted graphs alone", "GRPO, reward model elsewhere", "GRPO, every graph"
Counts = npt.NDArray[np.float64]  # (passages, right · predicted · gold relations)


def main() -> None:
    """Run from the command line."""
    arguments = _arguments()
    folder = arguments.out
    folder.mkdir(parents=True, exist_ok=True)
    config = _config(arguments.home, arguments)
    _share_out(Path(config["train"]), folder, arguments.share, arguments.seed)
    some, every = str(folder / "trusted.parquet"), str(folder / "every.parquet")
    reward_model = _run("reward_model", "reward_model", {**config, "train": every}, folder)
    dev = json.loads((reward_model / "run.json").read_text(encoding="utf-8"))["dev"]
    show(_pairs(dev), as_json=arguments.json)
    blind = {**config, "dev": None}
    models = {SFT: Path(config["base"])}
    models[ALONE] = _run("grpo", "alone", {**blind, "train": some}, folder)
    models[JUDGED] = _run("grpo", "judged", {**blind, "train": every, "reward_model": str(reward_model)}, folder)
    if not arguments.no_ceiling:
        models[EVERY] = _run("grpo", "every", {**blind, "train": every}, folder)
    counts = {name: _count_relations(model, config, folder) for name, model in models.items()}
    show(_lines(counts, models), as_json=arguments.json)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path, help="a home folder in which the lineage has run")
    parser.add_argument("out", type=Path, help="folder for all results")
    parser.add_argument("--share", type=float, default=0.1, help="share of the graphs that are trusted")
    parser.add_argument("--steps", type=int, default=25, help="steps of GRPO")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--no-ceiling", action="store_true", help="leave out GRPO on every graph")
    parser.add_argument("--quick", action="store_true", help="few steps, to check that it runs")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser.parse_args()


def _config(home: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the configuration of the home's last GRPO run, with the changes of this benchmark."""
    found = sorted(home.glob("checkpoints/grpo-*.inputs/run.json"), key=lambda path: path.stat().st_mtime)
    if not found:
        sys.exit(f"{home} has no GRPO run: run the lineage there first.")
    config: dict[str, Any] = json.loads(found[-1].read_text(encoding="utf-8"))
    steps = 2 if arguments.quick else arguments.steps
    changes: dict[str, Any] = {"seed": arguments.seed, "grpo": {"max_steps": steps}}
    if arguments.quick:
        changes["reward_model"] = {"max_steps": 5, "training_passages": 20, "eval_passages": 20}
        changes["student"] = {"dev_examples": 40}
    kept = {name: config["settings"][name] for name in DECIDING}
    kept["dataset"] = {"thinking": config["settings"]["dataset"]["thinking"]}
    return {**config, "settings": merge(kept, changes)}


def _share_out(examples: Path, folder: Path, share: float, seed: int) -> None:
    """Write the trusted examples, and all examples with a column that marks the trusted ones."""
    frame = pl.read_parquet(examples).sort("example_id")
    order = random.Random(seed).sample(range(frame.height), frame.height)
    trusted = set(order[: round(frame.height * share)])
    marked = frame.with_columns(trusted=pl.Series([i in trusted for i in range(frame.height)]))
    marked.write_parquet(folder / "every.parquet")
    marked.filter("trusted").write_parquet(folder / "trusted.parquet")


def _run(program: str, name: str, config: Mapping[str, Any], folder: Path) -> Path:
    """Run a training program, unless it has already finished; return the model's folder."""
    path, output = folder / f"{name}.json", folder / name
    path.write_text(json.dumps({**config, "output": str(output)}), encoding="utf-8")
    TrainingConfig.model_validate_json(path.read_text(encoding="utf-8"))
    command = [sys.executable, "-m", f"text2graph_dagster.training.{program}", "--config", str(path)]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return output


def _pairs(dev: Mapping[str, float]) -> list[dict[str, Any]]:
    kinds = [name.removesuffix("_pairs") for name in dev if name.endswith("_pairs")]
    return [
        {"pairs": kind, "n": int(dev[f"{kind}_pairs"])}
        | {name: round(dev[f"{kind}_{name}"], 3) for name in ("accuracy", "low", "high")}
        for kind in kinds
        if dev[f"{kind}_pairs"]
    ]


def _count_relations(model: Path, config: Mapping[str, Any], folder: Path) -> Counts:
    """Return the counts of a model's filtered answers to the dev passages, cached in `folder`."""
    known = folder / f"counts-{digest(str(model.resolve()), (model / 'run.json').read_text(encoding='utf-8'))}.npy"
    if known.is_file():
        kept: Counts = np.load(known, allow_pickle=False)
        return kept
    from text2graph_dagster.evaluation.predictions import legal_graph
    from text2graph_dagster.inference.batch_generation import answer_prompts
    from text2graph_dagster.inference.chat_template import render_prompts
    from text2graph_dagster.inference.loading import load_student
    from text2graph_dagster.training.dev_evaluation import comparable_triples, read_dev_examples

    whole = TrainingConfig.model_validate(config)
    student, tokenizer = load_student(model)
    examples, ontologies = read_dev_examples(whole.dev, whole.settings), whole.load_ontologies()
    prompts = render_prompts([example.prompt for example in examples], tokenizer)
    size = whole.settings.evaluation
    answers = answer_prompts(
        student,
        tokenizer,
        prompts,
        max_new_tokens=size.max_new_tokens,
        batch_size=size.batch_size,
        forms=answer_forms(examples, whole.settings),
    )
    rows = []
    for example, answer in zip(examples, answers, strict=True):
        ontology = ontologies[example.corpus]
        types = example.entity_types, example.relation_types
        graph = legal_graph(answer.text, example.text, *types, ontology) or Graph()
        inverted = inverted_relations(ontology)
        predicted, gold = comparable_triples(graph, inverted), comparable_triples(example.graph, inverted)
        rows.append((len(predicted & gold), len(predicted), len(gold)))
    counts = np.array(rows, dtype=np.float64)
    np.save(known, counts)
    return counts


def _f1(sums: Counts) -> Counts:
    return 2 * sums[..., 0] / np.maximum(1, sums[..., 1] + sums[..., 2])


def _lines(counts: Mapping[str, Counts], models: Mapping[str, Path]) -> list[dict[str, Any]]:
    """Return a row per model: F1, precision, recall, and the differences to SFT and to GRPO on trusted graphs alone."""
    joined = np.concatenate(list(counts.values()), axis=1)
    resampled = resample_sums(joined, SAMPLES, seed=0).reshape(SAMPLES, len(counts), 3)
    draws = {name: _f1(resampled[:, i]) for i, name in enumerate(counts)}
    lines = []
    for name, rows in counts.items():
        right, predicted, gold = rows.sum(axis=0)
        run = json.loads((models[name] / "run.json").read_text(encoding="utf-8"))
        figures = {"passages": len(rows), "F1": f"{_f1(rows.sum(axis=0)):.3f}"}
        figures |= {"precision": f"{right / max(1, predicted):.3f}", "recall": f"{right / max(1, gold):.3f}"}
        gains = {f"over {base}": _format_gain(name, base, counts, draws) for base in (SFT, ALONE)}
        lines.append({"model": name, **figures, **gains, "cpu s": run["cpu_seconds"]})
    return lines


def _format_gain(name: str, base: str, counts: Mapping[str, Counts], draws: Mapping[str, Counts]) -> str:
    if name == base:
        return ""
    gain = float(_f1(counts[name].sum(axis=0)) - _f1(counts[base].sum(axis=0)))
    low, high = percentile_interval(draws[name] - draws[base]) or (0.0, 0.0)
    return f"{gain:+.3f} [{low:+.3f}, {high:+.3f}]"


if __name__ == "__main__":
    main()
