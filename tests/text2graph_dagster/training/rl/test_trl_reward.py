"""The reward function, called as TRL calls it."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.text2graph_dagster.training import tiny_models
from text2graph_dagster.training.rl.trl_reward import TrlReward


def test_a_right_answer_gets_the_full_reward_and_components_are_logged(examples: Any) -> None:
    settings = tiny_models.settings()
    logged: dict[str, float] = {}
    reward_function = TrlReward(examples, {}, settings.grpo, thinking=False)
    weights = settings.grpo.weights
    rewards = reward_function(
        **{"prompts": ["", ""], "completions": [examples[0].answer, "no JSON"], "index": [0, 0]},
        trainer_state=SimpleNamespace(global_step=0),
        log_metric=logged.__setitem__,
        completion_ids=[[], []],
    )
    assert rewards[0] == pytest.approx(weights.json_valid + weights.entity_f1 + weights.relation_f1)
    assert rewards[1] < 0
    assert logged["t2g/reward_relation_f1"] == 0.5 and logged["t2g/triple_ratio"] == 0.5
    assert "t2g/reward_format" not in logged


def test_span_credit_ends_with_the_first_half_of_the_steps(examples: Any) -> None:
    example = next(e for e in examples if len(e.graph.entities) == 2 and " works for " in e.text)
    person = next(e for e in example.graph.entities if e.type == "person")
    nearly = example.answer.replace(f'"text":"{person.text}"', f'"text":"{person.text} works"')
    reward_function = TrlReward([example], {}, tiny_models.settings({"grpo": {"max_steps": 10}}).grpo, thinking=False)

    def reward(step: int) -> float:
        state = SimpleNamespace(global_step=step)
        return reward_function([""], [nearly], [0], trainer_state=state, log_metric=lambda name, value: None)[0]

    assert nearly != example.answer and reward(4) > reward(5)
