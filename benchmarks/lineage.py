"""Measure seconds and peak memory of every asset with its gates: `python -m benchmarks.lineage [--quick] [--json]`.

Each asset runs as `dagster asset materialize` in its own process, in a new home; the row "(start)" is the cost of
starting such a process. Memory is the largest resident set of the process or of any program that it started. `--quick`
uses the smoke corpus and the smoke settings.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.support.table import flags, show
from examples.gazette.generate import generate
from examples.gazette.settings import GazetteSettings

ROOT = Path(__file__).parents[1]
TOOLS = Path(sys.executable).parent
PARTITIONED = ("raw_corpus", "teacher_graphs", "cot_traces")
ASSETS = (*PARTITIONED, "filtered_dataset", "sft_checkpoint", "grpo_checkpoint", "eval_report")
MEBIBYTE = 1024


def timed(command: list[str], env: dict[str, str], log: Path) -> tuple[float, float]:
    """Run a command and return (seconds, peak MiB).

    Raises:
        SystemExit: the command failed.
    """
    begun = time.monotonic()
    with log.open("a") as file:
        process = subprocess.Popen(command, env=env, cwd=ROOT, stdout=file, stderr=file)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{log.read_text()[-3000:]}")
    return time.monotonic() - begun, usage.ru_maxrss / MEBIBYTE


def prepare(home: Path, *, quick: bool) -> dict[str, str]:
    """Make a home with the gazette registered and return the environment for it."""
    generate(home / "generated" / "gazette", GazetteSettings.smoke() if quick else None)
    (home / "dagster").mkdir()
    env = {**os.environ, "TEXT2GRAPH_HOME": str(home), "DAGSTER_HOME": str(home / "dagster")}
    if quick:
        env["TEXT2GRAPH_CONFIG"] = str(ROOT / "examples/gazette/smoke.yaml")
    timed([str(TOOLS / "text2graph"), "corpora", "add", str(home / "generated" / "gazette")], env, home / "log")
    return env


def materialise(asset: str) -> list[str]:
    """Return the command that materialises one asset with its gates."""
    where = ["--partition", "gazette"] if asset in PARTITIONED else []
    module = "text2graph_dagster.definitions"
    return [str(TOOLS / "dagster"), "asset", "materialize", "--select", asset, *where, "-m", module]


def main() -> None:
    """Run from the command line."""
    arguments = flags(str(__doc__))
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        env = prepare(home, quick=arguments.quick)
        start = timed([sys.executable, "-c", "import text2graph_dagster.definitions"], env, home / "log")
        rows.append({"asset": "(start)", "seconds": start[0], "peak_mib": start[1]})
        for asset in ASSETS:
            seconds, memory = timed(materialise(asset), env, home / "log")
            rows.append({"asset": asset, "seconds": seconds, "peak_mib": memory})
    show(rows, as_json=arguments.json)


if __name__ == "__main__":
    main()
