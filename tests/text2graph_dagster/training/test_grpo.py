"""The reinforcement program, as it is run."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.text2graph_dagster.training import tiny_models
from text2graph_dagster.runtime.output_directory import OutputDirectory
from text2graph_dagster.training import dev_evaluation, grpo
from text2graph_dagster.training.data.curriculum import choose_prompts
from text2graph_dagster.training.grpo import main, make_arguments
from text2graph_dagster.training.rl.best_checkpoint import Best
from text2graph_dagster.training.rl.trl_reward import Rewarder


def points(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_three_steps_report_every_figure_and_never_hand_on_a_worse_model(fine_tuned: Path, tmp_path: Path) -> None:
    assert main(["--config", str(tiny_models.write_config(tmp_path, "grpo", base=str(fine_tuned)))]) == 0
    steps = [p for p in points(tmp_path / "grpo") if "reward" in p]
    assert [p["step"] for p in steps] == [1, 2, 3]
    components = {"json_valid", "entity_f1", "relation_f1", "spurious", "grounding", "schema_legal", "verbosity"}
    assert {f"reward_{name}" for name in components} <= steps[0].keys()
    assert {"loss", "entropy", "completion_length", "triple_ratio", "groups_without_variance"} <= steps[0].keys()
    rollouts = [json.loads(line) for line in (tmp_path / "grpo" / "rollouts.jsonl").read_text().splitlines()]
    assert [(r["step"], r["place"]) for r in rollouts] == [(step, place) for step in (1, 2, 3) for place in range(8)]
    for start in range(0, len(rollouts), 4):
        group = [r["advantage"] for r in rollouts[start : start + 4]]
        assert sum(group) == pytest.approx(0, abs=1e-4)
    measured = {p["step"]: p["dev_relation_f1"] for p in points(tmp_path / "grpo") if "dev_relation_f1" in p}
    assert sorted(measured) == [0, 1, 2, 3]
    run = json.loads((tmp_path / "grpo" / "run.json").read_text())
    assert run["dev"]["relation_f1"] == max(measured.values()) == measured[run["kept_step"]]
    if run["kept_step"] == 0:
        kept, base = (load_file(folder / "model.safetensors") for folder in (tmp_path / "grpo", fine_tuned))
        assert all(torch.equal(kept[name], value) for name, value in base.items())
        assert run["improved_on_dev"] is False


KL = {"beta": 0.1, "learning_rate": 1e-2, "max_steps": 2, "warmup_steps": 0}


@pytest.fixture
def brevity_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reward what a student of 20 steps can do: its answers are all wrong, and most of them are cut off."""

    parts = Rewarder.score

    def score(self: Rewarder, number: int, completion: str, step: int) -> dict[str, float]:
        return parts(self, number, completion, step) | {"total": -float(len(completion))}

    def arguments(*given: Any) -> Any:
        found = make_arguments(*given)
        found.mask_truncated_completions = False
        return found

    monkeypatch.setattr(Rewarder, "score", score)
    monkeypatch.setattr(grpo, "make_arguments", arguments)


@pytest.mark.usefixtures("brevity_pays")
def test_kl_to_the_fine_tuned_model_is_measured_when_it_counts(fine_tuned: Path, tmp_path: Path) -> None:
    changes = {"grpo": KL}
    config = tiny_models.write_config(tmp_path, "grpo", changes, base=str(fine_tuned), dev=None)
    assert main(["--config", str(config)]) == 0
    kl = [p["kl"] for p in points(tmp_path / "grpo") if "kl" in p]
    assert len(kl) == 2 and kl[0] == pytest.approx(0.0, abs=1e-4) and kl[1] > 1e-4
    assert json.loads((tmp_path / "grpo" / "run.json").read_text())["kept_step"] == 2


def test_a_fatal_alarm_ends_the_run_and_the_best_model_so_far_is_kept(fine_tuned: Path, tmp_path: Path) -> None:
    alarms = {"window": 1, "max_without_variance": 0.0, "fatal": ["no_variance"]}
    changes = {"grpo": {"max_steps": 6, "dev_checks": 6, "temperature": 1e-4, "alarms": alarms}}
    config = tiny_models.write_config(tmp_path, "grpo", changes, base=str(fine_tuned))
    assert main(["--config", str(config)]) == 0
    run = json.loads((tmp_path / "grpo" / "run.json").read_text())
    assert run["stopped_by"] == "no_variance" and run["steps"] == run["alarms"][0]["step"] == 1
    assert run["kept_step"] in (0, 1)


@pytest.mark.usefixtures("brevity_pays")
def test_kl_with_adapters_is_that_to_the_fine_tuned_model_also_after_a_kill(
    fine_tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second step's KL is above 0 only if the adapters come back from the checkpoint, and not the reference's."""
    changes = {"grpo": KL}
    changes["student"] = {"lora": {"rank": 4, "alpha": 8}}
    config = tiny_models.write_config(tmp_path, "grpo", changes, base=str(fine_tuned), dev=None)
    with tiny_models.killed_at(2, monkeypatch):
        main(["--config", str(config)])
    assert main(["--config", str(config)]) == 0
    kl = [p["kl"] for p in points(tmp_path / "grpo") if "kl" in p]
    assert len(kl) == 2 and kl[0] == pytest.approx(0.0, abs=1e-4) and kl[1] > 1e-4
    kept, base = (load_file(folder / "model.safetensors") for folder in (tmp_path / "grpo", fine_tuned))
    assert kept.keys() == base.keys() and not all(torch.equal(kept[name], value) for name, value in base.items())


def test_no_steps_hand_the_fine_tuned_model_on(fine_tuned: Path, tmp_path: Path) -> None:
    config = tiny_models.write_config(tmp_path, "grpo", {"grpo": {"max_steps": 0}}, base=str(fine_tuned))
    assert main(["--config", str(config)]) == 0
    kept, base = (load_file(folder / "model.safetensors") for folder in (tmp_path / "grpo", fine_tuned))
    assert all(torch.equal(kept[name], value) for name, value in base.items())


def test_what_is_known_of_the_fine_tuned_student_is_not_measured_again(
    fine_tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = json.loads((fine_tuned / "run.json").read_text())["dev"]
    figures, measured = {**known, "relation_f1": 0.25}, []
    monkeypatch.setattr(dev_evaluation, "measure", lambda *asked: measured.append(asked) or figures)
    for name, changes, dev in (
        ("same", {}, known),
        ("other", {"evaluation": {"max_new_tokens": 9}}, figures),
    ):
        folder = tmp_path / name
        folder.mkdir()
        config = tiny_models.write_config(folder, "grpo", {"grpo": {"max_steps": 0}, **changes}, base=str(fine_tuned))
        assert main(["--config", str(config)]) == 0
        assert json.loads((folder / "grpo" / "run.json").read_text())["dev"] == dev
        assert len(measured) == (dev is figures)


def test_a_run_that_was_killed_ends_as_if_it_had_not_been(fine_tuned: Path, tmp_path: Path) -> None:
    config = tiny_models.write_config(tmp_path, "grpo", {"grpo": {"max_steps": 4}}, base=str(fine_tuned), dev=None)
    command = [sys.executable, "-m", "text2graph_dagster.training.grpo", "--config", str(config)]
    checkpoint = tmp_path / "grpo.partial" / "checkpoints" / "checkpoint-2" / "trainer_state.json"
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert checkpoint.exists() and not (tmp_path / "grpo").exists()
    assert main(["--config", str(config)]) == 0
    whole = tiny_models.write_config(tmp_path, "whole", {"grpo": {"max_steps": 4}}, base=str(fine_tuned), dev=None)
    assert main(["--config", str(whole)]) == 0
    assert [p["step"] for p in points(tmp_path / "grpo") if "reward" in p] == [1, 2, 3, 4]
    for name in ("metrics.jsonl", "rollouts.jsonl"):
        assert (tmp_path / "grpo" / name).read_text() == (tmp_path / "whole" / name).read_text()
    cut, uncut = (load_file(tmp_path / name / "model.safetensors") for name in ("grpo", "whole"))
    assert all(torch.equal(cut[name], value) for name, value in uncut.items())


def test_prompts_without_a_relation_are_kept_few(examples: Any) -> None:
    from dataclasses import replace

    from text2graph_dagster.graph.model import Graph

    mixed = [replace(e, graph=Graph()) if i % 2 else e for i, e in enumerate(examples)]
    short = range(len(mixed))
    grpo = tiny_models.settings({"grpo": {"max_steps": 10, "prompts_per_step": 4, "max_empty_share": 0.2}}).grpo
    order = choose_prompts(short, mixed, grpo, seed=0)
    assert len(order) == 40 and order == choose_prompts(short, mixed, grpo, seed=0)
    assert sum(not mixed[i].graph.relations for i in order[:38]) in range(6, 10)
    assert len(set(order[:38])) == 38


def test_only_a_better_model_is_kept(tmp_path: Path) -> None:
    best = Best(tmp_path / "best", lambda model, folder: (folder / "model").write_text(model))
    assert best.offer("first", 0, {"relation_f1": 0.5})
    assert not best.offer("equal", 1, {"relation_f1": 0.5})
    assert best.offer("better", 2, {"relation_f1": 0.6})
    assert best.move_to(tmp_path / "out")["step"] == 2
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["model"]
    assert (tmp_path / "out" / "model").read_text() == "better"


def test_what_may_be_chance_is_not_better(tmp_path: Path) -> None:
    best = Best(tmp_path / "best", lambda model, folder: (folder / "model").write_text(model), min_gain=0.05)
    assert best.offer("first", 0, {"relation_f1": 0.5})
    assert not best.offer("by chance", 1, {"relation_f1": 0.54})
    assert best.offer("better", 2, {"relation_f1": 0.56})


def test_a_missing_base_is_told_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(tiny_models.write_config(tmp_path, "grpo", {}))]) == 1
    assert "base" in capsys.readouterr().err


@pytest.mark.parametrize(("micro_batch", "forward"), [(64, 12), (12, 12), (5, 4), (1, 1)])
def test_a_step_is_parted_into_equal_forward_passes(tmp_path: Path, micro_batch: int, forward: int) -> None:
    grpo = tiny_models.settings({"grpo": {"prompts_per_step": 3, "generations": 4, "micro_batch": micro_batch}}).grpo
    arguments = make_arguments(grpo, 1, OutputDirectory(tmp_path / "out", "identity"))
    assert arguments.per_device_train_batch_size == forward
    assert arguments.per_device_train_batch_size * arguments.gradient_accumulation_steps == 12
