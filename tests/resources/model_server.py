"""Install `fake_server` as a package `vllm`, so that the real command line starts the fake server."""

import shutil
from pathlib import Path
from typing import Any

from text2graph_dagster.settings import ServerSettings

EMPTY_GRAPH = '{"entities":[],"relations":[]}'


def fake_vllm(folder: Path, behaviour: str = "", answer: str = EMPTY_GRAPH, **more: Any) -> ServerSettings:
    """Write the package, and return settings that start it with this behaviour."""
    package = folder / "vllm" / "entrypoints" / "openai"
    package.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(__file__).with_name("fake_server.py"), package / "api_server.py")
    env = {"PYTHONPATH": str(folder), "BEHAVIOUR": behaviour, "FOLDER": str(folder), "ANSWER": answer}
    return ServerSettings(env=env, grace_seconds=1.0, **more)


def find_leftovers(folder: Path) -> list[int | str]:
    """Return the processes and temporary files of the server in `folder` that still exist."""
    scratch = (folder / "scratch").read_text()
    pids = [int(pid) for pid in (folder / "pids").read_text().split()]
    return [*(pid for pid in pids if is_running(pid)), *([scratch] if Path(scratch).exists() else [])]


def is_running(pid: int) -> bool:
    """Tell whether a process runs (Linux); a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
