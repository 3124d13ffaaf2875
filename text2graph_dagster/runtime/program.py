"""Start and end of every program: environment variables, signals, exit codes, timing."""

import argparse
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FrameType
from typing import Any

from text2graph_dagster.errors import UserError
from text2graph_dagster.runtime.memory import keep_freed_memory
from text2graph_dagster.runtime.reporting import Reporter, open_reporter
from text2graph_dagster.settings import EMBEDDED

_PACKAGES = ("torch", "transformers", "trl", "peft", "tokenizers", "accelerate", "datasets")
STOPPED = 143  # the exit code that a shell reports after SIGTERM


def prepare_environment() -> None:
    """Turn off telemetry and progress bars; call it before torch and transformers are imported."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


def work_offline(model: str | Path) -> None:
    """Turn on the Hugging Face hub's offline mode if the model is local; call it before transformers is imported."""
    if str(model) in EMBEDDED or Path(model).exists():
        os.environ["HF_HUB_OFFLINE"] = "1"


def run_program(program: Callable[[Path, Reporter], None], arguments: Sequence[str] | None, description: str) -> int:
    """Read `--config`, run the program and return the exit code: 1 after a `UserError`, whose message is printed."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--config", type=Path, required=True, help="JSON file")
    path = parser.parse_args(arguments).config
    prepare_environment()
    keep_freed_memory()
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers|trl")
    signal.signal(signal.SIGTERM, _stop)
    try:
        with open_reporter() as reporter:
            program(path, reporter)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def _stop(number: int, frame: FrameType | None) -> None:
    """Exit immediately: finished work is on disk, and the same command resumes from the last checkpoint."""
    print("stopped; run the same command to resume from the last checkpoint", file=sys.stderr, flush=True)
    os._exit(STOPPED)


@contextmanager
def as_user_error(what: str) -> Iterator[None]:
    """Turn any exception of the wrapped code into a `UserError` with the message `what` (the error's first line).

    Raises:
        UserError: the wrapped code raised an exception.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # third-party files can fail in many ways
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"{what} ({first_line}).") from None


def set_threads(threads: int) -> int:
    """Let torch use `threads` processor cores (0: OMP_NUM_THREADS, or all available); return the number used."""
    import torch

    count = threads or int(os.environ.get("OMP_NUM_THREADS") or 0) or len(os.sched_getaffinity(0))
    torch.set_num_threads(count)
    return count


def silence_trainer(trainer: Any) -> Any:
    """Stop a trainer from printing its logs and progress bars; the reporter prints instead. Return the trainer."""
    from transformers import PrinterCallback
    from transformers.utils import logging

    logging.disable_progress_bar()
    trainer.remove_callback(PrinterCallback)
    return trainer


class Stopwatch:
    """Measures wall-clock and processor time since its creation."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), time.process_time()

    def read(self) -> dict[str, float]:
        """Return the elapsed `seconds` and `cpu_seconds`."""
        seconds, cpu = time.monotonic() - self._wall, time.process_time() - self._cpu
        return {"seconds": round(seconds, 1), "cpu_seconds": round(cpu, 1)}


def read_package_versions() -> dict[str, Any]:
    """Return the versions of Python and of the packages that influence a result."""
    found: dict[str, Any] = {"python": sys.version.split()[0]}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found
