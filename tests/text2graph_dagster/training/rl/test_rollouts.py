"""What a run wrote and earned, kept once per step."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.text2graph_dagster.training import tiny_models
from text2graph_dagster.settings import GrpoSettings
from text2graph_dagster.training.rl.rollouts import PARTS, Rollouts, Scored, steps_between
from text2graph_dagster.training.rl.trl_reward import Rewarder


def scored(examples: Any, completion: str) -> Scored:
    scores = Rewarder(examples, {}, tiny_models.settings().grpo, thinking=False).score(0, completion, step=0)
    return Scored(examples[0], completion, scores)


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_row_has_every_part_of_the_reward_and_leads_back_to_its_passage(examples: Any, tmp_path: Path) -> None:
    settings, path = GrpoSettings(max_steps=3), tmp_path / "rollouts.jsonl"
    Rollouts(path, settings).keep(1, [scored(examples, examples[0].answer), scored(examples, "no JSON")], [1.0, -1.0])
    right, unread = rows(path)
    assert (right["step"], right["place"], unread["place"]) == (1, 0, 1)
    assert right["passage_id"] == examples[0].passage_id == examples[0].example_id and right["corpus"] == "tiny"
    assert set(PARTS) < right.keys() and right["advantage"] == 1.0 and right["completion"] == examples[0].answer
    weights = settings.weights.model_dump()
    for row in (right, unread):
        assert sum(weights[part] * row[part] for part in weights) == pytest.approx(row["total"])


def test_steps_after_the_checkpoint_are_written_again_once(examples: Any, tmp_path: Path) -> None:
    settings, path = GrpoSettings(max_steps=3), tmp_path / "rollouts.jsonl"
    first = Rollouts(path, settings)
    for step in (1, 2, 3):
        first.keep(step, [scored(examples, f"before {step}")], [0.0])
    with path.open("a") as file:
        file.write('{"step": 4, "pla')  # killed while it wrote
    again = Rollouts(path, settings, after_step=2)
    again.keep(3, [scored(examples, "after 3")], [0.0])
    assert [row["completion"] for row in rows(path)] == ["before 1", "before 2", "after 3"]


@pytest.mark.parametrize(("kept", "between"), [(0, 0), (20_000, 1), (6_400, 1), (6_399, 2), (640, 10), (1, 6_400)])
def test_no_more_are_kept_than_asked_for(examples: Any, tmp_path: Path, kept: int, between: int) -> None:
    settings, path = GrpoSettings(max_steps=50, max_rollouts=kept), tmp_path / "rollouts.jsonl"
    assert steps_between(settings) == between  # of 50 steps of 16 prompts with 8 completions each
    rollouts = Rollouts(path, settings)
    for step in range(1, settings.max_steps + 1):
        rollouts.keep(step, [scored(examples, "x")], [0.0])
    written = len(rows(path)) if path.exists() else 0
    assert written == (len(range(0, 50, between)) if between else 0)
