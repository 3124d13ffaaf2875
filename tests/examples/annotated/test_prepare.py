"""Converting an annotated dataset: documents, gold and types."""

import json
from pathlib import Path
from typing import Any

import pytest

from examples.annotated.prepare import UNTYPED, prepare
from text2graph_dagster.corpus.folder import open_corpus
from text2graph_dagster.corpus.gold import GoldDocument, read_gold


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


def test_train_becomes_documents_and_other_splits_become_gold(data: Path, tmp_path: Path) -> None:
    assert prepare(data, tmp_path / "news") == {"documents": 3, "facts": 3, "gold": 1}
    folder = open_corpus(tmp_path / "news")
    signatures = {relation.name: relation.signatures for relation in folder.ontology.relation_types}
    assert signatures == {"founded": (("person", "company"),), "leads": (("person", "company"),), "sold": ()}
    gold = list(read_gold(tmp_path / "news" / "gold.jsonl"))
    assert [g.split for g in gold if isinstance(g, GoldDocument)] == ["test"]


def test_gold_taken_from_train_adds_no_facts_to_the_knowledge_base(data: Path, tmp_path: Path) -> None:
    assert prepare(data, tmp_path / "news", gold_part=("fold", "3")) == {"documents": 2, "facts": 2, "gold": 2}
    assert "Ana3" not in (tmp_path / "news" / "knowledge_base.jsonl").read_text()
    assert prepare(data, tmp_path / "one", only=("fold", "2"))["documents"] == 1


def test_untyped_entities_get_a_type(data: Path, tmp_path: Path) -> None:
    (data / "train.jsonl").write_text(json.dumps(document(1, "founded", kind=None)) + "\n")
    (data / "test.jsonl").unlink()
    prepare(data, tmp_path / "news")
    assert open_corpus(tmp_path / "news").ontology.entity_names == (UNTYPED,)
