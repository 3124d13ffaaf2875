"""Answers that were paid for and do not stand in the ledger's table yet, on disk as they come.

A table is written in batches; a process that is killed in between would pay for a batch's answers again. So each answer
is appended to a file first, in one write: what was written outlives the process, whatever ends it. (The machine's own
end may take the last seconds: nothing waits for the disk.) A file is held by a lock for as long as its writer lives,
so that a later run finds what a dead one left and nothing that a living one is still writing.
"""

import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

Row = Mapping[str, Any]
_FORGOTTEN_SECONDS = 3600.0  # a lock without a file is being taken or removed, or its writer was killed meanwhile


class Journal:
    """One writer's file in `folder`, made with the first row."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path: Path | None = None
        self._lock: FileLock | None = None
        self._file = -1

    def append(self, row: Row) -> None:
        """Append a row; when this returns it outlives the process."""
        if self._path is None:
            self._open()
        data = (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")
        while data:
            data = data[os.write(self._file, data) :]

    def clear(self) -> None:
        """Forget the rows: they are safe elsewhere now."""
        if self._path is not None and self._lock is not None:
            os.close(self._file)
            _remove(self._path, self._lock)
            self._path = None

    def left(self) -> Iterator[list[dict[str, Any]]]:
        """Yield what writers that are gone have left, file by file; each is deleted when the next one is asked for."""
        for path in sorted(self.folder.glob("*.jsonl")):
            lock = FileLock(f"{path}.lock", timeout=0)
            try:
                lock.acquire()
            except Timeout:
                continue
            if not path.exists():  # another process has just taken it
                lock.release()
                continue
            try:
                yield _rows(path)
            except BaseException:
                lock.release()
                raise
            _remove(path, lock)
        for path in self.folder.glob("*.jsonl.lock"):
            with suppress(FileNotFoundError):  # its writer may be removing it
                if not path.with_suffix("").exists() and time.time() - path.stat().st_mtime > _FORGOTTEN_SECONDS:
                    path.unlink()

    def _open(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._path = self.folder / f"{uuid.uuid4().hex}.jsonl"
        self._lock = FileLock(f"{self._path}.lock", timeout=0)
        self._lock.acquire()  # before the file is there for others to see
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _remove(path: Path, lock: FileLock) -> None:
    path.unlink(missing_ok=True)
    lock.release()
    Path(f"{path}.lock").unlink(missing_ok=True)


def _rows(path: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a file: its last one may have been cut off."""
    rows = []
    for line in path.read_bytes().split(b"\n")[:-1]:
        try:
            rows.append(json.loads(line.decode("utf-8", "surrogatepass")))
        except ValueError:  # the machine went down while it was written
            continue
    return rows
