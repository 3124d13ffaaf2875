"""Reading Label Studio's JSON export: spans, relations, offsets, splits."""

import json
from pathlib import Path
from typing import Any

import pytest

from examples.annotated.label_studio import UNLABELLED, convert_task, read_export
from examples.annotated.prepare import UNTYPED, main, prepare
from text2graph_dagster.corpus.folder import open_corpus
from text2graph_dagster.corpus.gold import GoldDocument, read_gold
from text2graph_dagster.errors import UserError

TEXT = "Ana Ruiz founded Velsoft."


def span(key: str, start: int, end: int, surface: str | None, *labels: str) -> dict[str, Any]:
    value = {"start": start, "end": end, "labels": list(labels)} | ({"text": surface} if surface else {})
    return {"id": key, "from_name": "label", "to_name": "text", "type": "labels", "origin": "manual", "value": value}


def relation(*labels: str, direction: str = "right", head: str = "a1", tail: str = "b2") -> dict[str, Any]:
    return {"type": "relation", "from_id": head, "to_id": tail, "direction": direction, "labels": list(labels)}


ANA, VELSOFT = span("a1", 0, 8, "Ana Ruiz", "Person"), span("b2", 17, 24, "Velsoft", "Company")


def task(*result: dict[str, Any], text: str = TEXT, **data: Any) -> dict[str, Any]:
    annotations = [{"id": 7, "was_cancelled": False, "result": list(result)}]
    return {"id": 3, "annotations": annotations, "predictions": [], "data": {"text": text} | data}


def pairs(converted: dict[str, Any] | None) -> list[tuple[str, str, str]]:
    assert converted
    return [(r["head_id"], r["type"], r["tail_id"]) for r in converted["relations"]]


def test_spans_and_relations_are_converted() -> None:
    assert convert_task(task(ANA, VELSOFT, relation("founded"), split="train")) == {
        "id": "3",
        "split": "train",
        "text": TEXT,
        "entities": [
            {"id": "a1", "text": "Ana Ruiz", "type": "Person", "start": 0, "end": 8},
            {"id": "b2", "text": "Velsoft", "type": "Company", "start": 17, "end": 24},
        ],
        "relations": [{"head_id": "a1", "tail_id": "b2", "type": "founded"}],
    }


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [
        (relation("founded"), [("a1", "founded", "b2")]),
        (relation("owned by", direction="left"), [("b2", "owned by", "a1")]),
        (relation("knows", direction="bi"), [("a1", "knows", "b2"), ("b2", "knows", "a1")]),
        (relation("founded", "leads"), [("a1", "founded", "b2"), ("a1", "leads", "b2")]),
        (relation(), [("a1", UNLABELLED, "b2")]),
    ],
)
def test_a_relation_has_the_direction_and_the_labels_of_its_arrow(drawn, expected) -> None:
    assert pairs(convert_task(task(ANA, VELSOFT, drawn))) == expected


@pytest.mark.parametrize(
    ("text", "start", "end", "surface"),
    [
        ("🎉 Ana Ruiz won.", 2, 10, "Ana Ruiz"),  # code points
        ("🎉 Ana Ruiz won.", 3, 11, "Ana Ruiz"),  # UTF-16 units
        ("Ana Ruiz, Ana Ruiz.\r\nAna Ruiz won.", 20, 28, "Ana Ruiz"),  # neither: the nearest occurrence
        ("🎉 Ana Ruiz won.", 2, 10, None),  # the project does not save texts
    ],
)
def test_offsets_become_code_points(text: str, start: int, end: int, surface: str | None) -> None:
    converted = convert_task(task(span("a1", start, end, surface, "Person"), text=text))
    assert converted
    (entity,) = converted["entities"]
    assert text[entity["start"] : entity["end"]] == entity["text"] == "Ana Ruiz"
    assert entity["start"] == text.rindex("Ana Ruiz")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (task(span("a1", 0, 8, "Bo Diaz", "Person")), "is not in the text"),
        (task(span("a1", 0, 99, None, "Person")), "is not in the text"),
        (task(span("a1", 0, 8, "Ana Ruiz", "Person", "Founder")), "an entity has one type"),
        (task(ANA, relation("founded")), "not a labelled span"),
        (task(ANA, VELSOFT, relation("founded", direction="up")), "right, left or bi"),
        (task(ANA, split="validation"), "write train, dev or test"),
        ({**task(ANA), "data": {"title": "x", "body": "y"}}, "which field"),
    ],
)
def test_what_cannot_be_converted_is_named(broken, message: str) -> None:
    with pytest.raises(UserError, match=message) as raised:
        convert_task(broken)
    assert "task 3" in str(raised.value)


def test_the_newest_annotation_counts_unless_one_is_ground_truth() -> None:
    old = {"updated_at": "2024-01-01", "result": [ANA]}
    new = {"updated_at": "2024-02-01", "result": [ANA, VELSOFT]}
    cancelled = {"updated_at": "2024-03-01", "was_cancelled": True, "result": []}

    def count(*annotations: dict[str, Any]) -> int:
        return len((convert_task({**task(), "annotations": list(annotations)}) or {})["entities"])

    assert count(old, new, cancelled) == 2
    assert count({**old, "ground_truth": True}, new) == 1
    assert convert_task({**task(), "annotations": [cancelled]}) is None
    assert convert_task({**task(), "annotations": []}) is None


def test_an_export_becomes_a_corpus(tmp_path: Path) -> None:
    tasks = [task(ANA, VELSOFT, relation("founded"), text=f"{TEXT} Note {i}.") for i in range(100)]
    tasks.append(task(span("a1", 0, 8, "Ana Ruiz"), text=TEXT, split="dev"))  # no label
    export = tmp_path / "export.json"
    export.write_text(json.dumps(tasks))
    counts = prepare(export, tmp_path / "news")
    assert sum(counts.values()) == 101
    assert counts["train"] > 60
    assert min(counts["dev"], counts["test"]) > 3
    folder = open_corpus(tmp_path / "news")
    assert folder.ontology.language == "en"
    assert set(folder.ontology.entity_names) == {"Person", "Company", UNTYPED}
    assert folder.ontology.relation_types[0].signatures == (("Person", "Company"),)
    documents = list(read_gold(folder.path / "gold.jsonl"))
    assert all(isinstance(d, GoldDocument) for d in documents)


@pytest.mark.parametrize("content", ["no json", "{}", '[{"text": "JSON-MIN"}]'])
def test_another_file_is_rejected(tmp_path: Path, content: str) -> None:
    (tmp_path / "export.json").write_text(content)
    with pytest.raises(UserError, match="JSON"):
        read_export(tmp_path / "export.json")


def test_the_command_prints_one_sentence_if_there_is_nothing_to_train_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["prepare", "--data", str(tmp_path), "--out", str(tmp_path / "news")])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    assert "has no documents to train on" in capsys.readouterr().err
