"""The launcher with real processes: results, live metrics, failures, and no leftover processes."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import dagster as dg
import pytest

from resources.launcher import Launcher
from tests.resources.model_server import is_running

PROGRAMS = {
    "good": """
        import sys
        from dagster_pipes import open_dagster_pipes
        with open_dagster_pipes() as pipes:
            for step in range(3):
                point = {"type": "train_metrics", "step": step, "loss": 1.0 / (step + 1), "kl": None}
                pipes.report_custom_message(point)
            pipes.report_custom_message({"type": "alarm", "name": "kl", "step": 2, "value": 9.0})
            pipes.report_custom_message({"type": "result", "path": sys.argv[-1]})
    """,
    "silent": "print('no result')",
    "failing": "raise SystemExit(3)",
    "stubborn": """
        import os, pathlib, signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, 1); time.sleep(600)"])
        time.sleep(1)
        pathlib.Path(sys.argv[-1]).write_text(f"{os.getpid()} {child.pid}")
        time.sleep(600)
    """,
}


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, code in PROGRAMS.items():
        (tmp_path / f"program_{name}.py").write_text(textwrap.dedent(code))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def run(module: str, config: Path) -> dg.ExecuteInProcessResult:
    @dg.asset
    def trained(context: dg.AssetExecutionContext, launcher: Launcher) -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata={"path": launcher.run(context, module, config)["path"]})

    return dg.materialize([trained], resources={"launcher": Launcher()}, raise_on_error=False)


def test_the_result_and_all_metrics_are_received(programs: Path) -> None:
    result = run("program_good", programs / "run.json")
    assert result.success
    assert result.asset_materializations_for_node("trained")[0].metadata["path"].value == str(programs / "run.json")
    observations = result.get_asset_observation_events()
    assert [o.asset_observation_data.asset_observation.metadata["step"].value for o in observations] == [0, 1, 2, 2]
    assert "kl" not in observations[0].asset_observation_data.asset_observation.metadata
    assert observations[3].asset_observation_data.asset_observation.metadata["alarm"].value == "kl"


@pytest.mark.parametrize(
    ("module", "says"), [("program_failing", "exit code 3"), ("program_silent", "without reporting")]
)
def test_a_program_that_fails_or_reports_no_result_fails_the_step(programs: Path, module: str, says: str) -> None:
    result = run(module, programs / "run.json")
    assert not result.success
    assert says in str(result.failure_data_for_node("trained"))


def test_no_process_is_left_when_the_step_is_interrupted(programs: Path) -> None:
    pids = programs / "pids"
    step = textwrap.dedent(
        """
        import sys, pathlib, dagster as dg
        from resources.launcher import Launcher
        @dg.asset
        def trained(context: dg.AssetExecutionContext, launcher: Launcher):
            launcher.run(context, "program_stubborn", pathlib.Path(sys.argv[1]))
        dg.materialize([trained], resources={"launcher": Launcher(grace_seconds=1.0)})
        """
    )
    env = {**os.environ, "PYTHONPATH": f"{programs}{os.pathsep}{Path.cwd()}"}
    parent = subprocess.Popen([sys.executable, "-c", step, str(pids)], env=env, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not pids.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    left = [int(pid) for pid in pids.read_text().split()]
    parent.send_signal(signal.SIGINT)
    parent.wait(60)
    time.sleep(0.5)
    assert [pid for pid in left if is_running(pid)] == []
