"""Supervised fine-tuning (SFT): `python -m text2graph_dagster.training.sft --config run.json`.

Makes or loads a student, trains it on the examples, and writes an ordinary model directory: the model that is best on
the dev examples, or the last one if dev is not evaluated during training. If the run was interrupted, the same command
resumes from the last checkpoint; if it has finished, the command does nothing.
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
from text2graph_dagster.settings import Settings
from text2graph_dagster.training.config import TrainingConfig
from text2graph_dagster.training.data.examples import Example
from text2graph_dagster.training.model_files import write_model_files
from text2graph_dagster.training.student_defaults import (
    choose_dev_checks,
    choose_optimizer,
    choose_sft_rate,
    choose_sft_steps,
)
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
    from text2graph_dagster.inference.loading import describe_model
    from text2graph_dagster.training.data.examples import read_examples
    from text2graph_dagster.training.data.schedule import make_training_rows, measure_padding
    from text2graph_dagster.training.dev_evaluation import read_dev_examples
    from text2graph_dagster.training.model.student import make_student

    settings, stopwatch = config.settings, Stopwatch()
    threads = set_threads(settings.sft.threads)
    examples, ontologies = read_examples(config.train, settings, output.arrow), config.load_ontologies()
    model, tokenizer = student or make_student(config.source, settings, examples, list(ontologies.values()))
    summary = {"model": describe_model(model), "examples": len(examples)}
    _log_student(config.source, summary, ontologies, reporter)
    rows, too_long = make_training_rows(examples, tokenizer, settings, output.arrow)
    trainer = make_trainer(model, tokenizer, rows, settings, output, reporter)
    prepare(trainer)
    reporter.record_to(output.metrics, output.last_step())
    dev = read_dev_examples(config.dev, settings)
    sample = dev[: settings.sft.dev_check_examples]  # dev is in random order
    selection = _make_selection(tokenizer, sample, ontologies, config, output, reporter)
    _log_budget(rows, len(examples) - too_long, settings, reporter)
    _add_callbacks(trainer, tokenizer, rows, dev, sample, selection, settings, reporter)
    if not (selection and selection.has_run_out):
        train_or_resume(trainer, output)
    summary |= {"examples_too_long": too_long, **_publish(trainer, tokenizer, selection, config, output)}
    padding = round(measure_padding(rows, trainer.args.per_device_train_batch_size), 4)
    summary |= {"padding_share": padding, "threads": threads}
    return {**summary, **_evaluate(output.finished, dev, config, ontologies, reporter), **stopwatch.read()}


def _make_selection(
    tokenizer: Any,
    sample: Sequence[Example],
    ontologies: Mapping[str, Ontology],
    config: TrainingConfig,
    output: OutputDirectory,
    reporter: Reporter,
) -> Any:
    """Return the callback that keeps the best model on a sample of dev; None if dev is not evaluated in training."""
    from text2graph_dagster.training.best_checkpoint import make_selection, space_checks

    settings = config.settings
    checks = choose_dev_checks(settings)
    if checks and not sample:
        reporter.log("there are no dev examples: the model of the last step will be kept")
    if not checks or not sample:
        return None
    reporter.log(f"dev is evaluated {checks} times during training, on {len(sample)} passages; the best model is kept")
    steps = space_checks(choose_sft_steps(settings), checks)
    return make_selection(
        tokenizer, sample, ontologies, steps, config, output, reporter, patience=settings.sft.patience
    )


def _log_budget(rows: Any, examples: int, settings: Settings, reporter: Reporter) -> None:
    """Log how much is trained on, before the first step."""
    from text2graph_dagster.training.data.schedule import measure_rows

    reporter.log(
        f"{choose_sft_steps(settings):,} steps of {settings.sft.batch_size} examples: "
        f"{len(rows) / examples:.1f} passes over {examples:,} examples, {sum(measure_rows(rows)):,} tokens"
    )


def _add_callbacks(
    trainer: Any,
    tokenizer: Any,
    rows: Any,
    dev: Sequence[Example],
    sample: Sequence[Example],
    selection: Any,
    settings: Settings,
    reporter: Reporter,
) -> None:
    """Add the forecast of the run's time, then the evaluations on dev, which must not count as training time."""
    from text2graph_dagster.training.callbacks import ForecastCallback
    from text2graph_dagster.training.data.schedule import count_step_tokens
    from text2graph_dagster.training.dev_evaluation import estimate_dev_cost

    steps, evaluations = choose_sft_steps(settings), {}
    step_tokens = count_step_tokens(rows, settings.sft.batch_size, trainer.args.per_device_train_batch_size)
    if selection:
        evaluations = dict.fromkeys(selection.steps, estimate_dev_cost(sample, tokenizer))
    evaluations[steps] = evaluations.get(steps, 0.0) + estimate_dev_cost(dev, tokenizer)
    trainer.add_callback(ForecastCallback(step_tokens, evaluations, reporter))
    if selection:
        trainer.add_callback(selection)


def _publish(
    trainer: Any, tokenizer: Any, selection: Any, config: TrainingConfig, output: OutputDirectory
) -> dict[str, Any]:
    """Write the best model to `output.finished`, or the last one without `selection`; return what run.json says."""
    from text2graph_dagster.inference.loading import save_student
    from text2graph_dagster.training.model.adapters import export_model

    steps = trainer.state.global_step or output.last_step()  # 0 if the run had stopped early before it was killed
    if not selection:
        save_student(export_model(trainer.model, config.source), tokenizer, output.finished)
        return {"steps": steps, "kept_step": steps, "dev_checks": []}
    kept = selection.best.copy_to(output.finished)
    names = ("relation_f1", "relation_f1_low", "relation_f1_high", "entity_f1")
    checks = [
        {"step": point["step"], **{name: point[f"dev_{name}"] for name in names}} for point in selection.read_history()
    ]
    return {"steps": steps, "kept_step": kept["step"], "dev_checks": checks}


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
    directory: Path,
    dev: Sequence[Example],
    config: TrainingConfig,
    ontologies: Mapping[str, Ontology],
    reporter: Reporter,
) -> dict[str, Any]:
    """Return the dev metrics of the model in `directory`; empty without dev examples."""
    from text2graph_dagster.inference.loading import load_student
    from text2graph_dagster.training.dev_evaluation import digest_conditions, evaluate_dev

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
    from text2graph_dagster.training.cpu_speed import MemoryCallback, speed_up_layers, uses_bfloat16
    from text2graph_dagster.training.data.schedule import measure_rows
    from text2graph_dagster.training.model.adapters import upcast_trained_weights
    from text2graph_dagster.training.sft_trainer import AnswerLossTrainer

    sft, steps = settings.sft, choose_sft_steps(settings)
    speed_up_layers(model, max(measure_rows(rows)), steps, reporter.log)
    optimizer = make_optimizer(model, settings)
    trainer = AnswerLossTrainer(
        model=model,
        args=make_arguments(settings, output, uses_bfloat16(model, settings.student)),
        train_dataset=rows,
        processing_class=tokenizer,
        optimizers=with_schedule(optimizer, steps=steps, warmup_steps=sft.warmup_steps, decay_share=sft.decay_share),
        callbacks=[ReportCallback(reporter, PROGRAM), MemoryCallback()],
    )
    return silence_trainer(upcast_trained_weights(trainer))


def make_optimizer(model: Any, settings: Settings) -> Any:
    """Return Muon with AdamW, or AdamW alone."""
    from text2graph_dagster.inference.loading import describe_model
    from text2graph_dagster.training.model.muon import MuonAdamW

    rate = choose_sft_rate(settings, describe_model(model)["parameters"])
    return MuonAdamW(model, rate) if choose_optimizer(settings) == "muon" else make_adamw(model, rate)


def make_arguments(settings: Settings, output: OutputDirectory, bfloat16: bool) -> Any:
    """Return TRL's configuration."""
    from trl import SFTConfig

    sft = settings.sft
    return SFTConfig(
        **trainer_arguments(
            output, settings.seed, steps=choose_sft_steps(settings), save_steps=sft.save_steps, bfloat16=bfloat16
        ),
        **split_batch(sft.batch_size, sft.micro_batch),
        train_sampling_strategy="sequential",
        dataset_kwargs={"skip_prepare_dataset": True},  # rows are tokenised; the last label is the template's EOS token
        max_length=None,
        pad_to_multiple_of=8 if bfloat16 else None,  # fewer shapes, so memory is less fragmented
        data_seed=settings.seed,
    )


if __name__ == "__main__":
    sys.exit(main())
