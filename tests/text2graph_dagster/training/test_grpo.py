"""The GRPO program, run as a whole."""

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
from text2graph_dagster.training.grpo import main, make_arguments
from text2graph_dagster.training.rl.trl_reward import TrlReward


def points(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_grpo_reports_every_metric_and_never_keeps_a_worse_model(fine_tuned: Path, tmp_path: Path) -> None:
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
def reward_brevity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reward short answers, which a student of 20 steps can learn: all its answers are wrong, most are truncated."""

    compute = TrlReward.score

    def score(self: TrlReward, number: int, completion: str, step: int) -> dict[str, float]:
        return compute(self, number, completion, step) | {"total": -float(len(completion))}

    def make_unmasked_arguments(*given: Any) -> Any:
        arguments = make_arguments(*given)
        arguments.mask_truncated_completions = False
        return arguments

    monkeypatch.setattr(TrlReward, "score", score)
    monkeypatch.setattr(grpo, "make_arguments", make_unmasked_arguments)


@pytest.mark.usefixtures("reward_brevity")
def test_kl_to_the_sft_model_is_measured_when_beta_is_positive(fine_tuned: Path, tmp_path: Path) -> None:
    changes = {"grpo": KL}
    config = tiny_models.write_config(tmp_path, "grpo", changes, base=str(fine_tuned), dev=None)
    assert main(["--config", str(config)]) == 0
    kl = [p["kl"] for p in points(tmp_path / "grpo") if "kl" in p]
    assert len(kl) == 2 and kl[0] == pytest.approx(0.0, abs=1e-4) and kl[1] > 1e-4
    assert json.loads((tmp_path / "grpo" / "run.json").read_text())["kept_step"] == 2


def test_a_fatal_alarm_stops_the_run_and_keeps_the_best_model_so_far(fine_tuned: Path, tmp_path: Path) -> None:
    alarms = {"window": 1, "max_without_variance": 0.0, "fatal": ["no_variance"]}
    changes = {"grpo": {"max_steps": 6, "dev_checks": 6, "temperature": 1e-4, "alarms": alarms}}
    config = tiny_models.write_config(tmp_path, "grpo", changes, base=str(fine_tuned))
    assert main(["--config", str(config)]) == 0
    run = json.loads((tmp_path / "grpo" / "run.json").read_text())
    assert run["stopped_by"] == "no_variance" and run["steps"] == run["alarms"][0]["step"] == 1
    assert run["kept_step"] in (0, 1)


@pytest.mark.usefixtures("reward_brevity")
def test_kl_with_adapters_is_measured_to_the_sft_model_even_after_a_kill(
    fine_tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second step's KL is above 0 only if the checkpoint restores the adapters but not the reference model."""
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


def test_zero_steps_keep_the_sft_model(fine_tuned: Path, tmp_path: Path) -> None:
    config = tiny_models.write_config(tmp_path, "grpo", {"grpo": {"max_steps": 0}}, base=str(fine_tuned))
    assert main(["--config", str(config)]) == 0
    kept, base = (load_file(folder / "model.safetensors") for folder in (tmp_path / "grpo", fine_tuned))
    assert all(torch.equal(kept[name], value) for name, value in base.items())


def test_the_sft_student_is_evaluated_again_only_if_conditions_changed(
    fine_tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = json.loads((fine_tuned / "run.json").read_text())["dev"]
    metrics, evaluated = {**recorded, "relation_f1": 0.25}, []
    monkeypatch.setattr(dev_evaluation, "evaluate_dev", lambda *given: evaluated.append(given) or metrics)
    for name, changes, dev in (
        ("same", {}, recorded),
        ("other", {"evaluation": {"max_new_tokens": 9}}, metrics),
    ):
        folder = tmp_path / name
        folder.mkdir()
        config = tiny_models.write_config(folder, "grpo", {"grpo": {"max_steps": 0}, **changes}, base=str(fine_tuned))
        assert main(["--config", str(config)]) == 0
        assert json.loads((folder / "grpo" / "run.json").read_text())["dev"] == dev
        assert len(evaluated) == (dev is metrics)


def test_a_killed_run_resumes_to_the_same_result(fine_tuned: Path, tmp_path: Path) -> None:
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


def test_a_missing_base_is_a_user_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(tiny_models.write_config(tmp_path, "grpo", {}))]) == 1
    assert "base" in capsys.readouterr().err


@pytest.mark.parametrize(("micro_batch", "forward"), [(64, 12), (12, 12), (5, 4), (1, 1)])
def test_a_step_is_split_into_equal_forward_passes(tmp_path: Path, micro_batch: int, forward: int) -> None:
    grpo = tiny_models.settings({"grpo": {"prompts_per_step": 3, "generations": 4, "micro_batch": micro_batch}}).grpo
    arguments = make_arguments(grpo, 1, OutputDirectory(tmp_path / "out", "identity"), False)
    assert arguments.per_device_train_batch_size == forward
    assert arguments.per_device_train_batch_size * arguments.gradient_accumulation_steps == 12
