"""The model server, with a fake of vLLM: start, failures, and no leftover processes."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from resources.vllm import build_command, build_environment, run_server
from tests.resources.model_server import fake_vllm, find_leftovers
from text2graph_dagster.errors import UserError
from text2graph_dagster.settings import ServerSettings


def wait_for(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert holds()


def test_run_server_waits_for_an_answer_and_leaves_no_process(tmp_path: Path) -> None:
    logged: list[str] = []
    settings = fake_vllm(tmp_path, "family stubborn")
    with run_server("tiny", settings, tmp_path / "logs" / "teacher.log", logged.append) as server:
        assert server.base_url.startswith("http://127.0.0.1:")
        assert len(find_leftovers(tmp_path)) == 6
    assert find_leftovers(tmp_path) == []
    assert "answers after" in " ".join(logged)
    assert "loading weights" in (tmp_path / "logs" / "teacher.log").read_text()


def test_the_error_about_a_server_that_ended_contains_its_log(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match=r"for tiny ended with exit code 3(.|\n)*no such model"),
        run_server("tiny", fake_vllm(tmp_path, "crash family"), tmp_path / "log", print),
    ):
        raise AssertionError("the server answered")
    assert find_leftovers(tmp_path) == []


def test_a_server_that_does_not_answer_is_ended(tmp_path: Path) -> None:
    settings = fake_vllm(tmp_path, "silent stubborn", start_seconds=3.0)
    timeout = pytest.raises(UserError, match="did not answer within 3 s")
    with timeout, run_server("tiny", settings, tmp_path / "log", print):
        raise AssertionError("the server answered")
    assert find_leftovers(tmp_path) == []


def test_the_error_about_a_missing_interpreter_names_it(tmp_path: Path) -> None:
    settings = ServerSettings(python="/nowhere/python")
    missing = pytest.raises(UserError, match="/nowhere/python does not exist")
    with missing, run_server("tiny", settings, tmp_path / "log", print):
        pass


def test_a_failing_step_leaves_no_process(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), run_server("tiny", fake_vllm(tmp_path, "family"), tmp_path / "log", print):
        raise ZeroDivisionError
    assert find_leftovers(tmp_path) == []


OWNER = """
    import pathlib, sys, time
    from resources.vllm import run_server
    from tests.resources.model_server import fake_vllm
    folder = pathlib.Path(sys.argv[1])
    with run_server("tiny", fake_vllm(folder, sys.argv[2]), folder / "log", print):
        (folder / "up").touch()
        time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("behaviour", ["family stubborn", "family silent"], ids=["serving", "starting"])
def test_no_process_is_left_when_the_owner_is_interrupted_or_killed(
    tmp_path: Path, number: signal.Signals, behaviour: str
) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(OWNER), str(tmp_path), behaviour],
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Background processes of a shell ignore SIGINT, and so do their children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_for((tmp_path / ("scratch" if "silent" in behaviour else "up")).exists)
    assert len(find_leftovers(tmp_path)) == 6
    owner.send_signal(number)
    owner.wait(60)
    wait_for(lambda: find_leftovers(tmp_path) == [], 30)


def test_options_reach_the_server_and_secrets_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TEXT2GRAPH_API_KEY", "AWS_SESSION", "HF_TOKEN", "VLLM_API_KEY", "DAGSTER_PG"):
        monkeypatch.setenv(name, f"canary {name}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    settings = fake_vllm(tmp_path, max_model_len=4096, pass_env=["HF_TOKEN"], extra_args=["--enforce-eager"])
    with run_server("tiny", settings, tmp_path / "log", print):
        seen = json.loads((tmp_path / "seen.json").read_text())
    assert [v for v in seen["variables"].values() if v.startswith("canary")] == ["canary HF_TOKEN"]
    assert seen["variables"]["CUDA_VISIBLE_DEVICES"] == "1"
    assert seen["variables"]["DO_NOT_TRACK"] == seen["variables"]["VLLM_NO_USAGE_STATS"] == "1"
    given = " ".join(seen["arguments"])
    assert "--host 127.0.0.1" in given
    assert "--max-model-len 4096" in given
    assert given.endswith("--enforce-eager")


def test_every_setting_becomes_a_command_line_option() -> None:
    settings = ServerSettings(
        python="/opt/vllm/bin/python",
        weights="/models/big",
        tensor_parallel_size=4,
        extra_args=["--no-enable-prefix-caching"],
    )
    line = build_command("Big-70B", settings, 5000)
    assert line[:3] == ["/opt/vllm/bin/python", "-m", "vllm.entrypoints.openai.api_server"]
    options = dict(zip(line[3:-2:2], line[4:-2:2], strict=True))
    assert (options["--model"], options["--served-model-name"]) == ("/models/big", "Big-70B")
    assert options["--tensor-parallel-size"] == "4"
    assert line[-2:] == ["--enable-prefix-caching", "--no-enable-prefix-caching"]  # the last option takes precedence


def test_only_listed_variables_are_inherited() -> None:
    given = {"PATH": "/bin", "OPENAI_API_KEY": "x", "VLLM_LOGGING_LEVEL": "INFO", "HF_HUB_TOKEN": "x", "HF_HOME": "/hf"}
    kept = build_environment(ServerSettings(env={"VLLM_LOGGING_LEVEL": "ERROR"}), given)
    assert {"PATH", "HF_HOME"} <= set(kept)
    assert "x" not in kept.values()
    assert kept["VLLM_LOGGING_LEVEL"] == "ERROR"
