"""Run programs (training, prediction, model servers) that must not outlive the pipeline that starts them."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from resources import supervisor

REAP_SECONDS = 10.0  # extra wait after the grace period, for processes that have to be killed


@contextmanager
def run_supervised(
    command: Sequence[str], env: Mapping[str, str], grace_seconds: float, output: IO[bytes] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a command in its own session; when the block ends, even by an exception, its process tree is ended.

    A supervisor process also ends the process tree if this process is killed. The supervisor is yielded; it ends with
    the command, with the same exit code. Standard output and standard error are written to `output`; without `output`,
    they are inherited from this process.
    """
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(supervisor.__file__)), str(grace_seconds), *command],
        env=dict(env),
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.stdin:
            with suppress(BrokenPipeError):
                process.stdin.close()  # tells the supervisor to end
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace_seconds + REAP_SECONDS)
