"""Converting an annotated dataset: documents, gold and types."""

import json
from pathlib import Path
from typing import Any

import pytest

from examples.annotated.prepare import UNTYPED, prepare
from text2graph_dagster.corpus.folder import open_corpus
from text2graph_dagster.corpus.gold import GoldDocument, read_gold, require_training_documents


def document(number: int, relation: str, fold: int = 1, kind: str | None = "person") -> dict[str, Any]:
    text = f"Ana{number} met Velsoft."
    entities = [
        {"id": "e0", "text": f"Ana{number}", "type": kind, "start": 0, "end": 4},
        {"id": "e1", "text": "Velsoft", "type": "company" if kind else None, "start": 9, "end": 16},
    ]
    relations = [{"head": f"Ana{number}", "tail": "Velsoft", "type": relation, "head_id": "e0", "tail_id": "e1"}]
    return {
        "id": f"d{number}",
        "text": text,
        "language": "en",
        "fold": fold,
        "entities": entities,
        "relations": relations,
    }


@pytest.fixture
def data(tmp_path: Path) -> Path:
    train = [document(1, "founded"), document(2, "leads", fold=2), document(3, "leads", fold=3)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(d) + "\n" for d in train))
    (tmp_path / "test.jsonl").write_text(json.dumps(document(4, "sold")) + "\n")
    return tmp_path


def splits(corpus: Path) -> list[str]:
    return [g.split for g in read_gold(corpus / "gold.jsonl") if isinstance(g, GoldDocument)]


def test_every_split_becomes_annotated_documents(data: Path, tmp_path: Path) -> None:
    assert prepare(data, tmp_path / "news") == {"train": 3, "dev": 0, "test": 1, "held_out": 0}
    folder = open_corpus(tmp_path / "news")
    assert (folder.documents, folder.knowledge_base) == ((), None)
    signatures = {relation.name: relation.signatures for relation in folder.ontology.relation_types}
    assert signatures == {"founded": (("person", "company"),), "leads": (("person", "company"),), "sold": ()}
    assert splits(folder.path) == ["train"] * 3 + ["test"]
    require_training_documents(folder)


@pytest.mark.parametrize("marked", [False, True])
def test_documents_held_out_of_train_are_not_trained_on(data: Path, tmp_path: Path, marked: bool) -> None:
    if marked:
        lines = [{**json.loads(line), "split": "train"} for line in (data / "train.jsonl").read_text().splitlines()]
        (data / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert prepare(data, tmp_path / "news", gold_part=("fold", "3"))["held_out"] == 1
    assert splits(tmp_path / "news")[:2] == ["train"] * 2
    assert set(splits(tmp_path / "news")[2:]) <= {"dev", "test"}
    assert prepare(data, tmp_path / "one", only=("fold", "2"))["train"] == 1


def test_untyped_entities_get_a_type(data: Path, tmp_path: Path) -> None:
    (data / "train.jsonl").write_text(json.dumps(document(1, "founded", kind=None)) + "\n")
    (data / "test.jsonl").unlink()
    prepare(data, tmp_path / "news")
    assert open_corpus(tmp_path / "news").ontology.entity_names == (UNTYPED,)


def test_an_ontology_beside_the_documents_is_used(data: Path, tmp_path: Path) -> None:
    relations = "{founded: {}, leads: {}, sold: {}, owns: {}}"
    types = f"{{name: news, entity_types: {{person: {{}}, company: {{}}}}, relation_types: {relations}}}"
    (data / "ontology.yaml").write_text(types)
    prepare(data, tmp_path / "news")
    assert "owns" in open_corpus(tmp_path / "news").ontology.relation_names


def test_documents_need_no_language(data: Path, tmp_path: Path) -> None:
    lines = [{k: v for k, v in document(1, "founded").items() if k != "language"}]
    (data / "train.jsonl").write_text(json.dumps(lines[0]))
    prepare(data, tmp_path / "news")
    assert open_corpus(tmp_path / "news").ontology.language == "en"
