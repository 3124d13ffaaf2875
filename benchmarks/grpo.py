"""Compare GRPO's samples per second with a plain TRL script: `python -m benchmarks.grpo [--quick] [--json]`.

Three arms take the same steps from the same student, with the same prompts, batch and reward:

- plain: TRL's trainer as a script would use it; completions by the model's own `generate`;
- decoder: the plain trainer, with completions from `inference/fast_decoder.py`;
- ours: the trainer of `training/grpo.py` as the pipeline runs it.

The arms run in turns: once as a warm-up that does not count, then `ROUNDS` times, each round with its own prompts. The
table has medians over the rounds, the smallest and the largest rate, and processor seconds per step by phase:
generation, rewards, the forward pass for log-probabilities, the backward pass, the optimizer's step, and the rest.
`alike` is the share of prompts whose completions all have the same reward, so that they have no gradient (only the last
arm counts them). Rates are per second of wall-clock time and, because other load disturbs the wall-clock time, also per
processor second.

With TEXT2GRAPH_HOME set, the student and the prompts are those of the newest GRPO run there; otherwise the gazette's
lineage runs first, up to GRPO, which takes as long as the demo. `--quick`: one round of one step, and the smoke corpus
if there is no home.
"""

import functools
import json
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.lineage import ASSETS, materialise, prepare, timed
from benchmarks.support.table import flags, show
from text2graph_dagster.errors import UserError
from text2graph_dagster.runtime.program import prepare_environment

ARMS = ("plain", "decoder", "ours")
PHASES = ("generate", "rewards", "log_probs", "backward", "optimizer")
ROUNDS, STEPS = 3, 2


@dataclass(frozen=True)
class Turn:
    """The cost of one turn of an arm."""

    wall: float
    cpu: float
    samples: int
    tokens: float  # mean per completion
    alike: float  # share of prompts whose completions all have the same reward
    phases: dict[str, float]  # processor seconds


class Clock:
    """Measures processor seconds by phase, around method calls."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)

    def watch(self, owner: Any, method: str, phase: str) -> None:
        """Add the time of all further calls of the owner's method to `phase`."""
        original: Callable[..., Any] = getattr(owner, method)

        @functools.wraps(original)
        def counted(*arguments: Any, **named: Any) -> Any:
            begun = time.process_time()
            try:
                return original(*arguments, **named)
            finally:
                self.spent[phase] += time.process_time() - begun

        setattr(owner, method, counted)


def read_run(home: Path, steps: int, round_: int, output: Path) -> Any:
    """Return the configuration of the newest GRPO run of a home, for `steps` steps with the default settings."""
    from text2graph_dagster.settings import Settings
    from text2graph_dagster.training.config import TrainingConfig

    runs = sorted(home.glob("checkpoints/grpo-*.inputs/run.json"), key=lambda path: path.stat().st_mtime)
    if not runs:
        raise UserError(f"{home} has no GRPO run: materialise grpo_checkpoint, or unset TEXT2GRAPH_HOME.")
    run = json.loads(runs[-1].read_text(encoding="utf-8"))
    values = {"student": run["settings"]["student"], "seed": run["settings"]["seed"] + round_}
    run["settings"] = Settings.load(None, values | {"grpo": {"max_steps": steps, "save_steps": steps}})
    return TrainingConfig.model_validate({**run, "dev": None, "output": output})


def make(arm: str, config: Any) -> Any:
    """Return an arm's trainer with its own copy of the student."""
    from trl import GRPOTrainer

    from text2graph_dagster.inference.loading import load_student
    from text2graph_dagster.runtime.output_directory import OutputDirectory
    from text2graph_dagster.runtime.program import set_threads, silence_trainer
    from text2graph_dagster.runtime.reporting import Reporter
    from text2graph_dagster.training.data.examples import read_examples
    from text2graph_dagster.training.grpo import choose_examples, make_reward, make_trainer
    from text2graph_dagster.training.rl.monitor import RunMonitor

    set_threads(config.settings.grpo.threads)
    model, tokenizer = load_student(config.base)
    output = OutputDirectory(config.output, "benchmark")
    output.open()
    examples = read_examples(config.train, config.settings)
    monitor = RunMonitor(config.settings.grpo.alarms)
    chosen = choose_examples(examples, tokenizer, config.settings)
    reward = make_reward(chosen, config.load_ontologies(), config.settings, config.reward_model)
    ours = make_trainer(model, tokenizer, reward, config.settings, output, Reporter(None), monitor)
    if arm == "ours":
        return ours
    trainer = GRPOTrainer(
        model=load_student(config.base)[0],
        reward_funcs=ours.reward_funcs,
        args=ours.args,
        train_dataset=ours.train_dataset,
        processing_class=tokenizer,
        rollout_func=ours.rollout_func if arm == "decoder" else None,
    )
    return silence_trainer(trainer)


def take(arm: str, config: Any) -> Turn:
    """Run an arm's steps and return their cost."""
    trainer, clock = make(arm, config), Clock()
    trainer.args.save_strategy = "no"
    clock.watch(trainer, "_generate", "generate")
    clock.watch(trainer, "_calculate_rewards", "rewards")
    clock.watch(trainer, "_get_per_token_logps_and_entropies", "log_probs")
    clock.watch(trainer.accelerator, "backward", "backward")
    trainer.create_optimizer()
    clock.watch(trainer.optimizer, "step", "optimizer")
    wall, cpu = time.perf_counter(), time.process_time()
    trainer.train()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    logs = [log for log in trainer.state.log_history if "reward" in log]
    lengths, alike = ([log[name] for log in logs] for name in ("completions/mean_length", "frac_reward_zero_std"))
    grpo = config.settings.grpo
    samples = grpo.max_steps * grpo.prompts_per_step * grpo.generations
    return Turn(wall, cpu, samples, statistics.mean(lengths), statistics.mean(alike), dict(clock.spent))


def rows(turns: dict[str, list[Turn]], steps: int) -> list[dict[str, Any]]:
    """Return the table; `times` is samples per processor second relative to the plain arm, round by round."""
    table = []
    for arm, own in turns.items():
        rates = [turn.samples / turn.cpu for turn in own]
        times = [a.samples / a.cpu / (b.samples / b.cpu) for a, b in zip(own, turns["plain"], strict=True)]
        phases = {p: statistics.median(turn.phases.get(p, 0.0) / steps for turn in own) for p in PHASES}
        left = statistics.median((turn.cpu - sum(turn.phases.values())) / steps for turn in own)
        table.append(
            {
                "arm": arm,
                "samples_per_s": statistics.median(turn.samples / turn.wall for turn in own),
                "per_cpu_s": statistics.median(rates),
                "least": min(rates),
                "most": max(rates),
                "times": statistics.median(times),
                "times_least": min(times),
                "tokens": statistics.mean(turn.tokens for turn in own),
                "alike": statistics.mean(turn.alike for turn in own),
                **phases,
                "rest": left,
            }
        )
    return table


def measure(home: Path, *, quick: bool) -> list[dict[str, Any]]:
    """Run the arms in turns and return the table."""
    rounds, steps = (1, 1) if quick else (ROUNDS, STEPS)
    turns: dict[str, list[Turn]] = {arm: [] for arm in ARMS}
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(sys.stderr):
        for round_ in range(rounds + 1):
            for arm in ARMS:
                config = read_run(home, steps if round_ else 1, round_, Path(folder) / f"{arm}-{round_}")
                turn = take(arm, config)
                print(f"round {round_}, {arm}: {turn.samples / turn.cpu:.1f} samples per processor second", flush=True)
                if round_:
                    turns[arm].append(turn)
    return rows(turns, steps)


def main() -> None:
    """Run from the command line."""
    arguments = flags(str(__doc__))
    prepare_environment()
    os.environ["HF_HUB_OFFLINE"] = "1"
    if home := os.environ.get("TEXT2GRAPH_HOME"):
        table = measure(Path(home), quick=arguments.quick)
    else:
        with tempfile.TemporaryDirectory() as folder:
            env = prepare(Path(folder), quick=arguments.quick)
            for asset in ASSETS[: ASSETS.index("grpo_checkpoint") + 1]:
                timed(materialise(asset), env, Path(folder) / "log")
            table = measure(Path(folder), quick=arguments.quick)
    show(table, as_json=arguments.json)


if __name__ == "__main__":
    main()
