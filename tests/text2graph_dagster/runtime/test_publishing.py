"""A directory that is made once."""

import sys
from pathlib import Path

import pytest

from text2graph_dagster.errors import UserError
from text2graph_dagster.runtime.publishing import Staging, make_directory_once
from text2graph_dagster.runtime.reporting import PIPES_VARIABLE


def make(staging: Staging) -> Path:
    made = staging.folder / "made"
    made.mkdir()
    (made / "file").write_text("content")
    return made


def make_once(directory: Path, required_bytes: int = 0) -> Path:
    return make_directory_once(directory, directory.exists, make, required_bytes, print)


def test_it_is_made_once_and_nothing_else_remains(tmp_path: Path) -> None:
    directory = tmp_path / "deep" / "result"
    assert make_once(directory) == directory
    inode = directory.stat().st_ino
    assert make_once(directory).stat().st_ino == inode
    assert {path.name for path in directory.parent.iterdir()} == {".result.lock", "result"}


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".result-abc").mkdir()
    make_once(tmp_path / "result")
    assert not (tmp_path / ".result-abc").exists()


def test_too_little_space_or_an_unwritable_place_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="free some space"):
        make_once(tmp_path / "result", required_bytes=10**18)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        make_once(tmp_path / "file" / "result")


def test_a_program_runs_in_the_folder_and_apart_from_dagster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PIPES_VARIABLE, "of the run")
    watched: list[int] = []

    def run(staging: Staging) -> Path:
        made = make(staging)
        (made / "big").write_bytes(b"x" * 1000)
        code = (
            f"import os, time, tempfile; time.sleep(.7); print(tempfile.gettempdir(), {PIPES_VARIABLE!r} in os.environ)"
        )
        result = staging.run([sys.executable, "-c", code], lambda: watched.append(staging.count_bytes()))
        assert result == (0, f"{staging.folder} False\n")
        assert staging.run([sys.executable, "-c", "raise SystemExit(3)"])[0] == 3
        return made

    make_directory_once(tmp_path / "result", lambda: False, run, 0, print)
    assert watched[0] >= 1007


def test_a_program_ends_with_an_interrupt(tmp_path: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    def run(staging: Staging) -> Path:
        staging.run([sys.executable, "-c", "import time; time.sleep(600)"], interrupt)
        return staging.folder

    with pytest.raises(KeyboardInterrupt):
        make_directory_once(tmp_path / "result", lambda: False, run, 0, print)
    assert [path.name for path in tmp_path.iterdir()] == [".result.lock"]
