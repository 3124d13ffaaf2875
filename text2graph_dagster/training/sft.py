"""Supervised fine-tuning (SFT): `python -m text2graph_dagster.training.sft --config run.json`.

Makes or loads a student, trains it on the examples, and writes an ordinary model directory. If the run was
interrupted, the same command resumes from the last checkpoint; if it has finished, the command does nothing.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from text2graph_dagster.ontology import Ontology
from text2graph_dagster.runtime.config import read_config
from text2graph_dagster.runtime.output_directory import OutputDirectory
from text2graph_dagster.runtime.program import Stopwatch, run_program, set_threads, silence_trainer, work_offline
from text2graph_dagster.runtime.reporting import Reporter
from text2graph_dagster.settings import Settings, SftSettings
from text2graph_dagster.training.config import TrainingConfig
from text2graph_dagster.training.model_files import write_model_files
from text2graph_dagster.training.student_defaults import choose_optimizer, choose_sft_rate
from text2graph_dagster.training.train_once import train_once
from text2graph_dagster.training.trainer_setup import (
    make_adamw,
    split_batch,
    train_or_resume,
    trainer_arguments,
    with_schedule,
)

PROGRAM = "sft"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program."""
    return run_program(_run, arguments, "Fine-tune a student on the examples.")


def _run(path: Path, reporter: Reporter) -> None:
    config = read_config(TrainingConfig, path)
    work_offline(config.source)
    train_once(PROGRAM, config, reporter, train, ("student", "sft"), write_model_files)


def train(
    config: TrainingConfig,
    output: OutputDirectory,
    reporter: Reporter,
    student: tuple[Any, Any] | None = None,
    prepare: Callable[[Any], None] = lambda trainer: None,
) -> dict[str, Any]:
    """Train the student and write it to `output.finished`; return its entries of run.json.

    Args:
        student: the model and its tokenizer; None: make them from the configuration.
        prepare: called with the trainer before training starts.

    Raises:
        UserError: every example is too long, or the model cannot be used.
    """
    from text2graph_dagster.inference.loading import describe_model, load_student, save_student
    from text2graph_dagster.training.data.examples import read_examples
    from text2graph_dagster.training.data.schedule import make_training_rows, measure_padding
    from text2graph_dagster.training.model.adapters import merge_adapters
    from text2graph_dagster.training.model.student import make_student

    settings, stopwatch = config.settings, Stopwatch()
    threads = set_threads(settings.sft.threads)
    examples, ontologies = read_examples(config.train, settings, output.arrow), config.load_ontologies()
    model, tokenizer = student or make_student(config.source, settings, examples, list(ontologies.values()))
    summary = {"model": describe_model(model), "examples": len(examples)}
    _log_student(config.source, summary, ontologies, reporter)
    rows, summary["examples_too_long"] = make_training_rows(examples, tokenizer, settings, output.arrow)
    trainer = make_trainer(model, tokenizer, rows, settings, output, reporter)
    prepare(trainer)
    reporter.record_to(output.metrics, output.last_step())
    train_or_resume(trainer, output)
    save_student(merge_adapters(trainer.model, lambda: load_student(config.source)[0]), tokenizer, output.finished)
    padding = round(measure_padding(rows, trainer.args.per_device_train_batch_size), 4)
    summary |= {"padding_share": padding, "steps": settings.sft.max_steps, "threads": threads}
    return {**summary, **_evaluate(output.finished, config, ontologies, reporter), **stopwatch.read()}


def _log_student(
    source: str | Path, summary: Mapping[str, Any], ontologies: Mapping[str, Ontology], reporter: Reporter
) -> None:
    from text2graph_dagster.training.model.student import is_foreign_to_nano

    reporter.log(f"student: {summary['model']['parameters']:,} parameters; {summary['examples']:,} examples")
    if is_foreign_to_nano(source, list(ontologies.values())):
        reporter.log(
            "the nano base was pretrained on English only: compare the result with student.base_model: scratch"
        )


def _evaluate(
    directory: Path, config: TrainingConfig, ontologies: Mapping[str, Ontology], reporter: Reporter
) -> dict[str, Any]:
    """Return the dev metrics of the model in `directory`; empty if the configuration has no dev examples."""
    from text2graph_dagster.inference.loading import load_student
    from text2graph_dagster.training.dev_evaluation import digest_conditions, evaluate_dev, read_dev_examples

    dev = read_dev_examples(config.dev, config.settings)
    if not dev:
        return {}
    model, tokenizer = load_student(directory)
    return {
        "dev": evaluate_dev(model, tokenizer, dev, ontologies, config.settings, reporter),
        "dev_conditions": digest_conditions(config.dev, config.ontologies, config.settings),
    }


def make_trainer(
    model: Any, tokenizer: Any, rows: Any, settings: Settings, output: OutputDirectory, reporter: Reporter
) -> Any:
    """Return a TRL trainer over tokenised `rows`, a `datasets.Dataset` that is read in order."""
    from text2graph_dagster.training.callbacks import ReportCallback
    from text2graph_dagster.training.model.adapters import upcast_trained_weights
    from text2graph_dagster.training.sft_trainer import AnswerLossTrainer

    sft = settings.sft
    optimizer = make_optimizer(model, settings)
    trainer = AnswerLossTrainer(
        model=model,
        args=make_arguments(sft, settings.seed, output),
        train_dataset=rows,
        processing_class=tokenizer,
        optimizers=with_schedule(
            optimizer, steps=sft.max_steps, warmup_steps=sft.warmup_steps, decay_share=sft.decay_share
        ),
        callbacks=[ReportCallback(reporter, PROGRAM)],
    )
    return silence_trainer(upcast_trained_weights(trainer))


def make_optimizer(model: Any, settings: Settings) -> Any:
    """Return Muon with AdamW, or AdamW alone."""
    from text2graph_dagster.training.model.muon import MuonAdamW

    rate = choose_sft_rate(settings)
    return MuonAdamW(model, rate) if choose_optimizer(settings) == "muon" else make_adamw(model, rate)


def make_arguments(sft: SftSettings, seed: int, output: OutputDirectory) -> Any:
    """Return TRL's configuration."""
    from trl import SFTConfig

    return SFTConfig(
        **trainer_arguments(output, seed, steps=sft.max_steps, save_steps=sft.save_steps),
        **split_batch(sft.batch_size, sft.micro_batch),
        train_sampling_strategy="sequential",
        dataset_kwargs={"skip_prepare_dataset": True},  # rows are tokenised; the last label is the template's EOS token
        max_length=None,
        data_seed=seed,
    )


if __name__ == "__main__":
    sys.exit(main())
