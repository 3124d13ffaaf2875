"""Programs that the pipeline starts, and that must never outlive it: training, prediction, model servers."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from resources import supervisor

REAP_SECONDS = 10.0  # beyond the grace, for what has to be killed


@contextmanager
def owned(
    command: Sequence[str], env: Mapping[str, str], grace_seconds: float, output: IO[bytes] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a command in a session of its own; when the block ends, however it ends, the whole process tree ends.

    It ends too when this process is killed: a supervisor notices and outlives it. What is yielded is the supervisor: it
    ends when the command does, with its exit code. `output` takes both output streams; without it they are this
    process's.
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
                process.stdin.close()  # the sign to end
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace_seconds + REAP_SECONDS)
