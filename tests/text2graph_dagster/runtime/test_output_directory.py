"""The output directory is complete or absent, and belongs to one run."""

import json
from pathlib import Path

from text2graph_dagster.runtime.output_directory import OutputDirectory


def _checkpoint(output: OutputDirectory, step: int, *, complete: bool = True) -> None:
    folder = output.checkpoints / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "trainer_state.json").write_text("{}" if complete else '{"cut')


def _finish(output: OutputDirectory, words: str) -> None:
    output.open()
    output.finished.mkdir()
    (output.finished / "model").write_text(words)
    output.metrics.write_text('{"step": 1}\n')
    output.finish({"seed": 1})


def test_a_finished_run_is_found_and_leaves_no_temporary_files(tmp_path: Path) -> None:
    output = OutputDirectory(tmp_path / "model", "one")
    assert output.read_finished_run() is None
    _finish(output, "weights")
    assert output.read_finished_run() == {"seed": 1, "identity": "one"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model"]
    assert (tmp_path / "model" / "metrics.jsonl").read_text() == '{"step": 1}\n'


def test_another_run_replaces_the_output_only_when_it_finishes(tmp_path: Path) -> None:
    _finish(OutputDirectory(tmp_path / "model", "one"), "old")
    other = OutputDirectory(tmp_path / "model", "two")
    assert other.read_finished_run() is None
    other.open()
    assert (tmp_path / "model" / "model").read_text() == "old"
    _finish(other, "new")
    assert (tmp_path / "model" / "model").read_text() == "new"
    assert json.loads((tmp_path / "model" / "run.json").read_text())["identity"] == "two"


def test_the_last_complete_checkpoint_of_the_same_run_is_used(tmp_path: Path) -> None:
    output = OutputDirectory(tmp_path / "model", "one")
    output.open()
    assert (output.last_checkpoint(), output.last_step()) == (None, 0)
    for step, complete in ((5, True), (10, True), (15, False)):
        _checkpoint(output, step, complete=complete)
    (output.checkpoints / "checkpoint-20").mkdir()
    output.open()
    assert output.last_step() == 10
    other = OutputDirectory(tmp_path / "model", "two")
    other.open()
    assert other.last_checkpoint() is None
