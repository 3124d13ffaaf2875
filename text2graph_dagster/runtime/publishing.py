"""Make a directory once: it appears complete by one rename.

Processes that want the same directory wait for each other. What a killed one leaves is removed by the next.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from text2graph_dagster.errors import UserError
from text2graph_dagster.runtime.reporting import PIPES_VARIABLE

_SECONDS_BETWEEN_LOOKS = 0.5


@dataclass(frozen=True)
class Staging:
    """A folder of its own, beside the directory to make; it is removed afterwards."""

    folder: Path
    lock: int  # an open file, which started programs inherit: it stays locked until the last of them has ended

    def run(self, command: Sequence[str], watch: Callable[[], None] = lambda: None) -> tuple[int, str]:
        """Run a command, whose temporary files are in the folder too; return its exit code and its output.

        `watch` is called twice a second. The command ends with this call, also after an interrupt.
        """
        env = {name: value for name, value in os.environ.items() if name != PIPES_VARIABLE}
        with (
            tempfile.TemporaryFile("w+", errors="replace") as output,
            subprocess.Popen(
                command,
                env={**env, "TMPDIR": str(self.folder)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[self.lock],
            ) as process,
        ):
            try:
                while process.poll() is None:
                    _wait_briefly(process)
                    watch()
            finally:
                process.kill()
            output.seek(0)
            return process.returncode, output.read()

    def count_bytes(self) -> int:
        """Return the size of all files in the folder."""
        total = 0
        for folder, _, files in os.walk(self.folder):
            for name in files:
                try:
                    total += os.stat(os.path.join(folder, name)).st_size  # noqa: PTH116, PTH118
                except FileNotFoundError:  # moved or removed meanwhile
                    continue
        return total


def make_directory_once(
    directory: Path,
    is_ready: Callable[[], bool],
    make: Callable[[Staging], Path],
    required_bytes: int,
    log: Callable[[str], object],
) -> Path:
    """Return `directory`; make it unless `is_ready` says that it is there.

    Args:
        make: makes the directory somewhere in the staging folder and returns where.
        required_bytes: the free space that making it needs.

    Raises:
        UserError: the disk is full or cannot be written.
    """
    if is_ready():
        return directory
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with _hold_lock(directory, log) as lock:
            if not is_ready():
                _remove_leftovers(directory)
                _check_space(directory, required_bytes)
                with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f".{directory.name}-") as folder:
                    _publish(make(Staging(Path(folder), lock)), directory, Path(folder))
    except OSError as error:
        raise UserError(
            f"{directory} cannot be written ({error.strerror}): free space on its disk, or set TEXT2GRAPH_HOME."
        ) from None
    return directory


def _wait_briefly(process: "subprocess.Popen[bytes] | subprocess.Popen[str]") -> None:
    try:
        process.wait(_SECONDS_BETWEEN_LOOKS)
    except subprocess.TimeoutExpired:
        return


@contextmanager
def _hold_lock(directory: Path, log: Callable[[str], object]) -> Iterator[int]:
    """Hold the lock of a directory; wait for the process that has it."""
    with (directory.parent / f".{directory.name}.lock").open("w") as file:
        _lock(file, directory, log)
        yield file.fileno()


def _lock(file: IO[str], directory: Path, log: Callable[[str], object]) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        log(f"waiting for another process that makes {directory}")
        fcntl.flock(file, fcntl.LOCK_EX)


def _remove_leftovers(directory: Path) -> None:
    """Remove the staging folders of processes that were killed."""
    for folder in directory.parent.glob(f".{directory.name}-*"):
        shutil.rmtree(folder, ignore_errors=True)


def _check_space(directory: Path, required_bytes: int) -> None:
    free = shutil.disk_usage(directory.parent).free
    if free < required_bytes:
        raise UserError(
            f"{directory} needs {required_bytes / 1e6:,.0f} MB while it is made, and the disk has {free / 1e6:,.0f} MB "
            "left: free some space, or set TEXT2GRAPH_HOME."
        )


def _publish(made: Path, directory: Path, folder: Path) -> None:
    """Rename what was made; what was there before (of another version) goes with the staging folder."""
    if directory.exists():
        directory.rename(folder / "replaced")
    made.rename(directory)
