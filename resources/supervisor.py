"""Run a command, and later end its whole process tree: `python supervisor.py GRACE_SECONDS COMMAND…`.

Standard input is a pipe from the owner process. It is closed when the owner closes it or ends, even by SIGKILL. Then
the command's process group gets SIGTERM. After the grace period, all descendants of the command, in any process group,
get SIGKILL. The same happens if the command ends and leaves child processes.

This is a separate program that uses only the standard library, so that it starts fast and outlives its owner.
"""

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
POLL_SECONDS = 0.05


class ProcessTree:
    """The command and all its descendants."""

    def __init__(self, command: Sequence[str], scratch: str) -> None:
        self._process = subprocess.Popen(
            command,
            env={**os.environ, "TMPDIR": scratch},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_tie_to_this_process(),
        )
        self.code: int | None = None  # exit code of the command after it has ended

    def is_alive(self) -> bool:
        """Reap dead processes; return whether any process is left alive."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return True
                if pid == self._process.pid:
                    self.code = os.waitstatus_to_exitcode(status)
        return False

    def end(self, grace_seconds: float) -> None:
        """End all remaining processes: send SIGTERM, and after the grace period SIGKILL."""
        self._signal_group(signal.SIGTERM)
        deadline = time.monotonic() + grace_seconds
        while self.is_alive() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        while self.is_alive():  # orphans become children of this process, so each round reaches one level deeper
            self._signal_group(signal.SIGKILL)
            for pid in _children():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(POLL_SECONDS)

    def _signal_group(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def main(arguments: Sequence[str]) -> int:
    """Run the command until it ends or the pipe is closed; return its exit code, or 128 + n after signal n."""
    grace_seconds, command = float(arguments[0]), arguments[1:]
    released = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: released.set())
    # The command's temporary files and sockets are removed afterwards, even if the command was killed.
    with tempfile.TemporaryDirectory(prefix="text2graph-", ignore_cleanup_errors=True) as scratch:
        try:
            tree = ProcessTree(command, scratch)
        except OSError as error:
            print(f"{command[0]} cannot be started: {error.strerror}", file=sys.stderr)
            return 127
        threading.Thread(target=_wait_for_owner, args=[released], daemon=True).start()
        while tree.is_alive() and tree.code is None and not released.is_set():
            released.wait(POLL_SECONDS)
        tree.end(grace_seconds)
    code = tree.code or 0
    return code if code >= 0 else 128 - code


def _wait_for_owner(released: threading.Event) -> None:
    while os.read(0, 1024):
        pass
    released.set()


def _tie_to_this_process() -> Callable[[], None] | None:
    """Adopt orphaned descendants; return a function that makes the command end with this process. Linux only."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)  # loaded before the fork, because loading a library in the forked child is not safe
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)

    def die_with_parent() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    return die_with_parent


def _children() -> list[int]:
    """Return the process ids of this process's children; empty on systems without /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
            if int(fields[1]) == os.getpid():
                found.append(int(stat.parent.name))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
