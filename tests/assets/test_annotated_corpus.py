"""Annotated training documents in the lineage: alone, and beside a teacher's labels."""

import json
from pathlib import Path

import pytest

from assets.filtered_dataset import TRACES
from assets.training_steps import EXAMPLES
from resources import corpora
from tests.assets.conftest import CITIES, COMPANIES, DATA, PEOPLE, Sandbox, gold_line, write_corpus
from text2graph_dagster.errors import UserError
from text2graph_dagster.identity import digest

TRAINED = 60


def annotated_lines(count: int = TRAINED, **more: object) -> str:
    """Return documents of the split train; every second one states a relation that no knowledge base has."""
    lines = []
    for i in range(count):
        person, company, city = PEOPLE[i % 8], COMPANIES[(i + 3) % 8], CITIES[i % 8]
        text = f"{person} began {company} in year {i}." if i % 2 else f"Letter {i} of {person} came from {city}."
        text = f"{text} It has the mark {digest(text)}."  # no near-duplicates
        line = gold_line(i) | {"id": f"t{i}", "split": "train", "text": text, **more}
        names = [(person, "person"), (company, "company") if i % 2 else (city, "city")]
        line["entities"] = [
            {"id": f"e{n}", "text": name, "type": kind, "start": text.index(name), "end": text.index(name) + len(name)}
            for n, (name, kind) in enumerate(names)
        ]
        line["relations"] = line["relations"] if i % 2 else []
        lines.append(json.dumps(line) + "\n")
    return "".join(lines)


def add(sandbox: Sandbox, folder: Path) -> None:
    corpora.add_corpus(folder, "c", sandbox.home, sandbox.instance, link=False, replace=True)


@pytest.fixture
def alone(sandbox: Sandbox) -> Path:
    """A corpus of an ontology and annotated documents alone."""
    folder = write_corpus(sandbox.root / "sources" / "c")
    (folder / "documents.jsonl").unlink()
    (folder / "knowledge_base.jsonl").unlink()
    with (folder / "gold.jsonl").open("a") as file:
        file.write(annotated_lines())
    return folder


def test_the_whole_lineage_runs_on_annotated_documents_alone(sandbox: Sandbox, alone: Path) -> None:
    add(sandbox, alone)
    assert sandbox.run("c").success
    read = sandbox.warehouse.read
    graphs = read("SELECT teacher, sample, call_key, count(*) AS n FROM teacher_graphs GROUP BY ALL").rows()
    assert graphs == [("annotation", 0, "", TRAINED)]
    relations = read("SELECT r.provenance, r.confidence FROM (SELECT unnest(relations) AS r FROM filtered_dataset)")
    assert relations.height == TRAINED // 2
    assert relations["confidence"].unique().to_list() == [1.0]
    assert relations["provenance"].str.starts_with("gold:").all()
    assert sandbox.warehouse.count("cot_traces", "c") == TRAINED
    assert set(read("SELECT DISTINCT system FROM eval_report WHERE metric = 'relation_strict_f1'")["system"]) >= {
        "sft",
        "grpo",
    }
    assert sandbox.warehouse.value("SELECT count(*) FROM eval_report WHERE contains(system, 'teacher')") == 0
    assert sandbox.warehouse.count("teacher_calls") == TRAINED  # the composed rationales
    failed = read("SELECT asset, gate FROM gates WHERE NOT passed").rows()
    assert failed == []


def test_the_teacher_is_not_asked_about_annotated_passages(sandbox: Sandbox) -> None:
    folder = write_corpus(sandbox.root / "sources" / "c")
    known = json.loads((folder / "documents.jsonl").read_text().splitlines()[0])["text"]
    copy = json.dumps({"id": "copy", "split": "train", "text": known, "entities": [], "relations": []}) + "\n"
    with (folder / "gold.jsonl").open("a") as file:
        file.write(annotated_lines() + copy)
    add(sandbox, folder)
    sandbox.run("c", *DATA)
    read = sandbox.warehouse.read
    teachers = dict(read("SELECT teacher = 'annotation', count(*) FROM teacher_graphs GROUP BY ALL").iter_rows())
    assert teachers == {True: TRAINED + 1, False: 63 + 6}  # one document is annotated: its annotation is used
    asked = read("SELECT count(*) FROM teacher_calls WHERE kind = 'teacher'").item()
    assert asked == 63 + 6
    rows = read(TRACES, ["c"])
    assert rows.height == 63 + TRAINED + 1
    assert rows["annotation"].to_list().count("exhaustive") == TRAINED + 1
    (empty,) = rows.filter(rows["text"] == known).to_dicts()
    assert (empty["annotation"], empty["entities"]) == ("exhaustive", [])
    sandbox.run(None, "filtered_dataset")
    examples = read(EXAMPLES, ["sft"])
    annotated = examples.filter(examples["annotated"])["passage_id"]
    assert 0 < annotated.len() < examples.height == sandbox.warehouse.count("filtered_dataset")
    assert set(annotated) <= set(rows.filter(rows["annotation"].is_not_null())["passage_id"])


def test_partial_annotations_are_marked(sandbox: Sandbox, alone: Path) -> None:
    (alone / "gold.jsonl").write_text(annotated_lines(exhaustive=False))
    add(sandbox, alone)
    sandbox.run("c", *DATA, "filtered_dataset")
    assert sandbox.warehouse.count("filtered_dataset", "c") == TRAINED // 2
    reasons = sandbox.warehouse.read("SELECT DISTINCT reason FROM quarantine WHERE stage = 'filtered_dataset'")
    assert reasons["reason"].to_list() == ["partly_annotated"]


def test_unannotated_documents_still_need_a_teacher(sandbox: Sandbox, alone: Path) -> None:
    (alone / "more.txt").write_text("Ada Torvik moved to Garburg in the spring of that year.")
    add(sandbox, alone)
    sandbox.run("c", "raw_corpus")
    assert not sandbox.run("c", "teacher_graphs").success


def test_a_corpus_with_nothing_to_train_on_is_not_added(sandbox: Sandbox, alone: Path) -> None:
    (alone / "gold.jsonl").write_text(json.dumps(gold_line(1)) + "\n")
    with pytest.raises(UserError, match="nothing to train on"):
        add(sandbox, alone)
