"""A pairwise reward model: `python -m text2graph_dagster.training.reward_model --config run.json`.

The SFT student with a scalar head at the EOS token instead of the vocabulary head. It is trained to give the better of
two graphs of a passage the higher score: -log sigmoid(chosen - rejected) (Ouyang et al. 2022; for extraction, ChatUIE).
Pairs come from examples with a trusted graph; GRPO uses the model to score answers to the other examples. Resumes in
the same way as sft.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import pyarrow

from text2graph_dagster.dataset.preference_pairs import PAIR_KINDS
from text2graph_dagster.errors import UserError
from text2graph_dagster.runtime.config import read_config
from text2graph_dagster.runtime.output_directory import OutputDirectory
from text2graph_dagster.runtime.program import (
    Stopwatch,
    as_user_error,
    run_program,
    set_threads,
    silence_trainer,
    work_offline,
)
from text2graph_dagster.runtime.reporting import Reporter
from text2graph_dagster.settings import RewardModelSettings, Settings
from text2graph_dagster.training.config import TrainingConfig
from text2graph_dagster.training.data.preference_data import PreferencePair
from text2graph_dagster.training.train_once import train_once
from text2graph_dagster.training.trainer_setup import (
    NoModelCard,
    make_adamw,
    train_or_resume,
    trainer_arguments,
    with_schedule,
)

PROGRAM = "reward_model"
ALL = "all"
_IDS = pyarrow.list_(pyarrow.int32())
_ROW_TYPES = {"chosen_ids": _IDS, "rejected_ids": _IDS}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program."""
    return run_program(_run, arguments, "Train a reward model to prefer the better of two graphs.")


def _run(path: Path, reporter: Reporter) -> None:
    config = read_config(TrainingConfig, path)
    if config.base is None:
        raise UserError(f"{path} has no base: set it to the model directory that sft has written.")
    work_offline(config.base)
    train_once(PROGRAM, config, reporter, train, ("student", "reward_model"))


def train(config: TrainingConfig, output: OutputDirectory, reporter: Reporter) -> dict[str, Any]:
    """Train the reward model and write it to `output.finished`; return its entries of run.json.

    Raises:
        UserError: no graph is trusted, or every pair is too long.
    """
    from text2graph_dagster.inference.loading import describe_model, load_student
    from text2graph_dagster.training.data.arrow_files import write_rows
    from text2graph_dagster.training.model.adapters import merge_adapters

    settings, stopwatch = config.settings, Stopwatch()
    threads = set_threads(settings.reward_model.threads)
    student, tokenizer = load_student(config.source)
    training_pairs, eval_pairs = collect_pairs(config, student, tokenizer, output, reporter)
    rows = drop_long_rows(tokenise_pairs(training_pairs, tokenizer, settings), settings.sft.max_length)
    if not rows:
        raise UserError("no pair to train on: no example has a trusted graph, or every pair exceeds sft.max_length.")
    reporter.log(f"{len(rows):,} pairs for training, {len(eval_pairs):,} for evaluation")
    model = make_scalar_model(config.source, settings)
    columns = ({"chosen_ids": chosen, "rejected_ids": rejected} for chosen, rejected in rows)
    data = write_rows(columns, output.arrow / "pairs.arrow", _ROW_TYPES)
    trainer = make_trainer(model, tokenizer, data, settings, output, reporter)
    reporter.record_to(output.metrics, output.last_step())
    train_or_resume(trainer, output)
    model = merge_adapters(trainer.model)
    model.save_pretrained(output.finished)
    tokenizer.save_pretrained(output.finished)
    metrics, scale = evaluate_pairs(model, tokenizer, eval_pairs, settings)
    return {
        "model": describe_model(model),
        **{"examples": len({pair.example.example_id for pair in training_pairs}), "pairs": len(rows)},
        "pairs_too_long": len(training_pairs) - len(rows),
        "steps": settings.reward_model.max_steps,
        "measured_on": "dev gold" if config.dev else "held-out graphs",
        **{"dev": metrics, "scale": scale, "threads": threads},
        **stopwatch.read(),
    }


def collect_pairs(
    config: TrainingConfig, student: Any, tokenizer: Any, output: OutputDirectory, reporter: Reporter
) -> tuple[list[PreferencePair], list[PreferencePair]]:
    """Return (training pairs, evaluation pairs); the latter are from dev gold or, without it, held-out examples."""
    from text2graph_dagster.training.data.examples import read_examples
    from text2graph_dagster.training.data.preference_data import make_answer_sampler, make_pairs, sample_examples
    from text2graph_dagster.training.dev_evaluation import read_dev_examples

    settings, ontologies = config.settings, config.load_ontologies()
    examples, dev = read_examples(config.train, settings, output.arrow), read_dev_examples(config.dev, settings)
    training, held_out = sample_examples(examples, settings, hold_out=not dev)
    evaluation = (dev or held_out)[: settings.reward_model.eval_passages]

    def log_progress(done: int, total: int) -> None:
        reporter.log_progress("prompts answered", done, total)

    sample_answers = make_answer_sampler(student, tokenizer, settings, log_progress)
    return (
        make_pairs(training, ontologies, sample_answers, settings),
        make_pairs(evaluation, ontologies, sample_answers, settings),
    )


def tokenise_pairs(
    pairs: Sequence[PreferencePair], tokenizer: Any, settings: Settings
) -> list[tuple[list[int], list[int]]]:
    """Return, for every pair, the token ids of the chosen graph and of the rejected graph."""
    from text2graph_dagster.training.rl.reward_scorer import tokenise_graphs

    chosen = tokenise_graphs([(pair.example, pair.preference.chosen) for pair in pairs], tokenizer, settings)
    rejected = tokenise_graphs([(pair.example, pair.preference.rejected) for pair in pairs], tokenizer, settings)
    return list(zip(chosen, rejected, strict=True))


def drop_long_rows(rows: Sequence[tuple[list[int], list[int]]], max_length: int) -> list[tuple[list[int], list[int]]]:
    """Return the pairs in which neither graph has more than `max_length` tokens."""
    return [row for row in rows if max(map(len, row)) <= max_length]


def evaluate_pairs(
    model: Any, tokenizer: Any, pairs: Sequence[PreferencePair], settings: Settings
) -> tuple[dict[str, float], dict[str, float]]:
    """Return (metrics, scale): the accuracy for every kind of pair and for all, and the scores' mean and deviation.

    Each accuracy has a Wilson interval (95 %), which treats pairs of the same passage as independent. Mean and
    deviation are over the scores of the student's own answers if any were sampled, else over those of all graphs.
    """
    from text2graph_dagster.training.rl.reward_scorer import score_rows

    rows = tokenise_pairs(pairs, tokenizer, settings)
    chosen, rejected = (score_rows(model, tokenizer, [row[side] for row in rows]) for side in (0, 1))
    correct: dict[str, list[bool]] = {ALL: [c > r for c, r in zip(chosen, rejected, strict=True)]}
    for kind in PAIR_KINDS:
        of_kind = [right for pair, right in zip(pairs, correct[ALL], strict=True) if pair.preference.kind == kind]
        correct |= {kind: of_kind} if of_kind else {}
    metrics = {name: value for kind, right in correct.items() for name, value in _measure_accuracy(kind, right).items()}
    own = [i for i, pair in enumerate(pairs) if pair.preference.kind == "sampled"] or range(len(pairs))
    scores = [scores[i] for i in own for scores in (chosen, rejected)] or [0.0]
    return metrics, {"mean": fmean(scores), "deviation": pstdev(scores) or 1.0}


def _measure_accuracy(kind: str, right: Sequence[bool]) -> dict[str, float]:
    from scipy.stats import binomtest

    if not right:
        return {f"{kind}_pairs": 0}
    low, high = binomtest(sum(right), len(right)).proportion_ci(method="wilson")
    metrics = {"pairs": len(right), "accuracy": sum(right) / len(right), "low": float(low), "high": float(high)}
    return {f"{kind}_{name}": value for name, value in metrics.items()}


def make_scalar_model(base: str | Path, settings: Settings) -> Any:
    """Return the SFT model with a scalar head instead of its vocabulary head, and with adapters if LoRA is set.

    Raises:
        UserError: the architecture has no sequence classifier.
    """
    import torch
    from transformers import AutoModelForSequenceClassification, set_seed

    from text2graph_dagster.training.model.adapters import add_lora

    set_seed(settings.seed)
    with as_user_error(f"cannot make a reward model from {str(base)!r}"):
        model = AutoModelForSequenceClassification.from_pretrained(
            base, num_labels=1, dtype=torch.float32, trust_remote_code=False
        )
    lora = settings.student.lora
    return add_lora(model, lora, settings.seed, "SEQ_CLS") if lora else model


def make_trainer(
    model: Any, tokenizer: Any, data: Any, settings: Settings, output: OutputDirectory, reporter: Reporter
) -> Any:
    """Return a TRL trainer over tokenised pairs."""
    from trl import RewardTrainer

    from text2graph_dagster.training.callbacks import ReportCallback
    from text2graph_dagster.training.cpu_speed import uses_bfloat16
    from text2graph_dagster.training.student_defaults import choose_reward_model_rate

    reward = settings.reward_model
    optimizer = make_adamw(model, choose_reward_model_rate(settings), weight_decay=0.01)

    class Trainer(NoModelCard, RewardTrainer):  # type: ignore[misc]
        """Writes no model card beside checkpoints."""

    trainer = Trainer(
        model=model,
        args=make_arguments(reward, settings.seed, output, uses_bfloat16(model, settings.student)),
        train_dataset=data,
        processing_class=tokenizer,
        optimizers=with_schedule(optimizer, steps=reward.max_steps, warmup_steps=reward.warmup_steps),
        callbacks=[ReportCallback(reporter, PROGRAM)],
    )
    return silence_trainer(trainer)


def make_arguments(reward: RewardModelSettings, seed: int, output: OutputDirectory, bfloat16: bool) -> Any:
    """Return TRL's configuration."""
    from trl import RewardConfig

    return RewardConfig(
        **trainer_arguments(output, seed, steps=reward.max_steps, save_steps=reward.save_steps, bfloat16=bfloat16),
        per_device_train_batch_size=reward.batch_size,
        max_length=None,  # long pairs are already dropped
        center_rewards_coefficient=0.01,  # keeps scores near 0; the loss depends on differences only
        data_seed=seed,
    )


if __name__ == "__main__":
    sys.exit(main())
