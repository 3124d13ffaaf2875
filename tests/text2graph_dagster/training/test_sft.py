"""The SFT program, run as a whole."""

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
from text2graph_dagster.runtime.config import read_config
from text2graph_dagster.runtime.output_directory import OutputDirectory
from text2graph_dagster.runtime.reporting import Reporter
from text2graph_dagster.training import dev_evaluation
from text2graph_dagster.training.config import TrainingConfig
from text2graph_dagster.training.sft import main, train


def losses(folder: Path) -> list[float]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines if "loss" in json.loads(line)]


def test_the_loss_falls_and_the_run_is_recorded(fine_tuned: Path) -> None:
    points = losses(fine_tuned)
    assert len(points) == 20 and sum(points[-3:]) < 0.8 * sum(points[:3])
    run = json.loads((fine_tuned / "run.json").read_text())
    assert run["examples"] == 60 and run["steps"] == 20 and run["seconds"] > 0
    assert 0 < run["padding_share"] < 0.2
    assert set(run["inputs"]) == {"train", "dev", "ontology:tiny"} and run["versions"]["trl"]
    assert {"relation_f1", "entity_f1", "parse_rate", "stopped", "triple_ratio"} <= run["dev"].keys()
    assert not fine_tuned.with_name("sft.partial").exists()


def test_the_output_is_an_ordinary_transformers_directory(fine_tuned: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(fine_tuned)
    tokenizer = AutoTokenizer.from_pretrained(fine_tuned)
    turns = [{"role": "user", "content": "text: Bake works for Loru."}]
    prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt")
    generated = model.generate(**prompt, max_new_tokens=4)
    assert generated.shape[1] > prompt["input_ids"].shape[1]
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert model.config.use_cache  # trainers disable it, but users who generate with Transformers need it
    assert model.config.model_type == "qwen2"


def test_a_finished_run_is_not_run_again(fine_tuned: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (fine_tuned / "run.json").stat().st_mtime_ns
    assert main(["--config", str(fine_tuned.with_suffix(".json"))]) == 0
    assert (fine_tuned / "run.json").stat().st_mtime_ns == before
    assert "nothing to do" in capsys.readouterr().out


def test_a_killed_run_resumes_to_the_same_result(fine_tuned: Path, tmp_path: Path) -> None:
    config = tiny_models.write_config(tmp_path)
    command = [sys.executable, "-m", "text2graph_dagster.training.sft", "--config", str(config)]
    checkpoint = tmp_path / "sft.partial" / "checkpoints" / "checkpoint-10" / "trainer_state.json"
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert checkpoint.exists() and not (tmp_path / "sft").exists()
    assert main(["--config", str(config)]) == 0
    resumed, straight = (load_file(folder / "model.safetensors") for folder in (tmp_path / "sft", fine_tuned))
    assert all(torch.equal(resumed[name], value) for name, value in straight.items())
    assert losses(tmp_path / "sft") == losses(fine_tuned)


CHECKED = {"max_steps": 12, "dev_checks": 6, "dev_check_examples": 4, "save_steps": 5}


def score_by_weights(model: Any, tokenizer: Any, dev: Any, *others: Any) -> dict[str, float]:
    """Return dev metrics whose relation F1 falls as the weights grow: every model has another one."""
    f1 = 1 / float(sum(parameter.detach().square().sum() for parameter in model.parameters()))
    bounds = {"relation_f1_low": f1, "relation_f1_high": f1, "entity_f1_low": f1, "entity_f1_high": f1}
    return {"passages": len(dev), "relation_f1": f1, "entity_f1": f1, "parse_rate": 1.0, "stopped": 1.0, **bounds}


def run_checked(folder: Path, **sft: Any) -> dict[str, Any]:
    """Run the program with evaluations on dev; return run.json."""
    assert main(["--config", str(tiny_models.write_config(folder, changes={"sft": {**CHECKED, **sft}}))]) == 0
    run: dict[str, Any] = json.loads((folder / "sft" / "run.json").read_text())
    return run


def points(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "sft" / "metrics.jsonl").read_text().splitlines()]


def test_the_best_model_on_dev_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev_evaluation, "evaluate_dev", score_by_weights)
    run = run_checked(tmp_path, patience=None)
    measured = {p["step"]: p["dev_relation_f1"] for p in points(tmp_path) if "dev_relation_f1" in p}
    assert list(measured) == [2, 4, 6, 8, 10, 12] == [check["step"] for check in run["dev_checks"]]
    assert all({"relation_f1_low", "relation_f1_high", "entity_f1"} <= check.keys() for check in run["dev_checks"])
    assert measured[run["kept_step"]] == max(measured.values()) and run["kept_step"] < run["steps"] == 12
    assert {p["dev_passages"] for p in points(tmp_path) if "dev_passages" in p} == {4}
    assert run["dev"]["passages"] == 6  # the published model is evaluated on all of dev
    assert run["dev"]["relation_f1"] == pytest.approx(measured[run["kept_step"]])


def test_training_stops_when_dev_no_longer_improves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dev_evaluation, "evaluate_dev", score_by_weights)
    run = run_checked(tmp_path, patience=2)
    assert (run["kept_step"], run["steps"]) == (2, 6) and len(run["dev_checks"]) == 3
    assert "stopped early: no better dev relation F1 in the last 2 checks" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("moment", "save_steps"),
    [("step 5", 5), ("step 6", 5), ("evaluation 2", 5), ("evaluation 2", 3), ("evaluation 3", 5), ("published", 6)],
)
def test_a_run_killed_around_its_evaluations_resumes_to_the_same_result(
    moment: str, save_steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run stops early at step 6; step 6 is saved in the last case, so a resumed run must not train on."""
    calls: list[int] = []

    def evaluate(*given: Any) -> dict[str, float]:
        metrics = score_by_weights(*given)
        calls.append(1)
        if moment == f"evaluation {len(calls)}" or (moment == "published" and len(calls) == 4):
            raise tiny_models.Killed
        return metrics

    monkeypatch.setattr(dev_evaluation, "evaluate_dev", score_by_weights)
    straight = run_checked(tmp_path / "straight", patience=2, save_steps=save_steps)
    assert straight["steps"] == 6
    kind, number = [*moment.split(), "0"][:2]
    if kind == "step":
        with tiny_models.killed_at(int(number), monkeypatch):
            run_checked(tmp_path / "killed", patience=2, save_steps=save_steps)
    else:
        with monkeypatch.context() as patch, pytest.raises(tiny_models.Killed):
            patch.setattr(dev_evaluation, "evaluate_dev", evaluate)
            run_checked(tmp_path / "killed", patience=2, save_steps=save_steps)
    assert not (tmp_path / "killed" / "sft").exists()
    resumed = run_checked(tmp_path / "killed", patience=2, save_steps=save_steps)
    for name in ("kept_step", "steps", "dev_checks", "dev"):
        assert resumed[name] == straight[name], name
    assert points(tmp_path / "killed") == points(tmp_path / "straight")
    kept, expected = (load_file(tmp_path / name / "sft" / "model.safetensors") for name in ("killed", "straight"))
    assert all(torch.equal(kept[name], value) for name, value in expected.items())


def test_a_killed_run_with_adapters_resumes_to_the_same_merged_model(
    chat_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dropout shows that an evaluation leaves the random state of training unchanged after a resumption too."""
    lora = {"rank": 2, "alpha": 4, "dropout": 0.2}
    changes = {
        "student": {"base_model": str(chat_model), "lora": lora},
        "sft": {"max_steps": 6, "dev_checks": 3, "save_steps": 3, "learning_rate": 1e-2},
    }
    monkeypatch.setattr(dev_evaluation, "evaluate_dev", score_by_weights)
    runs = {name: tiny_models.write_config(tmp_path / name, changes=changes) for name in ("straight", "killed")}
    assert main(["--config", str(runs["straight"])]) == 0
    with tiny_models.killed_at(5, monkeypatch):
        main(["--config", str(runs["killed"])])
    assert main(["--config", str(runs["killed"])]) == 0
    killed, straight = (
        [{name: p[name] for name in p if name != "tokens"} for p in points(tmp_path / run)]  # TRL counts from 0 again
        for run in ("killed", "straight")
    )
    assert killed == straight
    kept, expected = (load_file(tmp_path / name / "sft" / "model.safetensors") for name in ("killed", "straight"))
    assert not any("lora" in name for name in kept)
    assert all(torch.equal(kept[name], value) for name, value in expected.items())


def test_without_dev_examples_the_last_model_is_kept_and_the_log_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = {"sft": {"max_steps": 2, "dev_checks": 2}}
    assert main(["--config", str(tiny_models.write_config(tmp_path, changes=changes, dev=None))]) == 0
    run = json.loads((tmp_path / "sft" / "run.json").read_text())
    assert (run["kept_step"], run["steps"], run["dev_checks"]) == (2, 2, []) and "dev" not in run
    assert "there are no dev examples: the model of the last step will be kept" in capsys.readouterr().out


def test_the_log_says_how_much_is_trained_on_and_how_long_it_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--config", str(tiny_models.write_config(tmp_path))]) == 0
    log = capsys.readouterr().out
    assert "20 steps of 4 examples: 1.3 passes over 60 examples, " in log
    assert log.index("passes over") < log.index("forecast after 13 of 20 steps: about ")


def test_sigterm_ends_the_program_at_once(tmp_path: Path) -> None:
    config = tiny_models.write_config(tmp_path, changes={"sft": {"max_steps": 100_000}})
    process = subprocess.Popen(
        [sys.executable, "-m", "text2graph_dagster.training.sft", "--config", str(config)],
        **{"env": {**os.environ, "OMP_NUM_THREADS": "1"}, "text": True},
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE},
    )
    assert process.stdout is not None
    process.stdout.readline()  # it has started
    process.terminate()
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 143 and "resume from the last checkpoint" in errors


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sft": {"max_length": 16}}, "sft.max_length"),
        ({"student": {"base_model": "/nowhere/model"}}, "/nowhere/model"),
        ({"sft": {"max_stepz": 1}}, "max_stepz"),
    ],
)
def test_invalid_inputs_are_user_errors(
    tmp_path: Path, changes: dict[str, Any], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--config", str(tiny_models.write_config(tmp_path, changes=changes))]) == 1
    error = capsys.readouterr().err
    assert words in error and "Traceback" not in error


def test_metrics_are_sent_to_dagster(tmp_path: Path) -> None:
    from dagster_pipes import PipesDefaultMessageWriter, encode_param

    messages = tmp_path / "messages"
    messages.touch()
    context = {"asset_keys": ["sft"], "code_version_by_asset_key": {}, "provenance_by_asset_key": {}}
    context |= {"partition_key": None, "partition_key_range": None, "partition_time_window": None}
    context |= {"run_id": "r", "job_name": "j", "retry_number": 0, "extras": {}}
    environment = {
        "DAGSTER_PIPES_CONTEXT": encode_param({"data": context}),
        "DAGSTER_PIPES_MESSAGES": encode_param({PipesDefaultMessageWriter.FILE_PATH_KEY: str(messages)}),
    }
    config = tiny_models.write_config(tmp_path, changes={"sft": {"max_steps": 2}}, dev=None)
    command = [sys.executable, "-m", "text2graph_dagster.training.sft", "--config", str(config)]
    subprocess.run(command, env={**os.environ, **environment, "OMP_NUM_THREADS": "1"}, check=True, timeout=120)
    sent = [json.loads(line) for line in messages.read_text().splitlines()]
    custom = [m["params"]["payload"] for m in sent if m["method"] == "report_custom_message"]
    assert [m["type"] for m in custom] == ["train_metrics", "train_metrics", "result"]
    assert custom[0]["step"] == 1 and custom[0]["loss"] > 0
    assert custom[-1]["path"] == str(tmp_path / "sft")


def take_two_steps(folder: Path, student: dict[str, Any], micro_batch: int | None) -> tuple[Any, list[dict[str, Any]]]:
    """Take two SGD steps; return the weights and the log."""
    sft = {"max_steps": 2, "batch_size": 16, "micro_batch": micro_batch, "warmup_steps": 0}
    config = read_config(
        TrainingConfig, tiny_models.write_config(folder, changes={"sft": sft, "student": student}, dev=None)
    )
    output, trainers = OutputDirectory(config.output, "identity"), []

    def prepare(trainer: Any) -> None:
        trained = [p for p in trainer.model.parameters() if p.requires_grad]
        trainer.optimizer = torch.optim.SGD(trained, lr=1.0)
        trainer.lr_scheduler = torch.optim.lr_scheduler.ConstantLR(trainer.optimizer, 1.0)
        trainers.append(trainer)

    output.open()
    train(config, output, Reporter(None), prepare=prepare)
    trained = [p for p in trainers[0].model.parameters() if p.requires_grad]
    return torch.cat([p.detach().flatten() for p in trained]), trainers[0].state.log_history


@pytest.mark.parametrize("student", [{}, {"lora": {"rank": 2}}], ids=["answer loss", "TRL's loss"])
def test_training_with_micro_batches_gives_the_same_step(student: dict[str, Any], tmp_path: Path) -> None:
    expected, whole = take_two_steps(tmp_path / "whole", student, None)
    weights, parts = take_two_steps(tmp_path / "parts", student, 4)
    assert len(whole) == len(parts) == 3  # two steps and the final summary
    for one, other in zip(whole[:2], parts[:2], strict=True):
        assert one["grad_norm"] > 1e-3 and other["grad_norm"] == pytest.approx(one["grad_norm"], rel=1e-4)
        assert other["loss"] == pytest.approx(one["loss"], abs=1e-5)
    assert (weights - expected).abs().max() < 1e-5
