"""The weighted sum of the components."""

import pytest

from tests.text2graph_dagster.rewards.reward_examples import (
    BEST,
    ENTITIES,
    RELATIONS,
    SETTINGS,
    WEIGHTS,
    answer,
    parts,
    think,
    total,
)
from text2graph_dagster.errors import UserError
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.settings import Settings


def test_the_best_total_is_the_sum_of_the_positive_weights() -> None:
    assert total(answer()) == pytest.approx(BEST)
    assert total(think(answer()), thinking=True) == pytest.approx(BEST + WEIGHTS["format"])
    assert total(answer([], []), Graph()) == pytest.approx(BEST)


def test_an_untidy_answer_keeps_a_share_of_its_f1() -> None:
    fenced = parts(f"```json\n{answer()}\n```")
    assert fenced["json_valid"] == 0
    assert fenced["entity_f1"] == fenced["relation_f1"] == SETTINGS.credit.untidy


@pytest.mark.parametrize("untidy", [0.0, 0.5])
def test_weights_that_reward_form_more_than_content_are_rejected(untidy: float) -> None:
    weights = {"json_valid": 1.4, "format": 0.1, "entity_f1": 1.0, "relation_f1": 2.0 if untidy else 0.5}
    with pytest.raises(UserError, match="json_valid and format"):
        Settings.load(overrides={"grpo": {"weights": weights, "credit": {"untidy": untidy}}})
    Settings.load(overrides={"grpo": {"weights": {**weights, "format": 0.0}, "credit": {"untidy": untidy}}})


def test_span_credit_out_of_range_is_an_error() -> None:
    for share in (0.6, -0.1):
        with pytest.raises(ValueError, match="span_credit"):
            total(answer(), span_credit=share)


def test_scores_contain_the_item_counts() -> None:
    got = parts(answer(ENTITIES[:3], RELATIONS[:1]))
    assert [got[f"{side}_{kind}"] for side in ("predicted", "gold") for kind in ("entities", "relations")] == [
        3,
        1,
        4,
        3,
    ]
