"""The completions and rewards of a run, written once per step."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.text2graph_dagster.training import tiny_models
from text2graph_dagster.settings import GrpoSettings
from text2graph_dagster.training.rl.rollouts import PARTS, RolloutFile, ScoredCompletion, choose_step_interval
from text2graph_dagster.training.rl.trl_reward import TrlReward


def make_scored(examples: Any, completion: str) -> ScoredCompletion:
    scores = TrlReward(examples, {}, tiny_models.settings().grpo, thinking=False).score(0, completion, step=0)
    return ScoredCompletion(examples[0], completion, scores)


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_row_has_every_component_of_the_reward_and_its_passage(examples: Any, tmp_path: Path) -> None:
    settings, path = GrpoSettings(max_steps=3), tmp_path / "rollouts.jsonl"
    RolloutFile(path, settings).append(
        1, [make_scored(examples, examples[0].answer), make_scored(examples, "no JSON")], [1.0, -1.0]
    )
    right, invalid = rows(path)
    assert (right["step"], right["place"], invalid["place"]) == (1, 0, 1)
    assert right["passage_id"] == examples[0].passage_id == examples[0].example_id and right["corpus"] == "tiny"
    assert set(PARTS) < right.keys() and right["advantage"] == 1.0 and right["completion"] == examples[0].answer
    weights = settings.weights.model_dump()
    for row in (right, invalid):
        assert sum(weights[part] * row[part] for part in weights) == pytest.approx(row["total"])


def test_steps_after_the_checkpoint_are_replaced(examples: Any, tmp_path: Path) -> None:
    settings, path = GrpoSettings(max_steps=3), tmp_path / "rollouts.jsonl"
    first = RolloutFile(path, settings)
    for step in (1, 2, 3):
        first.append(step, [make_scored(examples, f"before {step}")], [0.0])
    with path.open("a") as file:
        file.write('{"step": 4, "pla')  # killed while writing
    resumed = RolloutFile(path, settings, after_step=2)
    resumed.append(3, [make_scored(examples, "after 3")], [0.0])
    assert [row["completion"] for row in rows(path)] == ["before 1", "before 2", "after 3"]


@pytest.mark.parametrize(("kept", "between"), [(0, 0), (20_000, 1), (6_400, 1), (6_399, 2), (640, 10), (1, 6_400)])
def test_the_number_of_completions_is_bounded(examples: Any, tmp_path: Path, kept: int, between: int) -> None:
    settings, path = GrpoSettings(max_steps=50, max_rollouts=kept), tmp_path / "rollouts.jsonl"
    assert choose_step_interval(settings) == between  # of 50 steps of 16 prompts with 8 completions each
    rollouts = RolloutFile(path, settings)
    for step in range(1, settings.max_steps + 1):
        rollouts.append(step, [make_scored(examples, "x")], [0.0])
    written = len(rows(path)) if path.exists() else 0
    assert written == (len(range(0, 50, between)) if between else 0)
