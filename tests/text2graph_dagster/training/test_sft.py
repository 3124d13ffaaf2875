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
