"""The reward without a gold graph: the reward model scores flawless graphs only."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.text2graph_dagster.training import tiny_models
from text2graph_dagster.errors import UserError
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.training.data.examples import Example
from text2graph_dagster.training.rl.reward_scorer import RewardScorer, load_scorer
from text2graph_dagster.training.rl.trl_reward import TrlReward

MODEL_REWARD = 0.7


class GenerousScorer(RewardScorer):
    """A reward model that gives every graph the same score and records its inputs."""

    def score_graphs(self, items: Sequence[tuple[Example, Graph]]) -> list[float]:
        shown.extend(items)
        return [MODEL_REWARD] * len(items)


shown: list[tuple[Example, Graph]] = []
SETTINGS = tiny_models.settings()
WEIGHTS = SETTINGS.grpo.weights
SCORER = GenerousScorer(None, None, 0.0, 1.0, SETTINGS)


@pytest.fixture
def example(examples: Any) -> Example:
    """An example whose graph is untrusted and wrong."""
    shown.clear()
    found: Example = next(e for e in examples if len(e.graph.relations) == 2)
    return replace(found, trusted=False, graph=Graph())


def reward(example: Example, completion: str) -> dict[str, float]:
    return SCORER.compute_rewards({3: (example, completion)}, {})[3]


def test_a_flawless_answer_is_scored_and_the_examples_graph_is_not_used(example: Example) -> None:
    parts = reward(example, example.answer)
    assert parts["total"] == pytest.approx(WEIGHTS.json_valid + SETTINGS.reward_model.weight * MODEL_REWARD)
    ((scored, graph),) = shown
    assert scored is example and len(graph.relations) == 2 and len(graph.entities) == 4
    assert parts == reward(replace(example, graph=graph), example.answer)


def test_order_and_spelling_of_an_answer_do_not_change_the_input(example: Example) -> None:
    answer = example.answer
    reward(example, answer)
    reward(example, answer.replace('"text":"', '"text":" ').replace(",", ", "))
    assert shown[0] == shown[1]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda answer: answer + " and more",
        lambda answer: answer.replace('"entities":[', '"entities":[{"id":9,"text":"Nobody","type":"person"},'),
        lambda answer: answer.replace('"type":"person"', '"type":"wizard"', 1),
        lambda answer: answer.replace('"relations":[', '"relations":[{"head":"Nobody","type":"lives in","tail":"X"},'),
        lambda answer: answer[:-2],
        lambda answer: answer + answer,
        lambda answer: "",
        lambda answer: "[]",
    ],
    ids=["prose", "ungrounded", "type", "dangling", "cut off", "twice", "nothing", "list"],
)
def test_an_answer_with_any_flaw_is_not_scored_and_gets_less_than_an_empty_answer(example: Example, spoil: Any) -> None:
    completion = spoil(example.answer)
    assert completion != example.answer
    parts = reward(example, completion)
    assert not shown and parts["judged"] == 0
    assert parts["total"] < reward(example, '{"entities":[],"relations":[]}')["total"]


def test_repetition_never_helps(example: Example) -> None:
    first = example.answer.index("{", 1), example.answer.index("},") + 1
    entity = example.answer[slice(*first)]
    repeated = example.answer.replace(entity, ",".join([entity] * 20), 1)
    assert reward(example, repeated)["total"] < reward(example, example.answer)["total"]
    assert reward(example, repeated)["judged"] == 0


def test_only_untrusted_examples_are_scored(example: Example) -> None:
    trusted = replace(example, trusted=True, graph=parse_answer(example))
    logged: dict[str, float] = {}
    reward_function = TrlReward([trusted, example], {}, SETTINGS.grpo, False, SCORER)
    rewards = reward_function(
        **{"prompts": ["", ""], "completions": [example.answer] * 2, "index": [0, 1]},
        trainer_state=SimpleNamespace(global_step=0),
        log_metric=logged.__setitem__,
    )
    best = WEIGHTS.json_valid + WEIGHTS.entity_f1 + WEIGHTS.relation_f1
    assert rewards == pytest.approx([best, WEIGHTS.json_valid + SETTINGS.reward_model.weight * MODEL_REWARD])
    assert logged["t2g/reward_judged"] == MODEL_REWARD and logged["t2g/reward_relation_f1"] == 1.0


def parse_answer(example: Example) -> Graph:
    from text2graph_dagster.graph.legality import legalise
    from text2graph_dagster.graph.parsing import parse

    return legalise(parse(example.answer), example.text, example.entity_types, example.relation_types).graph


def test_a_missing_reward_model_is_a_user_error(tmp_path: Any) -> None:
    with pytest.raises(UserError, match="reward model"):
        load_scorer(tmp_path, SETTINGS)
