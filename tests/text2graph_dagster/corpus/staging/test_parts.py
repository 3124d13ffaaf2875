"""Processed documents are reused, and the tables equal those of a run from scratch."""

import random
from pathlib import Path
from typing import Any

import pytest

from tests.text2graph_dagster.corpus.sample_corpora import (
    STORY,
    assert_same,
    build_again,
    gold_line,
    make_corpus,
    note_lines,
)
from text2graph_dagster.corpus import build as build_module
from text2graph_dagster.corpus.staging import parts


def test_only_new_documents_are_packed(tmp_path: Path, packed: list[str]) -> None:
    path, staged = make_corpus(tmp_path, {"a.jsonl": note_lines([1, 2, 3]), "b.txt": STORY}), tmp_path / "staged"
    build_again(path, staged)
    assert sorted(packed) == ["a.jsonl#1", "a.jsonl#2", "a.jsonl#3", "b.txt"]
    packed.clear()
    assert_same(build_again(path, staged), build_again(path, None))
    assert sorted(packed) == ["a.jsonl#1", "a.jsonl#2", "a.jsonl#3", "b.txt"]  # by the run without a folder
    packed.clear()
    make_corpus(tmp_path, {"a.jsonl": note_lines([0, 1, 3, 4])})
    build_again(path, staged)
    assert sorted(packed) == ["a.jsonl#0", "a.jsonl#4"]


@pytest.mark.parametrize("seed", range(4))
def test_incremental_runs_equal_a_run_from_scratch(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "CHUNK_DOCUMENTS", 5)
    rng = random.Random(seed)
    staged = tmp_path / "staged"
    for step in range(4):
        files: dict[str, bytes | str] = {
            "a.jsonl": note_lines(rng.sample(range(40), rng.randint(0, 30))) + rng.choice(["", "{broken\n"]),
            "b.jsonl": note_lines(rng.sample(range(40), rng.randint(1, 10))),
            f"{step}.txt": rng.choice([STORY, "\u200b", f"{STORY} Step {step}."]),
        }
        gold = [gold_line(f"Ana Berg lives in Oslo since {rng.randint(0, 3)}.")]
        path = make_corpus(tmp_path, files, gold)
        if step == 2:
            (path / "0.txt").unlink()
        assert_same(build_again(path, staged), build_again(path, None))


def test_an_interrupted_run_is_resumed(tmp_path: Path, packed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "CHUNK_DOCUMENTS", 2)
    path, staged = make_corpus(tmp_path, {"a.jsonl": note_lines(list(range(8)))}), tmp_path / "staged"
    original, written = build_module._write_part, []

    def failing(*arguments: Any) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt
        original(*arguments)
        written.append(1)

    monkeypatch.setattr(build_module, "_write_part", failing)
    with pytest.raises(KeyboardInterrupt):
        build_again(path, staged)
    monkeypatch.setattr(build_module, "_write_part", original)
    packed.clear()
    assert_same(build_again(path, staged), build_again(path, None))
    assert len(packed) == 4 + 8


@pytest.mark.slow
def test_worker_processes_give_the_same_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_corpus(tmp_path, {"a.jsonl": note_lines(list(range(60))), "b.txt": "\u200b"})
    alone = build_again(path, None)
    monkeypatch.setattr(parts, "CHUNK_DOCUMENTS", 5)
    monkeypatch.setattr(parts, "_SERIAL_CHUNKS", 2)
    assert_same(build_again(path, None), alone)
