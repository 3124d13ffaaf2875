"""System tests: `dagster dev` with webserver and daemon, in a temporary home, on a small corpus."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from resources.warehouse import Warehouse

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent

# The settings of `make smoke`, with sensors that tick every few seconds.
FAST = {
    "automation": {"sensor_seconds": 5},
    "gates": {"dataset_min_examples": 8, "sft_min_loss_drop": 0.0},
    "sft": {"max_steps": 20, "save_steps": 10},
}


@dataclass(frozen=True)
class Site:
    """An installation: its home folder, its environment variables, and the URL of its webserver, if it runs."""

    root: Path
    env: Mapping[str, str]
    url: str = ""

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(path=str(self.root / "warehouse.duckdb"))

    def tool(self, *command: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """Run an installed command."""
        line = [str(TOOLS / command[0]), *command[1:]]
        return subprocess.run(
            line, env=dict(self.env), capture_output=True, text=True, timeout=timeout, check=False, cwd=ROOT
        )

    def materialise(self, select: str, partition: str | None = None) -> subprocess.CompletedProcess[str]:
        where = ["--partition", partition] if partition else []
        module = "text2graph_dagster.definitions"
        return self.tool("dagster", "asset", "materialize", "--select", select, *where, "-m", module)

    def query(self, text: str, **variables: Any) -> dict[str, Any]:
        """Send a GraphQL query to the webserver."""
        answer = requests.post(f"{self.url}/graphql", json={"query": text, "variables": variables}, timeout=60)
        body: dict[str, Any] = answer.json()
        assert "errors" not in body, body
        return body["data"]

    def runs(self) -> list[dict[str, Any]]:
        """Return every run with its status and assets."""
        text = "{runsOrError{... on Runs{results{runId status jobName assetSelection{path} tags{key value}}}}}"
        found: list[dict[str, Any]] = self.query(text)["runsOrError"]["results"]
        return found


def make_site(root: Path, settings: Mapping[str, Any] | None = None) -> Site:
    smoke = yaml.safe_load((ROOT / "examples/gazette/smoke.yaml").read_text())
    for section, values in (settings or FAST).items():
        smoke[section] = {**smoke.get(section, {}), **values}
    root.mkdir(parents=True, exist_ok=True)
    (root / "settings.yaml").write_text(yaml.safe_dump(smoke))
    dagster_home = root / "dagster"
    dagster_home.mkdir(exist_ok=True)
    shutil.copy(ROOT / "deploy/dagster.yaml", dagster_home / "dagster.yaml")
    env = {
        # `dagster dev -w` refuses to run beside a module that the environment names.
        **{name: value for name, value in os.environ.items() if name != "DAGSTER_MODULE_NAME"},
        "TEXT2GRAPH_HOME": str(root),
        "TEXT2GRAPH_CONFIG": str(root / "settings.yaml"),
        "DAGSTER_HOME": str(dagster_home),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }
    return Site(root, env)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return make_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def served(site: Site) -> Iterator[Site]:
    """The site with `dagster dev` running."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (site.root / "dev.log").open("w")
    command = [str(TOOLS / "dagster"), "dev", "-w", "workspace.yaml", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(
        command, env=dict(site.env), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: server.poll() is not None or _answers(url), 120, "dagster dev did not answer")
        assert server.poll() is None, Path(log.name).read_text()[-2000:]
        yield Site(site.root, site.env, url)
    finally:
        os.killpg(server.pid, signal.SIGINT)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/server_info", timeout=5).status_code == 200
    except requests.RequestException:
        return False


def wait_until(holds: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Wait until `holds()` is true.

    Raises:
        AssertionError: with the message `otherwise`, after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return
        time.sleep(1)
    raise AssertionError(otherwise)
