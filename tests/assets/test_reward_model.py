"""The reward model in the lineage: there where it is enabled, and then GRPO cannot go round it."""

import json
from pathlib import Path
from typing import Any

import polars as pl

from tests.assets.conftest import DATA, House
from tests.assets.test_gates import failure

MODEL = ["filtered_dataset", "sft_checkpoint", "reward_model", "grpo_checkpoint"]


def inputs(house: House, stage: str) -> tuple[dict[str, Any], pl.DataFrame]:
    """Return the configuration and the examples of the stage's one run."""
    (folder,) = house.root.glob(f"checkpoints/{stage}-*.inputs")
    return json.loads((folder / "run.json").read_text()), pl.read_parquet(folder / "train.parquet")


def test_it_is_made_of_the_sft_student_and_judges_for_grpo(house: House) -> None:
    house.overrides["reward_model"] = {"enabled": True, "min_confidence": 0.99}
    house.overrides |= {"dataset": {"held_out_for_grpo": 0.3}, "grpo": {"max_steps": 2}}
    house.add("c")
    assert house.run("c").success
    assert house.launched() == ["sft", "reward_model", "grpo", "predict", "predict"]
    reward, taught = inputs(house, "reward_model")
    grpo, rewarded = inputs(house, "grpo")
    assert reward["base"] == grpo["base"] == str(inputs(house, "sft")[0]["output"])
    assert Path(grpo["reward_model"]) == Path(reward["output"])
    for frame in (taught, rewarded):
        least = frame["relations"].list.eval(pl.element().struct.field("confidence")).list.min().fill_null(1.0)
        assert frame["trusted"].to_list() == (least >= 0.99).to_list()
    assert taught.height > rewarded.height  # it learns from SFT's examples too
    assert house.run(None, *MODEL).success and len(house.launched()) == 5  # nothing has changed


def test_without_it_nothing_is_different(house: House) -> None:
    house.add("c")
    assert house.run("c").success
    config, examples = inputs(house, "grpo")
    assert config["reward_model"] is None and "trusted" not in examples.columns


def test_grpo_waits_for_a_reward_model_that_passed_its_gate(house: House) -> None:
    house.overrides |= {"reward_model": {"enabled": True}}
    house.add("c")
    assert house.run("c", *DATA).success
    assert house.run(None, "filtered_dataset", "sft_checkpoint").success
    skipped = house.run(None, "grpo_checkpoint")
    assert "reward_model/pair_accuracy was never evaluated" in failure(skipped, "grpo_checkpoint")
    house.overrides["gates"]["reward_model_min_accuracy"] = 0.9
    assert not house.run(None, "reward_model", "grpo_checkpoint").success
    assert "pair_accuracy failed" in failure(house.run(None, "grpo_checkpoint"), "grpo_checkpoint")
    house.overrides["reward_model"] = {"enabled": False}
    assert house.run(None, "grpo_checkpoint").success
