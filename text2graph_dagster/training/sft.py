"""Supervised fine-tuning: `python -m text2graph_dagster.training.sft --config run.json`.

Makes a student (or takes one), teaches it the examples, and writes an ordinary model directory. The same command goes
on from the last checkpoint after a kill, and does nothing when it has ended before.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from text2graph_dagster.errors import UserError
from text2graph_dagster.runtime.config import read_config
from text2graph_dagster.runtime.output_directory import OutputDirectory
from text2graph_dagster.runtime.program import Stopwatch, run_program, set_threads, silence_trainer, work_offline
from text2graph_dagster.runtime.reporting import Reporter
from text2graph_dagster.settings import Settings, SftSettings
from text2graph_dagster.training.config import TrainingConfig
from text2graph_dagster.training.data.schedule import IGNORED
from text2graph_dagster.training.export import publish
from text2graph_dagster.training.run import adamw, arguments, in_parts, make_once, scheduled
from text2graph_dagster.training.student_defaults import optimizer_of, sft_rate

PROGRAM = "sft"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program."""
    return run_program(_train, arguments, "Teach a student the examples.")


def _train(path: Path, reporter: Reporter) -> None:
    config = read_config(TrainingConfig, path)
    work_offline(config.source)
    make_once(PROGRAM, config, reporter, teach, ("student", "sft"), publish)


def teach(
    config: TrainingConfig,
    output: OutputDirectory,
    reporter: Reporter,
    student: tuple[Any, Any] | None = None,
    prepare: Callable[[Any], None] = lambda trainer: None,
) -> dict[str, Any]:
    """Train, and write the model to `output.finished`; return what run.json says about it.

    Args:
        student: the model and its tokenizer; none: what the configuration names.
        prepare: is given the trainer before it begins.

    Raises:
        UserError: no example is short enough, or the model cannot be used.
    """
    from text2graph_dagster.inference.loading import describe_model, load_student, save_student
    from text2graph_dagster.training.data.arrow_files import from_rows
    from text2graph_dagster.training.data.examples import read_examples
    from text2graph_dagster.training.data.schedule import (
        ROW,
        lay_course,
        measure_lengths,
        padding_of,
        rows_of_course,
        store_tokens,
    )
    from text2graph_dagster.training.dev_evaluation import conditions, measure, read_dev
    from text2graph_dagster.training.model.adapters import merged
    from text2graph_dagster.training.model.student import is_foreign_to_nano, make_student

    settings, watch = config.settings, Stopwatch()
    threads = set_threads(settings.sft.threads)
    examples, ontologies = read_examples(config.train, settings, output.arrow), config.load_ontologies()
    model, tokenizer = student or make_student(config, examples, list(ontologies.values()))
    description = describe_model(model)
    reporter.log(f"student: {description['parameters']:,} parameters; {len(examples):,} examples")
    if is_foreign_to_nano(config, list(ontologies.values())):
        reporter.log("the nano base has read English only: see whether student.base_model: scratch does better here")
    store = store_tokens(examples, tokenizer, output.arrow / "tokens.arrow")
    lengths = measure_lengths(store)
    short = [i for i, length in enumerate(lengths) if length <= settings.sft.max_length]
    if not short:
        raise UserError("every example is longer than sft.max_length: raise it, or cut the passages shorter.")
    course = lay_course(examples.select(short), [lengths[i] for i in short], settings)
    rows = from_rows(rows_of_course(course, store.select(short), tokenizer), output.arrow / "course.arrow", ROW)
    trainer = make_trainer(config, model, tokenizer, rows, output, reporter)
    prepare(trainer)
    checkpoint = output.last_checkpoint()
    reporter.record_to(output.metrics, output.last_step())
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    whole = merged(trainer.model, lambda: load_student(config.source)[0])
    save_student(whole, tokenizer, output.finished)
    result = {
        "model": description,
        "examples": len(examples),
        "examples_too_long": len(examples) - len(short),
        "padding_share": round(padding_of(rows, trainer.args.per_device_train_batch_size), 4),
        "steps": settings.sft.max_steps,
        "threads": threads,
    }
    if dev := read_dev(config):
        finished, tokenizer = load_student(output.finished)
        result["dev"] = measure(finished, tokenizer, dev, ontologies, settings, reporter)
        result["dev_conditions"] = conditions(config)
    return {**result, **watch.read()}


def make_trainer(
    config: TrainingConfig,
    model: Any,
    tokenizer: Any,
    course: Any,
    output: OutputDirectory,
    reporter: Reporter,
) -> Any:
    """Return a TRL trainer over the tokenised course, a `datasets.Dataset`, in its order."""
    from trl import SFTTrainer

    from text2graph_dagster.inference.fast_decoder import has_fast_decoder
    from text2graph_dagster.training.callbacks import ReportCallback
    from text2graph_dagster.training.model.adapters import trained_in_full

    sft = config.settings.sft
    optimizer = make_optimizer(model, config.settings)

    class Trainer(SFTTrainer):  # type: ignore[misc]
        def create_model_card(self, *args: Any, **kwargs: Any) -> None:
            """Checkpoints are nobody's model: the card is written for the finished one."""

        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
            """Leave the output layer out where nothing is taught; other models take TRL's own loss, which is equal."""
            if not lean:
                return super().compute_loss(model, inputs, return_outputs, **kwargs)
            loss = answer_loss(model, inputs, kwargs.get("num_items_in_batch"))
            return (loss, None) if return_outputs else loss

    lean = has_fast_decoder(model)
    trainer = Trainer(
        model=model,
        args=make_arguments(sft, config.settings.seed, output),
        train_dataset=course,
        processing_class=tokenizer,
        optimizers=scheduled(
            optimizer, steps=sft.max_steps, warmup_steps=sft.warmup_steps, decay_share=sft.decay_share
        ),
        callbacks=[ReportCallback(reporter, PROGRAM)],
    )
    return silence_trainer(trained_in_full(trainer))


def answer_loss(model: Any, inputs: Mapping[str, Any], tokens: Any = None) -> Any:
    """Return the mean negative log-likelihood of the labelled tokens, like TRL's, for about a third less time.

    Three tokens of four are prompt or padding; for a small model the output layer costs as much as the rest, so it is
    run for the labelled ones only. `tokens` is their number in the whole step, where it is more than this batch.
    """
    from torch.nn import functional

    hidden = model.model(
        input_ids=inputs["input_ids"], attention_mask=inputs.get("attention_mask"), use_cache=False
    ).last_hidden_state[:, :-1]
    labels = inputs["labels"][:, 1:]
    taught = labels != IGNORED
    total = functional.cross_entropy(model.lm_head(hidden[taught]), labels[taught], reduction="sum")
    return total / (taught.sum() if tokens is None else tokens).clamp(min=1)


def make_optimizer(model: Any, settings: Settings) -> Any:
    """Return Muon with AdamW, or AdamW alone."""
    from text2graph_dagster.training.model.muon import MuonAdamW

    muon = optimizer_of(settings) == "muon"
    return MuonAdamW(model, sft_rate(settings)) if muon else adamw(model, sft_rate(settings))


def make_arguments(sft: SftSettings, seed: int, output: OutputDirectory) -> Any:
    """Return TRL's configuration."""
    from trl import SFTConfig

    return SFTConfig(
        **arguments(output, seed, steps=sft.max_steps, save_steps=sft.save_steps),
        **in_parts(sft.batch_size, sft.micro_batch),
        train_sampling_strategy="sequential",
        dataset_kwargs={"skip_prepare_dataset": True},  # tokenised already: the template's end token is the last label
        max_length=None,
        data_seed=seed,
    )


if __name__ == "__main__":
    sys.exit(main())
