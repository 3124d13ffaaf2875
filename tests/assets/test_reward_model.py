"""The reward model is in the lineage only if it is enabled. If it is enabled, GRPO requires it."""

import json
from pathlib import Path
from typing import Any

import polars as pl

from tests.assets.conftest import DATA, Sandbox, failure

MODEL = ["filtered_dataset", "sft_checkpoint", "reward_model", "grpo_checkpoint"]


def inputs(sandbox: Sandbox, stage: str) -> tuple[dict[str, Any], pl.DataFrame]:
    """Return the configuration and the examples of the stage's one run."""
    (folder,) = sandbox.root.glob(f"checkpoints/{stage}-*.inputs")
    return json.loads((folder / "run.json").read_text()), pl.read_parquet(folder / "train.parquet")


def test_the_reward_model_is_trained_from_the_sft_student_and_passed_to_grpo(sandbox: Sandbox) -> None:
    sandbox.overrides["reward_model"] = {"enabled": True, "min_confidence": 0.99}
    sandbox.overrides |= {"dataset": {"held_out_for_grpo": 0.3}, "grpo": {"max_steps": 2}}
    sandbox.add("c")
    assert sandbox.run("c").success
    assert sandbox.launched() == ["sft", "reward_model", "grpo", "predict", "predict"]
    reward, trained_on = inputs(sandbox, "reward_model")
    grpo, rewarded = inputs(sandbox, "grpo")
    assert reward["base"] == grpo["base"] == str(inputs(sandbox, "sft")[0]["output"])
    assert Path(grpo["reward_model"]) == Path(reward["output"])
    for frame in (trained_on, rewarded):
        least = frame["relations"].list.eval(pl.element().struct.field("confidence")).list.min().fill_null(1.0)
        assert frame["trusted"].to_list() == (least >= 0.99).to_list()
    assert trained_on.height > rewarded.height  # it learns from SFT's examples too
    assert sandbox.run(None, *MODEL).success and len(sandbox.launched()) == 5  # nothing has changed


def test_program_inputs_are_unchanged_without_a_reward_model(sandbox: Sandbox) -> None:
    sandbox.add("c")
    assert sandbox.run("c").success
    config, examples = inputs(sandbox, "grpo")
    assert config["reward_model"] is None and "trusted" not in examples.columns


def test_grpo_requires_a_reward_model_that_passed_its_gate(sandbox: Sandbox) -> None:
    sandbox.overrides |= {"reward_model": {"enabled": True}}
    sandbox.add("c")
    assert sandbox.run("c", *DATA).success
    assert sandbox.run(None, "filtered_dataset", "sft_checkpoint").success
    skipped = sandbox.run(None, "grpo_checkpoint")
    assert "reward_model/pair_accuracy was never evaluated" in failure(skipped, "grpo_checkpoint")
    sandbox.overrides["gates"]["reward_model_min_accuracy"] = 0.9
    assert not sandbox.run(None, "reward_model", "grpo_checkpoint").success
    assert "pair_accuracy failed" in failure(sandbox.run(None, "grpo_checkpoint"), "grpo_checkpoint")
    sandbox.overrides["reward_model"] = {"enabled": False}
    assert sandbox.run(None, "grpo_checkpoint").success
