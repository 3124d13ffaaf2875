"""The completions of a reinforcement run with every part of their rewards: rollouts.jsonl, beside its metrics.

Its size is bounded: of a run that writes more than `max_rollouts` completions only every n-th step's are kept. A run
that goes on after it was cut off writes the steps after its checkpoint again, so what they had written is removed.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from text2graph_dagster.rewards.components import COMPONENTS
from text2graph_dagster.runtime.output_directory import truncate_after_step
from text2graph_dagster.settings import GrpoSettings
from text2graph_dagster.training.data.examples import Example

PARTS = (*COMPONENTS, "judged", "total")


@dataclass(frozen=True)
class ScoredCompletion:
    """A completion, the example it answers, and the parts of its reward."""

    example: Example
    completion: str
    scores: dict[str, float]


def choose_step_interval(settings: GrpoSettings) -> int:
    """Return n, such that every n-th step's completions are no more than `max_rollouts`; 0: none are kept."""
    written = settings.max_steps * settings.prompts_per_step * settings.generations
    return -(-written // settings.max_rollouts) if settings.max_rollouts else 0


class RolloutFile:
    """Appends to the file; `after_step` is the step of the checkpoint that the run goes on from."""

    def __init__(self, path: Path, settings: GrpoSettings, after_step: int = 0) -> None:
        self._path, self._every = path, choose_step_interval(settings)
        truncate_after_step(path, after_step)

    def keep(self, step: int, scored: Sequence[ScoredCompletion], advantages: Sequence[float]) -> None:
        """Write a step's completions, in the order of the step, unless the step is one of those left out."""
        if not self._every or (step - 1) % self._every:
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
