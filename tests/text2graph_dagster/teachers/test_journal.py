"""Appended rows are not lost if their writer dies, and are recovered once."""

import os
from pathlib import Path

import pytest

from text2graph_dagster.errors import UserError
from text2graph_dagster.teachers.journal import Journal


def test_the_journal_of_a_running_process_is_not_recovered(tmp_path: Path) -> None:
    writer = Journal(tmp_path)
    writer.append({"call_key": "a"})
    assert list(Journal(tmp_path).recover()) == []
    writer.clear()
    assert list(tmp_path.iterdir()) == []
    writer.append({"call_key": "b"})  # continues in a new file
    assert len(list(tmp_path.glob("*.jsonl"))) == 1
    writer.clear()
    writer.clear()


def abandon(folder: Path, data: bytes, name: str = "dead") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.jsonl"
    path.write_bytes(data)
    return path


def test_the_journal_of_a_dead_process_is_recovered_once(tmp_path: Path) -> None:
    abandon(tmp_path, '{"a": "é\\u2028"}\n{"a": 2}\n'.encode())
    assert list(Journal(tmp_path).recover()) == [[{"a": "é\u2028"}, {"a": 2}]]
    assert list(Journal(tmp_path).recover()) == []
    assert list(tmp_path.iterdir()) == []


def test_a_stale_lock_file_is_removed_after_an_hour(tmp_path: Path) -> None:
    old, new = tmp_path / "old.jsonl.lock", tmp_path / "new.jsonl.lock"
    for lock in (old, new):
        lock.touch()
    os.utime(old, (0, 0))
    assert list(Journal(tmp_path).recover()) == []
    assert list(tmp_path.iterdir()) == [new]


def test_a_truncated_last_line_is_skipped(tmp_path: Path) -> None:
    abandon(tmp_path, b'{"a": 1}\n{"a": 2}\n{"a": "cut o')
    assert list(Journal(tmp_path).recover()) == [[{"a": 1}, {"a": 2}]]
    abandon(tmp_path, b"")
    assert list(Journal(tmp_path).recover()) == [[]]


def test_rows_that_could_not_be_recorded_stay_in_the_journal(tmp_path: Path) -> None:
    abandon(tmp_path, b'{"a": 1}\n')
    reading = Journal(tmp_path).recover()
    next(reading)
    reading.close()  # simulates an error during recording
    assert list(Journal(tmp_path).recover()) == [[{"a": 1}]]


def test_an_unwritable_folder_is_a_user_error(tmp_path: Path) -> None:
    from resources.teachers import WarehouseLedger
    from resources.warehouse import Warehouse

    (tmp_path / "calls").write_text("a file in the place of the folder")
    with pytest.raises(UserError, match=r"calls cannot be written \(File exists\)"):
        WarehouseLedger(Warehouse(path=str(tmp_path / "w.duckdb"))).append({"call_key": "a"})


def test_any_text_survives_the_round_trip(tmp_path: Path) -> None:
    writer = Journal(tmp_path)
    row = {"a": "line\nbreak \u2028 \x00 \ud800 漢字"}
    writer.append(row)
    (path,) = tmp_path.glob("*.jsonl")
    data = path.read_bytes()
    writer.clear()
    abandon(tmp_path, data)
    assert list(Journal(tmp_path).recover()) == [[row]]
