"""What was made of a document is found again, and the tables are those of a run from scratch."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.text2graph_dagster.corpus.test_build import STORY, assert_accounts, gold_line, make
from text2graph_dagster.corpus import build as module
from text2graph_dagster.corpus.build import build_corpus
from text2graph_dagster.corpus.corpus_tables import CorpusTables
from text2graph_dagster.corpus.deduplication import duplicates
from text2graph_dagster.corpus.deduplication.minhash import CandidatePairs
from text2graph_dagster.corpus.folder import CorpusFolder, open_corpus
from text2graph_dagster.corpus.readers import json_lines
from text2graph_dagster.corpus.readers.registry import Document, Rejection
from text2graph_dagster.corpus.staging import changed_files, parts
from text2graph_dagster.settings import CorpusSettings

SETTINGS = CorpusSettings(passage_tokens=12)


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which the id of every document is added that is cleaned and packed."""
    seen: list[str] = []
    original = module._add_document

    def noting(tables: Any, document: Document) -> bool:
        seen.append(document.doc_id)
        return original(tables, document)

    monkeypatch.setattr(module, "_add_document", noting)
    return seen


def lines(numbers: list[int]) -> str:
    texts = [f"Note {n} about Ana. {STORY} It was written by {'Per' if n % 3 else 'Ana'} in {n % 5}." for n in numbers]
    return "".join(json.dumps({"id": n, "text": text}) + "\n" for n, text in zip(numbers, texts, strict=True))


def again(path: Path, staged: Path | None) -> CorpusTables:
    tables = build_corpus(open_corpus(path), SETTINGS, staged=staged)
    assert_accounts(tables)
    return tables


def assert_same(first: CorpusTables, second: CorpusTables) -> None:
    order = ["doc_id", "start"]
    assert first.raw_corpus.sort(order).equals(second.raw_corpus.sort(order))
    assert first.gold_graphs.equals(second.gold_graphs)
    assert first.quarantine.equals(second.quarantine)
    assert first.accounting == second.accounting


def test_only_what_is_new_is_packed(tmp_path: Path, packed: list[str]) -> None:
    path, staged = make(tmp_path, {"a.jsonl": lines([1, 2, 3]), "b.txt": STORY}), tmp_path / "staged"
    again(path, staged)
    assert sorted(packed) == ["a.jsonl#1", "a.jsonl#2", "a.jsonl#3", "b.txt"]
    packed.clear()
    assert_same(again(path, staged), again(path, None))
    assert sorted(packed) == ["a.jsonl#1", "a.jsonl#2", "a.jsonl#3", "b.txt"]  # by the run without a folder
    packed.clear()
    make(tmp_path, {"a.jsonl": lines([0, 1, 3, 4])})
    again(path, staged)
    assert sorted(packed) == ["a.jsonl#0", "a.jsonl#4"]


def test_a_file_that_did_not_change_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, staged = make(tmp_path, {"a.jsonl": lines([1, 2]), "b.txt": STORY}), tmp_path / "staged"
    again(path, staged)
    read: list[str] = []
    original = changed_files.read_documents

    def noting(folder: CorpusFolder, *rest: Any) -> Iterator[Document | Rejection]:
        read.extend(path.name for path in folder.documents)
        return original(folder, *rest)

    monkeypatch.setattr(changed_files, "read_documents", noting)
    (path / "b.txt").write_text(STORY + " More was said.")
    again(path, staged)
    assert read == ["b.txt"]


def test_other_settings_make_everything_anew(tmp_path: Path, packed: list[str]) -> None:
    path, staged = make(tmp_path, {"b.txt": STORY}), tmp_path / "staged"
    again(path, staged)
    packed.clear()
    build_corpus(open_corpus(path), CorpusSettings(passage_tokens=20), staged=staged)
    assert packed == ["b.txt"]
    assert len(list(staged.iterdir())) == 1


@pytest.mark.parametrize("seed", range(4))
def test_step_by_step_gives_what_a_run_from_scratch_gives(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "CHUNK_DOCUMENTS", 5)
    rng = random.Random(seed)
    staged = tmp_path / "staged"
    for step in range(4):
        files: dict[str, bytes | str] = {
            "a.jsonl": lines(rng.sample(range(40), rng.randint(0, 30))) + rng.choice(["", "{broken\n"]),
            "b.jsonl": lines(rng.sample(range(40), rng.randint(1, 10))),
            f"{step}.txt": rng.choice([STORY, "\u200b", f"{STORY} Step {step}."]),
        }
        gold = [gold_line(f"Ana Berg lives in Oslo since {rng.randint(0, 3)}.")]
        path = make(tmp_path, files, gold)
        if step == 2:
            (path / "0.txt").unlink()
        assert_same(again(path, staged), again(path, None))


def test_a_run_that_was_cut_off_is_taken_up(tmp_path: Path, packed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "CHUNK_DOCUMENTS", 2)
    path, staged = make(tmp_path, {"a.jsonl": lines(list(range(8)))}), tmp_path / "staged"
    original, written = module._write_part, []

    def failing(*arguments: Any) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt
        original(*arguments)
        written.append(1)

    monkeypatch.setattr(module, "_write_part", failing)
    with pytest.raises(KeyboardInterrupt):
        again(path, staged)
    monkeypatch.setattr(module, "_write_part", original)
    packed.clear()
    assert_same(again(path, staged), again(path, None))
    assert len(packed) == 4 + 8


def test_processes_give_the_same_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path, {"a.jsonl": lines(list(range(60))), "b.txt": "\u200b"})
    alone = again(path, None)
    monkeypatch.setattr(parts, "CHUNK_DOCUMENTS", 5)
    monkeypatch.setattr(parts, "_SERIAL_CHUNKS", 2)
    assert_same(again(path, None), alone)


def test_parts_hold_all_rows(tmp_path: Path) -> None:
    path = make(tmp_path, {"a.jsonl": lines(list(range(9)))}, [gold_line("Ana Berg lives in Oslo.")])
    tables = again(path, None)
    assert pl.concat(list(tables.parts())).equals(tables.raw_corpus)
    assert set(tables.raw_corpus["split"]) == {"train", "test"}


def test_of_a_file_that_grew_only_the_end_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, staged = make(tmp_path, {"a.jsonl": lines([1, 2, 3]) + "\n{broken\n"}), tmp_path / "staged"
    again(path, staged)
    read: list[str] = []
    original = json_lines._parse

    def noting(data: bytes, number: int, name: str) -> Any:
        read.append(f"{name}:{number}")
        return original(data, number, name)

    monkeypatch.setattr(json_lines, "_parse", noting)
    with (path / "a.jsonl").open("a") as file:
        file.write(lines([2, 4]))  # an id that stands in the head too
    grown = again(path, staged)
    assert read == ["a.jsonl:6", "a.jsonl:7"]
    assert_same(grown, again(path, None))
    assert "a.jsonl:6" in set(grown.raw_corpus["doc_id"])


@pytest.mark.parametrize("before", ["", "{broken", '{"id": 9, "text": "It was cut'])
@pytest.mark.parametrize("after", ["shorter", "mended", "longer"])
def test_a_head_that_changed_or_ends_inside_a_line_is_read_again(tmp_path: Path, before: str, after: str) -> None:
    head = lines([1, 2, 3])
    path, staged = make(tmp_path, {"a.jsonl": head + before, "b.txt": STORY}), tmp_path / "staged"
    again(path, staged)
    changed = {"shorter": head[:-5], "mended": head.replace("Ana", "Per"), "longer": head + before}[after]
    (path / "a.jsonl").write_text(changed + lines([4, 5]))
    assert_same(again(path, staged), again(path, None))


def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, staged = make(tmp_path, {"a.jsonl": lines([1, 2]), "b.txt": STORY}), tmp_path / "staged"
    original = changed_files.read_documents

    def growing(folder: CorpusFolder, *rest: Any) -> Iterator[Document | Rejection]:
        if folder.documents[0].name == "a.jsonl":
            with (path / "a.jsonl").open("a") as file:
                file.write(lines([3]))
        yield from original(folder, *rest)

    monkeypatch.setattr(changed_files, "read_documents", growing)
    again(path, staged)
    monkeypatch.setattr(changed_files, "read_documents", original)
    with (path / "a.jsonl").open("a") as file:
        file.write(lines([3, 4]))
    assert_same(again(path, staged), again(path, None))


def test_a_pair_is_compared_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, staged = make(tmp_path, {"a.jsonl": lines([1, 2, 3])}), tmp_path / "staged"
    again(path, staged)
    compared: list[int] = []
    original = duplicates.jaccard_similarity

    def noting(pairs: CandidatePairs, texts: pl.Series) -> Any:
        compared.append(len(pairs.later))
        return original(pairs, texts)

    monkeypatch.setattr(duplicates, "jaccard_similarity", noting)
    again(path, staged)
    assert compared == [0]
    make(tmp_path, {"a.jsonl": lines([0, 1, 2, 3])})
    grown = again(path, staged)
    assert compared[1] > 0
    again(path, None)
    assert compared[1] < compared[2]
    for file in staged.glob("*/similar.parquet"):
        file.unlink()
    assert_same(grown, again(path, staged))
