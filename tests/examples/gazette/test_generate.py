"""The gazette has exact annotation, disjoint worlds and every documented difficulty; it is reproducible."""

import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from examples.gazette.generate import Summary, generate, main
from examples.gazette.ontology import RELATION_TYPES
from tests.examples.gazette.small_settings import SMALL

ROOT = Path(__file__).parents[3]


def test_equal_settings_give_equal_bytes_in_two_processes(tmp_path: Path) -> None:
    digests = []
    for hash_seed in ("0", "4711"):
        out = tmp_path / hash_seed
        command = [sys.executable, "-m", "examples.gazette.generate", "--out", str(out), "--smoke"]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        subprocess.run(command, check=True, cwd=ROOT, env=environment, capture_output=True)
        digests.append({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(out.iterdir())})
    assert digests[0] == digests[1]
    assert len(digests[0]) == 8


def test_another_seed_gives_another_corpus(written: Summary, tmp_path: Path) -> None:
    generate(tmp_path, replace(SMALL, seed=8))
    assert (tmp_path / "gold.jsonl").read_bytes() != (written.folder / "gold.jsonl").read_bytes()


def test_offsets_match_the_surface_forms(gold: list[dict[str, Any]]) -> None:
    for record in gold:
        for entity in record["entities"]:
            mentions = [record["text"][m["start"] : m["end"]] for m in entity["mentions"]]
            assert record["text"][entity["start"] : entity["end"]] == entity["text"] == max(mentions, key=len)
            assert entity["start"] == entity["mentions"][mentions.index(entity["text"])]["start"]


def test_mentions_do_not_overlap_and_are_complete(gold: list[dict[str, Any]], knowledge: list[dict[str, Any]]) -> None:
    names = {
        record["text"][mention["start"] : mention["end"]]
        for record in gold
        for entity in record["entities"]
        for mention in entity["mentions"]
    }
    names |= {name for line in knowledge for end in ("head", "tail") for name in [line[end], *line[f"{end}_aliases"]]}
    longest_first = "|".join(map(re.escape, sorted(names, key=lambda name: (-len(name), name))))
    pattern = re.compile(rf"(?<!\w)(?:{longest_first})(?!\w)")
    for record in gold:
        spans = sorted((m["start"], m["end"]) for e in record["entities"] for m in e["mentions"])
        assert [match.span() for match in pattern.finditer(record["text"])] == spans


def test_evidence_is_whole_sentences_that_mention_head_and_tail(gold: list[dict[str, Any]]) -> None:
    two_sentences = 0
    for record in gold:
        mentions = {entity["id"]: entity["mentions"] for entity in record["entities"]}
        for relation in record["relations"]:
            start, end = relation["evidence"]["start"], relation["evidence"]["end"]
            evidence = record["text"][start:end]
            assert evidence.endswith(".") and (start == 0 or record["text"][start - 1] in " \n")
            assert start == 0 or record["text"][:start].rstrip(" ")[-1] in ".\n"
            two_sentences += evidence.count(".") == 2
            assert evidence.count(".") <= 2
            for key in ("head_id", "tail_id"):
                assert any(start <= m["start"] and m["end"] <= end for m in mentions[relation[key]])
    assert two_sentences > 0


def test_relations_point_to_entities_and_respect_the_signatures(gold: list[dict[str, Any]]) -> None:
    seen: Counter[str] = Counter()
    for record in gold:
        entities = {entity["id"]: entity for entity in record["entities"]}
        keys = [(r["head_id"], r["type"], r["tail_id"]) for r in record["relations"]]
        assert len(set(keys)) == len(keys)
        for relation in record["relations"]:
            head, tail = entities[relation["head_id"]], entities[relation["tail_id"]]
            assert (relation["head"], relation["tail"]) == (head["text"], tail["text"])
            assert (head["type"], tail["type"]) == RELATION_TYPES[relation["type"]][:2]
            seen[relation["type"]] += 1
    assert set(seen) == set(RELATION_TYPES)


def test_worlds_share_no_names(
    gold: list[dict[str, Any]], knowledge: list[dict[str, Any]], training_texts: list[str]
) -> None:
    training_words = set(re.findall(r"\w+", "\n".join(training_texts)))
    held_out = [(entity["type"], entity["text"]) for record in gold for entity in record["entities"]]
    for line in knowledge:
        for end in ("head", "tail"):
            if not line[f"{end}_id"].startswith("train"):
                held_out += [(line[f"{end}_type"], name) for name in [line[end], *line[f"{end}_aliases"]]]
    for type_, name in held_out:
        words = name.split()
        own = words[-1:] if type_ in ("person", "city", "country") else words
        assert not set(own) <= training_words, name


def test_every_documented_difficulty_occurs(written: Summary) -> None:
    assert [name for name, share in written.shares.items() if not 0 < share < 1] == []
    assert written.counts["training documents"] == SMALL.train


def test_there_are_enough_gold_passages(gold: list[dict[str, Any]]) -> None:
    gold_passages: Counter[str] = Counter()
    for record in gold:
        body = [line for line in record["text"].split("\n") if line.endswith(".")]
        gold_passages[record["split"]] += -(-sum(len(re.findall(r"\.(?= |$)", line)) for line in body) // 3)
    assert gold_passages["dev"] >= SMALL.dev_passages
    assert gold_passages["test"] >= SMALL.test_passages


def test_the_program_prints_the_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--out", str(tmp_path / "new" / "folder"), "--smoke", "--train", "20"]) == 0
    printed = capsys.readouterr().out
    assert "20  training documents" in printed and "co-occurrence of related" in printed


@pytest.mark.parametrize("arguments", [["--out", "{file}"], ["--out", "{folder}", "--train", "-3"]])
def test_the_program_reports_errors_in_one_line(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    filled = [a.format(file=tmp_path / "file", folder=tmp_path / "out") for a in arguments]
    assert main([*filled, "--smoke"]) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1 and "Traceback" not in error
