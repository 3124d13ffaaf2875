"""Train the same student with different values of one setting: `python -m benchmarks.variants INPUTS --vary KEY=A,B`.

INPUTS is the folder beside an SFT checkpoint (`home/checkpoints/sft-….inputs`): its examples, dev examples and settings
are used. For example, `--vary student.wire=public,compact,indexed,lines` compares the forms that the student can write,
and `--vary seed=1,2,3` shows what the seed alone changes. `--set KEY=VALUE` changes a setting of all variants.
`--vary student.base_model=nano,smollm2` compares base models (docs/results.md).

Each variant is trained by the program of the pipeline in a process of its own; one that was interrupted resumes, and
one that has finished is read. The table has strict relation and entity F1 of the published model on the dev examples,
with 95 % intervals, the share of answers that could be parsed, the mean number of tokens of an answer, the seconds of
the run, and the peak memory of its process. If the dev examples come from several corpora, each corpus has a line of
its own too.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from benchmarks.support.table import show
from text2graph_dagster.errors import UserError
from text2graph_dagster.identity import digest_json
from text2graph_dagster.settings import Settings

PROGRAM = "text2graph_dagster.training.sft"


def main() -> int:
    """Print the table, a line per value; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", type=Path, help="folder beside an SFT checkpoint that has run.json")
    parser.add_argument("--vary", required=True, metavar="KEY=A,B", help="a setting and its values")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of all variants")
    parser.add_argument("--out", type=Path, required=True, help="folder for the students")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    key, _, values = arguments.vary.partition("=")
    config = json.loads((arguments.inputs / "run.json").read_text(encoding="utf-8"))
    for change in arguments.set:
        name, _, value = change.partition("=")
        set_value(config["settings"], name, value)
    try:
        rows = [row for value in values.split(",") for row in train_variant(config, key, value, arguments.out)]
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    show(rows, as_json=arguments.json)
    return 0


def set_value(settings: dict[str, Any], key: str, value: str) -> None:
    """Set a nested setting, such as `sft.max_steps`, to a value written as in YAML."""
    *sections, name = key.split(".")
    for section in sections:
        settings = settings[section]
    settings[name] = yaml.safe_load(value)


def train_variant(config: dict[str, Any], key: str, value: str, out: Path) -> list[dict[str, Any]]:
    """Return a variant's lines of the table; train the student unless that was done.

    Raises:
        UserError: the value is not valid, or the training failed.
    """
    settings = json.loads(json.dumps(config["settings"]))
    set_value(settings, key, value)
    Settings.model_validate(settings)
    directory = out / f"{key}={value.replace('/', '_')}-{digest_json({**config, 'settings': settings})[:8]}"
    out.mkdir(parents=True, exist_ok=True)
    path = directory.with_name(f"{directory.name}.json")  # the name has a dot of its own
    path.write_text(json.dumps({**config, "settings": settings, "output": str(directory)}), encoding="utf-8")
    print(f"{key}={value}", file=sys.stderr, flush=True)
    process = subprocess.Popen([sys.executable, "-m", PROGRAM, "--config", str(path)], stdout=sys.stderr)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise UserError(f"{key}={value}: the training failed; its output above says why.")
    memory = path.with_suffix(".memory")  # kept, because a student that is finished is not trained again
    if not memory.is_file():
        memory.write_text(f"{usage.ru_maxrss / 2**20:.1f}", encoding="utf-8")
    run = json.loads((directory / "run.json").read_text(encoding="utf-8"))
    cost = {"steps": run["steps"], "seconds": float(run["seconds"]), "GiB": float(memory.read_text(encoding="utf-8"))}
    return [{"value": value, **scores, **cost} for scores in describe_scores(path, directory, run["dev"])]


def describe_scores(config: Path, directory: Path, pooled: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the scores of a finished student: those of all dev examples and, if there are several, of each corpus."""
    from text2graph_dagster.inference.loading import load_student
    from text2graph_dagster.runtime.config import read_config
    from text2graph_dagster.runtime.reporting import Reporter
    from text2graph_dagster.training.config import TrainingConfig
    from text2graph_dagster.training.dev_evaluation import evaluate_dev, read_dev_examples

    run = read_config(TrainingConfig, config)
    examples = read_dev_examples(run.dev, run.settings)
    rows = [describe_corpus("all", pooled)]
    corpora = sorted({example.corpus for example in examples})
    if len(corpora) > 1:
        model, tokenizer = load_student(directory)
        for corpus in corpora:
            part = [example for example in examples if example.corpus == corpus]
            print(f"dev examples of {corpus}", file=sys.stderr, flush=True)
            dev = evaluate_dev(model, tokenizer, part, run.load_ontologies(), run.settings, Reporter(None))
            rows.append(describe_corpus(corpus, dev))
    return rows


def describe_corpus(corpus: str, dev: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of the table that describe the answers to some dev examples."""

    def interval(name: str) -> str:
        return f"{dev[name]:.3f} [{dev[f'{name}_low']:.3f}, {dev[f'{name}_high']:.3f}]"

    return {
        "corpus": corpus,
        "dev passages": dev["passages"],
        "relation F1": interval("relation_f1"),
        "precision": float(dev["relation_precision"]),
        "recall": float(dev["relation_recall"]),
        "entity F1": interval("entity_f1"),
        "parsed": f"{dev['parse_rate']:.3f}",
        "answer tokens": float(dev["answer_tokens"]),
    }


if __name__ == "__main__":
    sys.exit(main())
