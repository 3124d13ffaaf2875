"""Runs one command and leaves nothing of it behind: `python supervisor.py GRACE_SECONDS COMMAND…`.

Standard input is a pipe whose other end the owner holds. It closes when the owner lets go or dies, however it dies
(SIGKILL too): then the command's process group is asked to end and, after the grace, everything that descends from it,
in whatever group, is killed. The same happens when the command ends by itself but leaves children behind.

A program of its own, from the standard library only, so that it starts in a moment and outlives its owner.
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
LOOK_SECONDS = 0.05


class Family:
    """The command and all that descends from it."""

    def __init__(self, command: Sequence[str], scratch: str) -> None:
        self._process = subprocess.Popen(
            command,
            env={**os.environ, "TMPDIR": scratch},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_tie_to_this_process(),
        )
        self.code: int | None = None  # of the command itself, once it has ended

    def lives(self) -> bool:
        """Reap the dead; return whether anybody is left."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return True
                if pid == self._process.pid:
                    self.code = os.waitstatus_to_exitcode(status)
        return False

    def end(self, grace_seconds: float) -> None:
        """End whoever is left, politely first."""
        self._signal_group(signal.SIGTERM)
        deadline = time.monotonic() + grace_seconds
        while self.lives() and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        while self.lives():  # orphans become children of this process, so each round reaches deeper
            self._signal_group(signal.SIGKILL)
            for pid in _children():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(LOOK_SECONDS)

    def _signal_group(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def main(arguments: Sequence[str]) -> int:
    """Run the command until it ends or the owner lets go; return its exit code, 128 + n where signal n ended it."""
    grace_seconds, command = float(arguments[0]), arguments[1:]
    let_go = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: let_go.set())
    # Sockets and files that it makes in passing go with it, also where it has to be killed.
    with tempfile.TemporaryDirectory(prefix="text2graph-", ignore_cleanup_errors=True) as scratch:
        try:
            family = Family(command, scratch)
        except OSError as error:
            print(f"{command[0]} cannot be started: {error.strerror}", file=sys.stderr)
            return 127
        threading.Thread(target=_wait_for_owner, args=[let_go], daemon=True).start()
        while family.lives() and family.code is None and not let_go.is_set():
            let_go.wait(LOOK_SECONDS)
        family.end(grace_seconds)
    code = family.code or 0
    return code if code >= 0 else 128 - code


def _wait_for_owner(let_go: threading.Event) -> None:
    while os.read(0, 1024):
        pass
    let_go.set()


def _tie_to_this_process() -> Callable[[], None] | None:
    """Adopt the family's orphans; return what makes the command end when this process is killed (both Linux only)."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)  # loaded before the fork: loading a library in the child is not safe
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)

    def die_with_parent() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    return die_with_parent


def _children() -> list[int]:
    """Return the living children of this process; none where there is no /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
            if int(fields[1]) == os.getpid():
                found.append(int(stat.parent.name))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
