"""The reward model program, run as a whole."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from tests.text2graph_dagster.training import tiny_models
from text2graph_dagster.training import grpo, reward_model
from text2graph_dagster.training.data.preference_data import make_pairs
from text2graph_dagster.training.reward_model import evaluate_pairs, main
from text2graph_dagster.training.rl.reward_scorer import load_scorer

REWARD: dict[str, Any] = {
    **{"max_steps": 30, "batch_size": 8, "training_passages": 80, "samples": 4, "learning_rate": 5e-3, "save_steps": 4},
    **{"warmup_steps": 2, "threads": 1},
}


def points(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def trained(fine_tuned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a reward model that the program has trained."""
    folder = tmp_path_factory.mktemp("reward")
    config = tiny_models.write_config(folder, "reward_model", {"reward_model": REWARD}, base=str(fine_tuned))
    assert main(["--config", str(config)]) == 0
    return folder / "reward_model"


def test_the_reward_model_learns_to_rank_pairs_and_reports_its_accuracy(trained: Path) -> None:
    accuracy = [p["pair_accuracy"] for p in points(trained) if "pair_accuracy" in p]
    assert len(accuracy) == 30 and sum(accuracy[-5:]) > sum(accuracy[:5])
    run = json.loads((trained / "run.json").read_text())
    dev = run["dev"]
    assert run["measured_on"] == "dev gold" and run["examples"] == 60
    kinds = [name.removesuffix("_pairs") for name in dev if name.endswith("_pairs")]
    assert {"all", "entity_type", "span", "dropped"} <= set(kinds)
    assert dev["all_pairs"] == sum(dev[f"{kind}_pairs"] for kind in kinds) - dev["all_pairs"]
    assert all(0 <= dev[f"{k}_low"] <= dev[f"{k}_accuracy"] <= dev[f"{k}_high"] <= 1 for k in kinds)


def test_the_reported_accuracy_is_that_of_the_written_model(trained: Path) -> None:
    from text2graph_dagster.training.data.examples import read_examples

    settings = tiny_models.settings({"reward_model": REWARD})
    scorer = load_scorer(trained, settings)
    assert scorer.model.config.num_labels == 1 and (trained / "model.safetensors").is_file()
    examples = list(read_examples(trained.with_name("dev.parquet"), settings))
    pairs = make_pairs(examples, {}, None, settings)
    metrics, scale = evaluate_pairs(scorer.model, scorer.tokenizer, pairs, settings)
    right = sum(
        scorer.score_graphs([(pair.example, pair.preference.chosen)])
        > scorer.score_graphs([(pair.example, pair.preference.rejected)])
        for pair in pairs
    )
    assert metrics["all_accuracy"] == pytest.approx(right / len(pairs)) and scale["deviation"] > 0


def test_a_killed_run_resumes_to_the_same_result(
    trained: Path, fine_tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_models.write_config(tmp_path, "reward_model", {"reward_model": REWARD}, base=str(fine_tuned))
    with tiny_models.killed_at(18, monkeypatch):
        main(["--config", str(config)])
    assert not (tmp_path / "reward_model").exists()
    assert main(["--config", str(config)]) == 0
    resumed, straight = (load_file(folder / "model.safetensors") for folder in (tmp_path / "reward_model", trained))
    assert all(torch.equal(resumed[name], value) for name, value in straight.items())
    assert [p["step"] for p in points(tmp_path / "reward_model") if "loss" in p] == list(range(1, 31))


def test_adapters_are_merged_and_the_new_head_is_trained(fine_tuned: Path, tmp_path: Path) -> None:
    changes = {"reward_model": {**REWARD, "max_steps": 3, "samples": 0}, "student": {"lora": {"rank": 2, "alpha": 4}}}
    config = tiny_models.write_config(tmp_path, "reward_model", changes, base=str(fine_tuned), dev=None)
    assert main(["--config", str(config)]) == 0
    weights = load_file(tmp_path / "reward_model" / "model.safetensors")
    base = load_file(fine_tuned / "model.safetensors")
    untrained = reward_model.make_scalar_model(fine_tuned, tiny_models.settings())
    assert not any("lora" in name for name in weights)
    assert not torch.equal(weights["score.weight"], untrained.score.weight)
    assert not torch.equal(weights["model.layers.0.mlp.up_proj.weight"], base["model.layers.0.mlp.up_proj.weight"])
    assert json.loads((tmp_path / "reward_model" / "run.json").read_text())["measured_on"] == "held-out graphs"


def test_only_trusted_graphs_are_used(fine_tuned: Path, tmp_path: Path, capsys: Any) -> None:
    config = tiny_models.write_config(tmp_path, "reward_model", {"reward_model": REWARD}, base=str(fine_tuned))
    frame = pl.read_parquet(tmp_path / "train.parquet").with_columns(trusted=pl.lit(False))
    frame.write_parquet(tmp_path / "train.parquet")
    assert main(["--config", str(config)]) == 1
    assert "trusted" in capsys.readouterr().err


def test_grpo_uses_the_reward_model_for_passages_without_a_trusted_graph(
    trained: Path, fine_tuned: Path, tmp_path: Path
) -> None:
    top = {"base": str(fine_tuned), "reward_model": str(trained), "dev": None}
    config = tiny_models.write_config(tmp_path, "grpo", {"grpo": {"max_steps": 1, "prompts_per_step": 6}}, **top)
    frame = pl.read_parquet(tmp_path / "train.parquet").with_row_index()
    frame.with_columns(trusted=pl.col("index") % 2 == 0).drop("index").write_parquet(tmp_path / "train.parquet")
    assert grpo.main(["--config", str(config)]) == 0
    (point,) = [p for p in points(tmp_path / "grpo") if "reward" in p]
    assert 0 <= point["reward_judged"] <= 1 and "reward_relation_f1" in point
    inputs = json.loads((tmp_path / "grpo" / "run.json").read_text())["inputs"]
    assert inputs["reward_model:model.safetensors"] != inputs["base:model.safetensors"]
