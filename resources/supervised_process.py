"""Programs that must never outlive the pipeline that starts them: training, prediction, model servers."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from resources import supervisor

REAP_SECONDS = 10.0  # after the grace period, for processes that have to be killed


@contextmanager
def run_supervised(
    command: Sequence[str], env: Mapping[str, str], grace_seconds: float, output: IO[bytes] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a command in a session of its own; its whole process tree ends with the block, however the block ends.

    It also ends when this process is killed, because a supervisor process watches for that. What is yielded is the
    supervisor: it ends when the command does, with the same exit code. `output` takes both output streams; without it
    they are those of this process.
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
