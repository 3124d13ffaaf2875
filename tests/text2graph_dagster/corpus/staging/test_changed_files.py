"""Only changed files are read; if lines were appended to a file, only these lines are read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.text2graph_dagster.corpus.sample_corpora import STORY, assert_same, build_again, make_corpus, note_lines
from text2graph_dagster.corpus.build import build_corpus
from text2graph_dagster.corpus.folder import CorpusFolder, open_corpus
from text2graph_dagster.corpus.readers import json_lines
from text2graph_dagster.corpus.readers.registry import Document, Rejection
from text2graph_dagster.corpus.staging import changed_files
from text2graph_dagster.settings import CorpusSettings


def test_an_unchanged_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, staged = make_corpus(tmp_path, {"a.jsonl": note_lines([1, 2]), "b.txt": STORY}), tmp_path / "staged"
    build_again(path, staged)
    read: list[str] = []
    original = changed_files.read_documents

    def recording(folder: CorpusFolder, *rest: Any) -> Iterator[Document | Rejection]:
        read.extend(path.name for path in folder.documents)
        return original(folder, *rest)

    monkeypatch.setattr(changed_files, "read_documents", recording)
    (path / "b.txt").write_text(STORY + " More was said.")
    build_again(path, staged)
    assert read == ["b.txt"]


def test_changed_settings_rebuild_all_documents(tmp_path: Path, packed: list[str]) -> None:
    path, staged = make_corpus(tmp_path, {"b.txt": STORY}), tmp_path / "staged"
    build_again(path, staged)
    packed.clear()
    build_corpus(open_corpus(path), CorpusSettings(passage_tokens=20), staged=staged)
    assert packed == ["b.txt"]
    assert len(list(staged.iterdir())) == 1


def test_only_appended_lines_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, staged = make_corpus(tmp_path, {"a.jsonl": note_lines([1, 2, 3]) + "\n{broken\n"}), tmp_path / "staged"
    build_again(path, staged)
    read: list[str] = []
    original = json_lines._parse

    def recording(data: bytes, number: int, name: str) -> Any:
        read.append(f"{name}:{number}")
        return original(data, number, name)

    monkeypatch.setattr(json_lines, "_parse", recording)
    with (path / "a.jsonl").open("a") as file:
        file.write(note_lines([2, 4]))  # an id that also occurs in the earlier lines
    grown = build_again(path, staged)
    assert read == ["a.jsonl:6", "a.jsonl:7"]
    assert_same(grown, build_again(path, None))
    assert "a.jsonl:6" in set(grown.raw_corpus["doc_id"])


@pytest.mark.parametrize("before", ["", "{broken", '{"id": 9, "text": "It was cut'])
@pytest.mark.parametrize("after", ["shorter", "edited", "longer"])
def test_a_file_with_changed_or_incomplete_earlier_lines_is_read_again(tmp_path: Path, before: str, after: str) -> None:
    head = note_lines([1, 2, 3])
    path, staged = make_corpus(tmp_path, {"a.jsonl": head + before, "b.txt": STORY}), tmp_path / "staged"
    build_again(path, staged)
    changed = {"shorter": head[:-5], "edited": head.replace("Ana", "Per"), "longer": head + before}[after]
    (path / "a.jsonl").write_text(changed + note_lines([4, 5]))
    assert_same(build_again(path, staged), build_again(path, None))


def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, staged = make_corpus(tmp_path, {"a.jsonl": note_lines([1, 2]), "b.txt": STORY}), tmp_path / "staged"
    original = changed_files.read_documents

    def growing(folder: CorpusFolder, *rest: Any) -> Iterator[Document | Rejection]:
        if folder.documents[0].name == "a.jsonl":
            with (path / "a.jsonl").open("a") as file:
                file.write(note_lines([3]))
        yield from original(folder, *rest)

    monkeypatch.setattr(changed_files, "read_documents", growing)
    build_again(path, staged)
    monkeypatch.setattr(changed_files, "read_documents", original)
    with (path / "a.jsonl").open("a") as file:
        file.write(note_lines([3, 4]))
    assert_same(build_again(path, staged), build_again(path, None))
