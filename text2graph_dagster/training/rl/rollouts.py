"""rollouts.jsonl: the completions of a GRPO run with every component of their rewards.

The file has at most `max_rollouts` completions: a longer run writes only those of every n-th step. A resumed run
repeats the steps after its checkpoint, so their earlier lines are removed first.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from text2graph_dagster.rewards.components import COMPONENTS
from text2graph_dagster.runtime.output_directory import truncate_after_step
from text2graph_dagster.settings import GrpoSettings
from text2graph_dagster.training.data.examples import Example

PARTS = (*COMPONENTS, "judged", "total")  # "judged": the reward model's score


@dataclass(frozen=True)
class ScoredCompletion:
    """A completion, its example, and the components of its reward."""

    example: Example
    completion: str
    scores: dict[str, float]


def choose_step_interval(settings: GrpoSettings) -> int:
    """Return n such that the completions of every n-th step are at most `max_rollouts` in total; 0: write none."""
    completions = settings.max_steps * settings.prompts_per_step * settings.generations
    return -(-completions // settings.max_rollouts) if settings.max_rollouts else 0


class RolloutFile:
    """Appends to rollouts.jsonl; `after_step` is the step of the checkpoint to resume from."""

    def __init__(self, path: Path, settings: GrpoSettings, after_step: int = 0) -> None:
        self._path, self._interval = path, choose_step_interval(settings)
        truncate_after_step(path, after_step)

    def append(self, step: int, scored: Sequence[ScoredCompletion], advantages: Sequence[float]) -> None:
        """Write a step's completions in order; do nothing if the step is not to be written."""
        if not self._interval or (step - 1) % self._interval:
            return
        lines = []
        for place, (one, advantage) in enumerate(zip(scored, advantages, strict=True)):
            row = {
                **{"step": step, "place": place, "corpus": one.example.corpus, "passage_id": one.example.passage_id},
                **{"example_id": one.example.example_id, "text": one.example.text, "completion": one.completion},
                **{part: one.scores.get(part) for part in PARTS},
                "advantage": advantage,
            }
            lines.append(json.dumps(row) + "\n")
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(lines)
