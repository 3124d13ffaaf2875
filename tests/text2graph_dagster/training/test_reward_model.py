"""The reward model's program, as it is run."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from tests.text2graph_dagster.training import tiny_models
from text2graph_dagster.dataset.preference_pairs import Case
from text2graph_dagster.training import grpo, reward_model
from text2graph_dagster.training.data.preference_data import draw, make_pairs
from text2graph_dagster.training.reward_model import main, measure
from text2graph_dagster.training.rl.reward_scorer import load_judge

REWARD: dict[str, Any] = {
    **{"max_steps": 30, "batch_size": 8, "training_passages": 80, "samples": 4, "learning_rate": 5e-3, "save_steps": 4},
    **{"warmup_steps": 2, "threads": 1},
}


def points(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def trained(fine_tuned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reward model that the program has taught."""
    folder = tmp_path_factory.mktemp("reward")
    config = tiny_models.write_config(folder, "reward_model", {"reward_model": REWARD}, base=str(fine_tuned))
    assert main(["--config", str(config)]) == 0
    return folder / "reward_model"


def test_it_learns_to_tell_pairs_apart_and_says_how_well(trained: Path) -> None:
    accuracy = [p["pair_accuracy"] for p in points(trained) if "pair_accuracy" in p]
    assert len(accuracy) == 30 and sum(accuracy[-5:]) > sum(accuracy[:5])
    run = json.loads((trained / "run.json").read_text())
    dev = run["dev"]
    assert run["measured_on"] == "dev gold" and run["examples"] == 60
    kinds = [name.removesuffix("_pairs") for name in dev if name.endswith("_pairs")]
    assert {"all", "entity_type", "span", "dropped"} <= set(kinds)
    assert dev["all_pairs"] == sum(dev[f"{kind}_pairs"] for kind in kinds) - dev["all_pairs"]
    assert all(0 <= dev[f"{k}_low"] <= dev[f"{k}_accuracy"] <= dev[f"{k}_high"] <= 1 for k in kinds)


def test_what_it_says_is_what_the_model_in_the_folder_does(trained: Path) -> None:
    from text2graph_dagster.training.data.examples import read_examples

    settings = tiny_models.settings({"reward_model": REWARD})
    judge = load_judge(trained, settings)
    assert judge.model.config.num_labels == 1 and (trained / "model.safetensors").is_file()
    examples = list(read_examples(trained.with_name("dev.parquet"), settings))
    pairs = make_pairs(examples, {}, None, settings)
    figures, scale = measure(judge.model, judge.tokenizer, pairs, settings)
    right = sum(
        judge.worths([(pair.example, pair.preference.chosen)])
        > judge.worths([(pair.example, pair.preference.rejected)])
        for pair in pairs
    )
    assert figures["all_accuracy"] == pytest.approx(right / len(pairs)) and scale["deviation"] > 0


def test_a_run_that_was_cut_off_goes_on_as_if_it_had_not_been(
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


def test_adapters_are_merged_and_the_new_head_is_taught(fine_tuned: Path, tmp_path: Path) -> None:
    changes = {"reward_model": {**REWARD, "max_steps": 3, "samples": 0}, "student": {"lora": {"rank": 2, "alpha": 4}}}
    config = tiny_models.write_config(tmp_path, "reward_model", changes, base=str(fine_tuned), dev=None)
    assert main(["--config", str(config)]) == 0
    weights = load_file(tmp_path / "reward_model" / "model.safetensors")
    base = load_file(fine_tuned / "model.safetensors")
    untaught = reward_model.new_model(fine_tuned, tiny_models.settings())
    assert not any("lora" in name for name in weights)
    assert not torch.equal(weights["score.weight"], untaught.score.weight)
    assert not torch.equal(weights["model.layers.0.mlp.up_proj.weight"], base["model.layers.0.mlp.up_proj.weight"])
    assert json.loads((tmp_path / "reward_model" / "run.json").read_text())["measured_on"] == "held-out graphs"


def test_only_trusted_graphs_are_learnt_from(fine_tuned: Path, tmp_path: Path, capsys: Any) -> None:
    config = tiny_models.write_config(tmp_path, "reward_model", {"reward_model": REWARD}, base=str(fine_tuned))
    frame = pl.read_parquet(tmp_path / "train.parquet").with_columns(trusted=pl.lit(False))
    frame.write_parquet(tmp_path / "train.parquet")
    assert main(["--config", str(config)]) == 1
    assert "trusted" in capsys.readouterr().err


def test_grpo_lets_it_judge_the_answers_to_passages_without_a_trusted_graph(
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


def test_few_passages_come_again_with_other_names_and_held_out_ones_never(examples: Any) -> None:
    settings = tiny_models.settings({"reward_model": {"training_passages": 130, "held_out": 0.2}})
    taught, held = draw(list(examples), settings, hold_out=True)
    assert (len(taught), len(held)) == (130, 12)
    assert not {e.example_id for e in taught} & {e.example_id for e in held}
    again = Counter(e.example_id for e in taught)
    assert set(again.values()) <= {2, 3} and len({e.text for e in taught}) > 100


def test_a_students_answers_are_ranked_as_the_reward_ranks_them(examples: Any) -> None:
    some = list(examples)[:10]
    settings = tiny_models.settings({"reward_model": REWARD})
    pairs = make_pairs(
        some, {}, lambda asked: [[e.answer, "{", '{"entities":[],"relations":[]}'] for e in asked], settings
    )
    sampled = [pair for pair in pairs if pair.preference.kind == "sampled"]
    assert len(sampled) == 10
    for pair in sampled:
        e = pair.example
        case = Case(e.text, e.entity_types, e.relation_types, e.graph, None, settings.grpo.weights.model_dump())
        assert case.worth(pair.preference.chosen) > case.worth(pair.preference.rejected)
        assert not pair.preference.rejected.entities
