"""Pretrain the nano base: `python -m examples.nano_base.pretrain --out nano_base`.

Generates examples, trains a tokenizer on them, trains an untrained nano student with the project's own supervised
fine-tuning, and writes a Transformers model directory. After an interruption the same command resumes from the last
checkpoint. README.md describes what is generated and why.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from examples.nano_base import lexicon, words
from examples.nano_base.card import card
from examples.nano_base.ontology import all_type_names
from examples.nano_base.rows import make_rows
from text2graph_dagster.files import write_parquet_atomically
from text2graph_dagster.runtime.output_directory import OutputDirectory
from text2graph_dagster.runtime.program import prepare_environment, read_package_versions, work_offline
from text2graph_dagster.runtime.reporting import Reporter, open_reporter
from text2graph_dagster.settings import SCRATCH, Settings
from text2graph_dagster.training.config import TrainingConfig

SEED = 11
EXAMPLES = 150_000
STEPS = 12_000
VOCABULARY = 5_120
HELD_OUT = 500
LICENSE = "apache-2.0"
_ROWS_FOR_TOKENIZER = 4_000
_WORD_REPETITIONS = 30  # how often every word of the lexicon is in the texts for the tokenizer
_SAVE_STEPS = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="model directory to create")
    parser.add_argument("--examples", type=int, default=EXAMPLES)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    given = parser.parse_args(arguments)
    prepare_environment()
    work_offline(SCRATCH)
    with open_reporter() as reporter:
        pretrain(given.out, given.examples, given.steps, given.seed, given.threads, reporter)
    return 0


def pretrain(out: Path, examples: int, steps: int, seed: int, threads: int, reporter: Reporter) -> None:
    """Train the base and write it to the folder `out`; intermediate files are in `<out>.work`."""
    from examples.nano_base.tying import TiedTypes
    from text2graph_dagster.training import sft
    from text2graph_dagster.training.model.nano import build_nano
    from text2graph_dagster.training.model.type_tokens import TYPE, add_type_tokens, tokenise_type_name

    work = out.with_name(out.name + ".work")
    work.mkdir(parents=True, exist_ok=True)
    settings = _settings(steps, seed, threads)
    train = _write_examples(work / f"train-{examples}-{seed}.parquet", examples, seed, reporter)
    config = TrainingConfig(settings=settings, train=train, ontologies={}, output=work / "taught")
    output = OutputDirectory(config.output, config.compute_identity("pretrain", config.hash_inputs()))
    result = output.read_finished_run()
    if result is None:
        output.open()
        tokenizer = learn_tokenizer(seed)
        tokenizer.save_pretrained(work / "tokenizer")
        model = build_nano(settings.student, tokenizer, seed)
        names = all_type_names()
        tied = [tokenise_type_name(tokenizer, name) for name in names]
        add_type_tokens(model, tokenizer, names)
        ties = TiedTypes(model, tied, tokenizer.convert_tokens_to_ids(TYPE))
        result = sft.train(config, output, reporter, (model, tokenizer), lambda trainer: trainer.add_callback(ties))
        output.finish(result)
    held_out = _write_examples(work / f"held-out-{seed}.parquet", HELD_OUT, seed + 2, reporter)
    publish(
        work,
        out,
        {**result, "seed": seed, "generated": examples, "versions": read_package_versions()},
        held_out,
        reporter,
    )
    reporter.log(f"wrote {out}")


def _settings(steps: int, seed: int, threads: int) -> Settings:
    return Settings.load(
        None,
        {
            "seed": seed,
            "student": {"base_model": SCRATCH, "vocabulary": VOCABULARY},
            "sft": {"max_steps": steps, "name_augmentation_share": 0.0, "save_steps": _SAVE_STEPS, "threads": threads},
        },
    )


def _write_examples(path: Path, count: int, seed: int, reporter: Reporter) -> Path:
    if not path.is_file():
        rows = []
        for row in make_rows(count, seed):
            rows.append(row)
            reporter.log_progress("examples", len(rows), count)
        write_parquet_atomically(pl.DataFrame(rows, infer_schema_length=None), path)
    return path


def learn_tokenizer(seed: int) -> Any:
    """Return the tokenizer of the base, trained on generated passages and the lexicon."""
    from tokenizers import AddedToken

    from text2graph_dagster.training.model.tokenizer import train_tokenizer
    from text2graph_dagster.training.model.type_tokens import TYPE

    tokenizer = train_tokenizer(_texts(seed), [], VOCABULARY)
    tokenizer.add_tokens([AddedToken(TYPE, normalized=False, special=True)])
    return tokenizer


def _texts(seed: int) -> Iterator[str]:
    for row in make_rows(_ROWS_FOR_TOKENIZER, seed + 1):
        yield "\n " + row["text"].replace("\n", "\n ")
    lexicon_words = sorted({*words.NOUNS, *words.ADJECTIVES, *words.PAST, *words.ADVERBS, *lexicon.all_words()})
    for word in [*lexicon_words, *all_type_names()]:
        yield f" {word} {word.capitalize()}" * _WORD_REPETITIONS


def publish(work: Path, out: Path, result: dict[str, Any], held_out: Path, reporter: Reporter) -> None:
    """Write the trained model without its type tokens, in half precision, with run.json and its model card."""
    import torch
    from transformers import AutoTokenizer

    from text2graph_dagster.inference.loading import load_student, save_student
    from text2graph_dagster.training.data.examples import read_examples
    from text2graph_dagster.training.dev_evaluation import evaluate_dev
    from text2graph_dagster.training.model.type_tokens import add_type_tokens

    model, _ = load_student(work / "taught")
    tokenizer = AutoTokenizer.from_pretrained(work / "tokenizer")
    model.resize_token_embeddings(len(tokenizer))
    parameters = sum(p.numel() for p in model.parameters())
    save_student(model.to(torch.float16), tokenizer, out)
    model, tokenizer = load_student(out)
    add_type_tokens(model, tokenizer, all_type_names())
    settings = Settings.load(None, {"student": {"base_model": SCRATCH}})
    result["held_out"] = evaluate_dev(model, tokenizer, read_examples(held_out, settings), {}, settings, reporter)
    (out / "run.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    (out / "README.md").write_text(card(result, parameters, LICENSE), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
