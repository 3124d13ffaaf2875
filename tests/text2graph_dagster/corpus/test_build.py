"""From a folder to tables: accounting, bad input, determinism."""

import json
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.text2graph_dagster.corpus.sample_corpora import (
    STORY,
    assert_accounts,
    assert_same,
    gold_line,
    make_corpus,
)
from text2graph_dagster.corpus.build import CorpusTables, build_corpus
from text2graph_dagster.corpus.folder import open_corpus
from text2graph_dagster.errors import UserError
from text2graph_dagster.graph.rows import from_rows
from text2graph_dagster.identity import digest, normalise
from text2graph_dagster.settings import CorpusSettings


def build_tables(path: Path, **settings: Any) -> CorpusTables:
    return build_corpus(open_corpus(path), CorpusSettings(**{"passage_tokens": 12, **settings}))


def test_rows_are_spans_of_the_cleaned_document(tmp_path: Path) -> None:
    tables = build_tables(make_corpus(tmp_path, {"a.txt": f"\ufeff{STORY}\r\n\r\nThe end.\x07"}))
    cleaned = f"{STORY.strip()}\n\nThe end."
    rows = tables.raw_corpus
    assert rows["corpus"].unique().to_list() == ["news"]
    assert len(rows) >= 3
    for row in rows.iter_rows(named=True):
        assert row["text"] == cleaned[row["start"] : row["end"]]
        assert row["passage_id"] == digest(normalise(row["text"]))
        assert (row["doc_id"], row["split"], row["language"]) == ("a.txt", "train", "en")
        assert 0 < row["tokens"] <= 12
    assert_accounts(tables)


def test_unusable_documents_go_to_quarantine_and_are_accounted_for(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {
        "good.txt": STORY,
        "empty.txt": b"",
        "nul.txt": b"cut\0off",
        "latin1.txt": "café".encode("latin-1"),
        "invisible.txt": "\u200b\u2060",
        "dashes.md": "----\n\n****",
        "one_line.txt": "entry " * 400_000,
        "one_word.txt": "x" * 2_000_000,
        "report.pdf": b"%PDF",
        "lines.jsonl": '{"text": "cut\n{"text": "Per moved to Rome."}\n[]\n{"text": 3}\n{"text": "\\ud800"}',
    }
    tables = build_tables(make_corpus(tmp_path, files))
    assert dict(
        tables.quarantine.select("doc_id", "reason").unique("doc_id", keep="first", maintain_order=True).iter_rows()
    ) == {
        "dashes.md": "no_word",
        "empty.txt": "empty",
        "invisible.txt": "empty_after_cleaning",
        "latin1.txt": "wrong_encoding",
        "lines.jsonl:1": "broken_json",
        "lines.jsonl:3": "broken_json",
        "lines.jsonl:4": "no_text",
        "lines.jsonl:5": "empty_after_cleaning",
        "nul.txt": "nul_character",
        "one_line.txt": "no_sentence_end",
        "one_word.txt": "no_sentence_end",
        "report.pdf": "broken_document",
    }
    assert tables.accounting["documents_in"] == 14
    assert tables.accounting["documents_quarantined"] == 12
    assert set(tables.quarantine["stage"]) == {"raw_corpus"}
    assert_accounts(tables)


def test_an_unusable_part_of_a_document_does_not_reject_the_document(tmp_path: Path) -> None:
    tables = build_tables(
        make_corpus(tmp_path, {"a.md": f"Ana lives in Oslo. data:{'QUJD' * 2_000} Per lives in Rome."})
    )
    assert tables.raw_corpus["text"].to_list() == ["Ana lives in Oslo.", "Per lives in Rome."]
    assert tables.quarantine.select("doc_id", "reason").rows() == [("a.md", "unbroken_run")]
    assert tables.accounting["stretches_quarantined"] == 1
    assert tables.accounting["documents_quarantined"] == 0
    assert_accounts(tables)


def test_a_long_line_with_spaces_becomes_bounded_passages(tmp_path: Path) -> None:
    tables = build_tables(make_corpus(tmp_path, {"a.txt": " ".join(f"word{i}" for i in range(3_000))}))
    assert tables.raw_corpus["tokens"].max() == 12
    assert tables.raw_corpus["tokens"].sum() == 3_000
    assert_accounts(tables)


def test_an_empty_corpus_has_typed_empty_tables(tmp_path: Path) -> None:
    tables = build_tables(make_corpus(tmp_path, {"a.txt": b""}))
    assert tables.raw_corpus.is_empty()
    assert tables.raw_corpus.schema["duplicate_of"] == pl.String
    assert tables.raw_corpus.schema["start"] == pl.Int64
    assert isinstance(tables.gold_graphs.schema["entities"], pl.List)
    assert_accounts(tables)


def test_a_train_passage_equal_to_a_gold_passage_is_marked_as_its_duplicate(tmp_path: Path) -> None:
    text = "Ana Berg lives in Oslo."
    tables = build_tables(
        make_corpus(tmp_path, {"a.txt": text}, [gold_line(text, "dev"), gold_line("Nobody knows Oslo.", "test")])
    )
    rows = {(row["split"], row["text"]): row["duplicate_of"] for row in tables.raw_corpus.iter_rows(named=True)}
    assert rows == {
        ("train", text): digest(text),
        ("dev", text): None,
        ("test", "Nobody knows Oslo."): None,
    }
    (graph_row, empty_row) = tables.gold_graphs.iter_rows(named=True)
    graph = from_rows(graph_row["entities"], graph_row["relations"])
    assert [(h.text, r, t.text) for h, r, t in graph.triples()] == [("Ana Berg", "lives in", "Oslo")]
    assert (graph_row["split"], graph_row["exhaustive"], graph_row["passage_id"]) == ("dev", True, digest(text))
    assert empty_row["relations"] == []
    assert_accounts(tables)


def test_a_corpus_may_consist_of_annotated_documents_alone(tmp_path: Path) -> None:
    texts = ["Ana Berg lives in Oslo.", "Nobody knows Oslo.", "Ana Berg has moved to Oslo for good."]
    splits = ["train", "dev", "test"]
    path = make_corpus(tmp_path, {}, [gold_line(*pair) for pair in zip(texts, splits, strict=True)])
    tables = build_tables(path, passage_tokens=12)
    assert tables.raw_corpus.select("text", "split").rows() == list(zip(texts, splits, strict=True))
    assert tables.gold_graphs["split"].to_list() == splits
    assert tables.accounting["documents_in"] == 0
    assert_accounts(tables)


@pytest.mark.parametrize("gold", [[], [gold_line("Ana Berg lives in Oslo.", "test")]])
def test_a_corpus_without_documents_to_train_on_is_an_error(tmp_path: Path, gold: list[dict[str, Any]]) -> None:
    with pytest.raises(UserError, match="nothing to train on"):
        build_tables(make_corpus(tmp_path, {}, gold))


def test_an_annotated_document_replaces_the_same_document_without_annotation(tmp_path: Path) -> None:
    text, held_out = "Ana Berg lives in Oslo.", "Ana Berg has moved to Oslo for good."
    gold = [gold_line(text, "train", id="t"), gold_line(held_out, "train", id="u"), gold_line(held_out, "dev", id="d")]
    tables = build_tables(make_corpus(tmp_path, {"a.txt": text}, gold), passage_tokens=12)
    duplicates = {row["doc_id"]: row["duplicate_of"] for row in tables.raw_corpus.iter_rows(named=True)}
    assert duplicates == {
        **{"a.txt": digest(text), "gold.jsonl#t": None},
        **{"gold.jsonl#u": digest(held_out), "gold.jsonl#d": None},
    }
    assert tables.gold_graphs.select("passage_id", "split").rows() == [
        (digest(text), "train"),
        (digest(held_out), "dev"),
    ]
    assert_accounts(tables)


def test_gold_texts_are_not_cleaned_and_their_offsets_are_valid(tmp_path: Path) -> None:
    text = "\n  Ana\u00a0 Berg\r\nis in Oslo\u200b. And  Ana Berg lives in Oslo.  "
    tables = build_tables(make_corpus(tmp_path, {"a.txt": "x"}, [gold_line(text)]), passage_tokens=8)
    gold = tables.gold_graphs.join(tables.raw_corpus, on="passage_id")
    assert len(gold) == 2
    for row in gold.iter_rows(named=True):
        assert row["text"] == text[row["start"] : row["end"]]
        for entity in row["entities"]:
            assert {row["text"][m["start"] : m["end"]] for m in entity["mentions"]} == {entity["text"]}
    assert_accounts(tables)


def test_relations_across_passages_and_repeated_gold_are_counted(tmp_path: Path) -> None:
    apart = "Ana Berg was born in a small village far from here. Nobody there had ever been to Oslo."
    twice = "Ana Berg lives in Oslo."
    tables = build_tables(
        make_corpus(tmp_path, {"a.txt": "x"}, [gold_line(apart), gold_line(twice, "dev"), gold_line(twice, "test")])
    )
    assert tables.accounting["gold_relations_lost"] == 1
    assert tables.accounting["gold_relations_kept"] == 2
    assert tables.accounting["gold_passages"] == 4
    assert tables.accounting["gold_passages_kept"] == 3
    assert tables.gold_graphs["passage_id"].n_unique() == len(tables.gold_graphs) == 3
    assert tables.gold_graphs.filter(passage_id=digest(twice))["split"].to_list() == ["test"]
    assert_accounts(tables)


@pytest.mark.parametrize(("key", "kind"), [("entities", "entity"), ("relations", "relation")])
def test_gold_with_an_unknown_type_is_quarantined(tmp_path: Path, key: str, kind: str) -> None:
    bad = gold_line("Ana Berg lives in Oslo.", id="g")
    bad[key][0]["type"] = "planet"
    tables = build_tables(make_corpus(tmp_path, {"a.txt": "Per moved to Rome."}, [bad]))
    assert tables.quarantine.select("doc_id", "reason").rows() == [("gold.jsonl#g", "unknown_type")]
    assert f"no {kind} type 'planet'" in tables.quarantine["detail"][0]
    assert tables.gold_graphs.is_empty()
    assert_accounts(tables)


def test_a_lone_surrogate_cannot_reach_a_table(tmp_path: Path) -> None:
    lines = '{"id": "\\ud800", "text": "Ana \\ud800 lives in Oslo."}\n{"text": "x", "\\udfff": 1'
    bad = gold_line("Ana Berg lives in Oslo.")
    bad["entities"][0]["text"] = "\udc00"
    tables = build_tables(make_corpus(tmp_path, {"a.jsonl": lines}, [bad]))
    assert tables.raw_corpus["text"].to_list() == ["Ana lives in Oslo."]
    assert sorted(tables.quarantine["reason"]) == ["bad_offsets", "broken_json"]
    assert_accounts(tables)


def test_other_languages_are_kept_and_labelled(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {"en.txt": STORY, "zh.txt": "安娜住在奥斯陆。她出生于卑尔根。"}
    tables = build_tables(make_corpus(tmp_path, files))
    assert dict(tables.raw_corpus.select("doc_id", "language").iter_rows()) == {"en.txt": "en", "zh.txt": "zh"}


def test_the_order_of_documents_does_not_matter(tmp_path: Path) -> None:
    rng = random.Random(5)
    texts = [f"{STORY} Note number {i % 7}, written by {name}." for i in range(40) for name in ("Ana", "Per")]
    kept = []
    for attempt in range(3):
        rng.shuffle(texts)
        folder = tmp_path / str(attempt)
        folder.mkdir()
        tables = build_tables(make_corpus(folder, {"a.jsonl": "\n".join(json.dumps({"text": text}) for text in texts)}))
        kept.append(sorted(tables.raw_corpus.filter(pl.col("duplicate_of").is_null())["passage_id"]))
        assert 0 < len(kept[-1]) < len(tables.raw_corpus)
    assert kept[0] == kept[1] == kept[2]


def test_the_same_folder_gives_the_same_tables(tmp_path: Path) -> None:
    path = make_corpus(
        tmp_path, {"b.txt": STORY, "a.md": f"# Title\n\n{STORY}"}, [gold_line("Ana Berg lives in Oslo.")]
    )
    first, second = build_tables(path), build_tables(path)
    assert first.raw_corpus.equals(second.raw_corpus)
    assert_same(first, second)


def test_progress_rises_to_its_total(tmp_path: Path) -> None:
    path = make_corpus(tmp_path, {"a.jsonl": "\n".join(json.dumps({"text": f"Line {i}."}) for i in range(1_000))})
    seen: list[tuple[int, int | None, str]] = []
    build_corpus(open_corpus(path), CorpusSettings(), lambda done, total, what: seen.append((done, total, what)))
    reading = [(done, total) for done, total, what in seen if "read" in what]
    assert len(reading) >= 5
    assert reading == sorted(reading)
    assert reading[-1][0] == reading[-1][1] == (path / "a.jsonl").stat().st_size
    assert any("near duplicates" in what for _, _, what in seen)


def test_conll04_is_complete(tmp_path: Path, real_data: Path) -> None:
    source = real_data / "conll04"
    ontology = json.loads((source / "ontology.json").read_text())
    path = tmp_path / "conll04"
    path.mkdir()
    types = {"entity_types": ontology["entity_types"], "relation_types": ontology["relation_types"]}
    (path / "ontology.yaml").write_text(json.dumps(types))  # JSON is YAML
    (path / "documents.jsonl").write_bytes((source / "train.jsonl").read_bytes())
    gold = [
        {**json.loads(line), "split": split}
        for split in ("dev", "test")
        for line in (source / f"{split}.jsonl").read_text().splitlines()
    ]
    (path / "gold.jsonl").write_text("\n".join(map(json.dumps, gold)))
    tables = build_corpus(open_corpus(path), CorpusSettings(passage_tokens=256))
    assert tables.accounting["documents_in"] == tables.accounting["documents_with_passages"] == 922
    assert tables.accounting["gold_documents_with_passages"] == 231 + 288
    assert tables.accounting["gold_relations_lost"] == 0
    assert tables.accounting["gold_relations"] == sum(len(value["relations"]) for value in gold)
    assert (tables.raw_corpus["language"] == "en").mean() > 0.98
    # This set is known to have train sentences that are also in dev or test.
    leaked = tables.raw_corpus.filter((pl.col("split") == "train") & pl.col("duplicate_of").is_not_null())
    gold_ids = set(tables.gold_graphs["passage_id"])
    assert len(gold_ids & set(leaked["duplicate_of"])) >= 5
    assert_accounts(tables)


def test_chinese_articles_are_packed_by_sentences(tmp_path: Path, real_data: Path) -> None:
    path = tmp_path / "wiki"
    path.mkdir()
    (path / "ontology.yaml").write_text("language: zh\nentity_types: [thing]")
    for file in sorted((real_data / "raw" / "zh_wikipedia").iterdir())[:20]:
        (path / file.name).write_bytes(file.read_bytes())
    tables = build_corpus(open_corpus(path), CorpusSettings(passage_tokens=100))
    assert (tables.raw_corpus["language"] == "zh").mean() > 0.9
    assert (tables.raw_corpus["tokens"] <= 100).mean() > 0.9
    assert tables.raw_corpus["text"].str.contains(r"[。！？”」）]$").mean() > 0.6
    assert_accounts(tables)
