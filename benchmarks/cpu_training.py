"""Compare the speed of SFT on this machine's CPU with TRL's trainer: `python -m benchmarks.cpu_training INPUTS`.

INPUTS is the folder beside an SFT checkpoint (`home/checkpoints/sft-….inputs`), whose model, rows and settings are
used. Two arms take the same steps over the same batches, with the same optimizer and learning rates:

- TRL: `SFTTrainer` with the defaults of `SFTConfig` on a CPU (autocast to bfloat16, gradient checkpointing, the output
  layer for every token);
- ours: the trainer of `training/sft.py` as the pipeline runs it.

The arms run in turns, `--rounds` times. The table has tokens per second, without padding; the first steps of a turn,
in which layers are compiled, are not counted. `loss` is the mean over all steps of the first round, and `difference`
the mean absolute difference of a step's loss from the other arm's. A second table says where the time of our steps
goes, in shares of the processor time of two steps.
"""

import argparse
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from benchmarks.support.table import show
from text2graph_dagster.inference.loading import load_student
from text2graph_dagster.runtime.config import read_config
from text2graph_dagster.runtime.memory import keep_freed_memory
from text2graph_dagster.runtime.output_directory import OutputDirectory
from text2graph_dagster.runtime.program import prepare_environment, set_threads, silence_trainer
from text2graph_dagster.runtime.reporting import Reporter
from text2graph_dagster.settings import Settings
from text2graph_dagster.training.config import TrainingConfig
from text2graph_dagster.training.data.examples import read_examples
from text2graph_dagster.training.data.schedule import count_step_tokens, make_training_rows
from text2graph_dagster.training.sft import make_optimizer, make_trainer
from text2graph_dagster.training.trainer_setup import with_schedule

WARM_UP = 3  # steps of a turn that are not counted
PROFILED = 2  # steps
# Parts of the names of the profiler's events; the first part that fits decides.
PARTS = {
    "matrix products": ("mm", "linear", "mkldnn"),
    "compiled element-wise operations": ("Compiled", "cpp_fused", "graph", "Torch-Compiled"),
    "optimizer and gradient norm": ("adam", "Optimizer", "norm"),
    "copies and conversions": ("copy", "clone", "to"),
    "loss": ("softmax", "nll", "index"),
}


@dataclass
class Turn(TrainerCallback):  # type: ignore[misc]
    """Records the seconds and the loss of every step of a turn."""

    seconds: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    begun: float = 0.0

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **others: Any
    ) -> None:
        """Start the clock."""
        self.begun = time.perf_counter()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **others: Any) -> None:
        """Stop the clock."""
        self.seconds.append(time.perf_counter() - self.begun)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **others: Any
    ) -> None:
        """Record the loss."""
        if "loss" in (logs or {}):
            self.losses.append(logs["loss"])


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", type=Path, help="folder beside an SFT checkpoint that has run.json")
    parser.add_argument("--steps", type=int, default=10, help="steps of a turn (default 10)")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each arm (default 2)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    arguments = parser.parse_args()
    prepare_environment()
    keep_freed_memory()
    config = read_config(TrainingConfig, arguments.inputs / "run.json")
    set_threads(config.settings.sft.threads)
    changes = {"max_steps": arguments.steps, "warmup_steps": 0}
    settings = config.settings.model_copy(update={"sft": config.settings.sft.model_copy(update=changes)})
    with tempfile.TemporaryDirectory() as folder:
        speeds, shares = measure(config, settings, arguments.rounds, Path(folder))
    show(speeds, as_json=arguments.json)
    show(shares, as_json=arguments.json)


def measure(
    config: TrainingConfig, settings: Settings, rounds: int, folder: Path
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the table of speeds, a line per arm, and the table of the time of our steps, a line per part."""
    arms: dict[str, Callable[..., Any]] = {"TRL": make_plain_trainer, "ours": make_our_trainer}
    _, tokenizer = load_student(config.source)
    rows, _ = make_training_rows(read_examples(config.train, settings), tokenizer, settings, folder)
    turns: dict[str, list[Turn]] = {name: [] for name in arms}
    for round_ in range(rounds):
        for name, make in arms.items():
            model, tokenizer = load_student(config.source)
            turns[name].append(Turn())
            trainer = make(model, tokenizer, rows, settings, folder / f"{name}-{round_}")
            trainer.add_callback(turns[name][-1])
            trainer.train()
    shares = profile_steps(trainer)  # the last turn is ours
    tokens = count_step_tokens(rows, settings.sft.batch_size, pass_size=1)  # a pass of one row has no padding
    return [describe_arm(name, turns, tokens) for name in arms], shares


def make_plain_trainer(model: Any, tokenizer: Any, rows: Any, settings: Settings, folder: Path) -> Any:
    """Return TRL's trainer with its defaults; the order of rows and the learning rates are ours."""
    from trl import SFTConfig, SFTTrainer

    sft = settings.sft
    arguments = SFTConfig(
        output_dir=str(folder),
        use_cpu=True,
        per_device_train_batch_size=sft.batch_size,
        max_steps=sft.max_steps,
        logging_steps=1,
        train_sampling_strategy="sequential",
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )
    optimizer = make_optimizer(model, settings)
    schedule = with_schedule(optimizer, steps=sft.max_steps or 1, warmup_steps=0, decay_share=sft.decay_share)
    trainer = SFTTrainer(
        model=model, args=arguments, train_dataset=rows, processing_class=tokenizer, optimizers=schedule
    )
    return silence_trainer(trainer)


def make_our_trainer(model: Any, tokenizer: Any, rows: Any, settings: Settings, folder: Path) -> Any:
    """Return the pipeline's trainer, with compiled layers however short the run is."""
    from text2graph_dagster.training import cpu_speed

    cpu_speed._MIN_COMPILED_STEPS = 0
    output = OutputDirectory(folder, "benchmark")
    output.open()
    return make_trainer(model, tokenizer, rows, settings, output, Reporter(None))


def describe_arm(name: str, turns: dict[str, list[Turn]], tokens: Sequence[int]) -> dict[str, Any]:
    """Return an arm's line of the table; `ratio` is to TRL's tokens per second in the same round."""

    def rate(turn: Turn) -> float:
        return sum(tokens[WARM_UP : len(turn.seconds)]) / sum(turn.seconds[WARM_UP:])

    ratios = [rate(own) / rate(plain) for own, plain in zip(turns[name], turns["TRL"], strict=True)]
    losses, others = turns[name][0].losses, turns["TRL"][0].losses
    return {
        "arm": name,
        "tokens per second": statistics.median(map(rate, turns[name])),
        "ratio": statistics.median(ratios),
        "lowest": min(ratios),
        "highest": max(ratios),
        "steps": len(turns[name][0].seconds),
        "loss": statistics.fmean(losses),
        "difference": statistics.fmean(abs(a - b) for a, b in zip(losses, others, strict=True)),
    }


def profile_steps(trainer: Any) -> list[dict[str, Any]]:
    """Return which share of the processor time of further training steps goes where."""
    from torch.profiler import ProfilerActivity, profile

    trainer.args.max_steps = PROFILED
    trainer.args.save_strategy = "no"
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        trainer.train()
    spent: Counter[str] = Counter()
    for event in profiler.key_averages():
        part = next((p for p, names in PARTS.items() if any(n in event.key for n in names)), "the rest")
        spent[part] += event.self_cpu_time_total
    total = sum(spent.values())
    return [{"part": part, "share": f"{time_ / total:.0%}"} for part, time_ in spent.most_common()]


if __name__ == "__main__":
    main()
