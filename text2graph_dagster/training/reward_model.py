"""A pairwise reward model: `python -m text2graph_dagster.training.reward_model --config run.json`.

The SFT student with a scalar at the end token in the place of its vocabulary, taught to give the better of two graphs
of a passage the higher one: -log sigmoid(chosen - rejected) (Ouyang et al. 2022; for extraction, ChatUIE). Its pairs
come from examples whose graph is trusted; GRPO lets it judge where the graph is not. Resumes like sft.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import pyarrow

from text2graph_dagster.dataset.preference_pairs import KINDS
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
from text2graph_dagster.training.data.preference_data import Pair
from text2graph_dagster.training.run import adamw, arguments, make_once, scheduled

PROGRAM = "reward_model"
ALL = "all"
_IDS = pyarrow.list_(pyarrow.int32())
_ROW = {"chosen_ids": _IDS, "rejected_ids": _IDS}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program."""
    return run_program(_train, arguments, "Teach a reward model which of two graphs is better.")


def _train(path: Path, reporter: Reporter) -> None:
    config = read_config(TrainingConfig, path)
    if config.base is None:
        raise UserError(f"{path} names no base: a reward model starts from the model that sft has made.")
    work_offline(config.base)
    make_once(PROGRAM, config, reporter, teach, ("student", "reward_model"))


def teach(config: TrainingConfig, output: OutputDirectory, reporter: Reporter) -> dict[str, Any]:
    """Train, and write the model to `output.finished`; return what run.json says about it.

    Raises:
        UserError: no graph is trusted, or no pair is short enough.
    """
    from text2graph_dagster.inference.loading import describe_model, load_student
    from text2graph_dagster.training.data.arrow_files import from_rows
    from text2graph_dagster.training.model.adapters import merged

    settings, watch = config.settings, Stopwatch()
    threads = set_threads(settings.reward_model.threads)
    student, tokenizer = load_student(config.base or "")
    taught, measured = gather(config, student, tokenizer, output, reporter)
    rows = short_rows(taught, tokenizer, settings)
    if not rows:
        raise UserError("there is no pair to learn from: no example's graph is trusted, or all are too long.")
    reporter.log(f"{len(rows):,} pairs to learn from, {len(measured):,} to measure on")
    model = new_model(config.base or "", settings)
    data = from_rows(({"chosen_ids": c, "rejected_ids": r} for c, r in rows), output.arrow / "pairs.arrow", _ROW)
    trainer = make_trainer(model, tokenizer, data, settings, output, reporter)
    checkpoint = output.last_checkpoint()
    reporter.record_to(output.metrics, output.last_step())
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    model = merged(trainer.model)
    model.save_pretrained(output.finished)
    tokenizer.save_pretrained(output.finished)
    figures, scale = measure(model, tokenizer, measured, settings)
    return {
        "model": describe_model(model),
        "examples": len({pair.example.example_id for pair in taught}),
        "pairs": len(rows),
        "pairs_too_long": len(taught) - len(rows),
        "steps": settings.reward_model.max_steps,
        "measured_on": "dev gold" if config.dev else "held-out graphs",
        "dev": figures,
        "scale": scale,
        "threads": threads,
        **watch.read(),
    }


def gather(
    config: TrainingConfig, student: Any, tokenizer: Any, output: OutputDirectory, reporter: Reporter
) -> tuple[list[Pair], list[Pair]]:
    """Return the pairs to learn from, and others to measure on: of dev gold where there is any, else held out."""
    from text2graph_dagster.training.data.examples import read_examples
    from text2graph_dagster.training.data.preference_data import draw, make_pairs, writer
    from text2graph_dagster.training.dev_evaluation import read_dev

    settings, ontologies = config.settings, config.load_ontologies()
    examples, dev = read_examples(config.train, settings, output.arrow), read_dev(config)
    taught, held = draw(examples, settings, hold_out=not dev)
    write = writer(student, tokenizer, settings, lambda done, of: reporter.log_progress("prompts answered", done, of))
    measured = (dev or held)[: settings.reward_model.eval_passages]
    return make_pairs(taught, ontologies, write, settings), make_pairs(measured, ontologies, write, settings)


def short_rows(pairs: Sequence[Pair], tokenizer: Any, settings: Settings) -> list[tuple[list[int], list[int]]]:
    """Return the tokens of the pairs that are not too long, the chosen graph's and the rejected one's."""
    rows = list(_rows(pairs, tokenizer, settings))
    return [row for row in rows if max(map(len, row)) <= settings.sft.max_length]


def _rows(pairs: Sequence[Pair], tokenizer: Any, settings: Settings) -> Iterator[tuple[list[int], list[int]]]:
    from text2graph_dagster.training.rl.reward_scorer import judged_tokens

    chosen = judged_tokens([(pair.example, pair.preference.chosen) for pair in pairs], tokenizer, settings)
    rejected = judged_tokens([(pair.example, pair.preference.rejected) for pair in pairs], tokenizer, settings)
    return zip(chosen, rejected, strict=True)


def measure(
    model: Any, tokenizer: Any, pairs: Sequence[Pair], settings: Settings
) -> tuple[dict[str, float], dict[str, float]]:
    """Return how many pairs are told apart, of every kind and of all, and the scale of the scores.

    Each share comes with its Wilson interval (95 %), which takes pairs of the same passage as if they were of
    different ones. The scale is that of a student's own answers, where there are any.
    """
    from text2graph_dagster.training.rl.reward_scorer import raw_scores

    rows = list(_rows(pairs, tokenizer, settings))
    chosen, rejected = (raw_scores(model, tokenizer, [row[side] for row in rows]) for side in (0, 1))
    told: dict[str, list[bool]] = {ALL: [c > r for c, r in zip(chosen, rejected, strict=True)]}
    for kind in KINDS:
        of_kind = [right for pair, right in zip(pairs, told[ALL], strict=True) if pair.preference.kind == kind]
        told |= {kind: of_kind} if of_kind else {}
    figures = {name: value for kind, right in told.items() for name, value in _accuracy(kind, right).items()}
    own = [i for i, pair in enumerate(pairs) if pair.preference.kind == "sampled"] or range(len(pairs))
    scores = [scores[i] for i in own for scores in (chosen, rejected)] or [0.0]
    return figures, {"mean": fmean(scores), "deviation": pstdev(scores) or 1.0}


def _accuracy(kind: str, right: Sequence[bool]) -> dict[str, float]:
    from scipy.stats import binomtest

    if not right:
        return {f"{kind}_pairs": 0}
    low, high = binomtest(sum(right), len(right)).proportion_ci(method="wilson")
    figures = {"pairs": len(right), "accuracy": sum(right) / len(right), "low": float(low), "high": float(high)}
    return {f"{kind}_{name}": value for name, value in figures.items()}


def new_model(base: Path | str, settings: Settings) -> Any:
    """Return the SFT model with a new scalar head in the place of its vocabulary, and adapters if it is to have them.

    Raises:
        UserError: it has no form with such a head.
    """
    import torch
    from transformers import AutoModelForSequenceClassification, set_seed

    from text2graph_dagster.training.model.adapters import with_lora

    set_seed(settings.seed)
    with as_user_error(f"no reward model can be made of {str(base)!r}"):
        model = AutoModelForSequenceClassification.from_pretrained(
            base, num_labels=1, dtype=torch.float32, trust_remote_code=False
        )
    lora = settings.student.lora
    return with_lora(model, lora, settings.seed, "SEQ_CLS") if lora else model


def make_trainer(
    model: Any, tokenizer: Any, data: Any, settings: Settings, output: OutputDirectory, reporter: Reporter
) -> Any:
    """Return a TRL trainer over tokenised pairs."""
    from trl import RewardTrainer

    from text2graph_dagster.training.callbacks import ReportCallback
    from text2graph_dagster.training.student_defaults import reward_model_rate

    reward = settings.reward_model
    optimizer = adamw(model, reward_model_rate(settings), weight_decay=0.01)

    class Trainer(RewardTrainer):  # type: ignore[misc]
        def create_model_card(self, *args: Any, **kwargs: Any) -> None:
            """Checkpoints are nobody's model."""

    trainer = Trainer(
        model=model,
        args=make_arguments(reward, settings.seed, output),
        train_dataset=data,
        processing_class=tokenizer,
        optimizers=scheduled(optimizer, steps=reward.max_steps, warmup_steps=reward.warmup_steps),
        callbacks=[ReportCallback(reporter, PROGRAM)],
    )
    return silence_trainer(trainer)


def make_arguments(reward: RewardModelSettings, seed: int, output: OutputDirectory) -> Any:
    """Return TRL's configuration."""
    from trl import RewardConfig

    return RewardConfig(
        **arguments(output, seed, steps=reward.max_steps, save_steps=reward.save_steps),
        per_device_train_batch_size=reward.batch_size,
        max_length=None,  # pairs too long are left out and counted
        center_rewards_coefficient=0.01,  # differences are all that is taught: keep the scores near 0
        data_seed=seed,
    )


if __name__ == "__main__":
    sys.exit(main())
