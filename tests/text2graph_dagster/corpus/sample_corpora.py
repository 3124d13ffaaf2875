"""Shared by the tests of the corpus build: small corpora, and comparisons of their tables."""

import json
from pathlib import Path
from typing import Any

from text2graph_dagster.corpus.build import build_corpus
from text2graph_dagster.corpus.corpus_tables import CorpusTables
from text2graph_dagster.corpus.folder import open_corpus
from text2graph_dagster.settings import CorpusSettings

ONTOLOGY = """
entity_types: [person, city]
relation_types:
  lives in: {signatures: [[person, city]]}
  knows: {symmetric: true}
"""
STORY = (
    "Ana Berg lives in Oslo. She was born in Bergen. " + "Her brother Per moved to Rome and opened a small bakery. " * 2
)


def make_corpus(tmp_path: Path, files: dict[str, bytes | str], gold: list[dict[str, Any]] | None = None) -> Path:
    """Write a corpus named `news` into `tmp_path`; existing files of it are kept."""
    path = tmp_path / "news"
    path.mkdir(exist_ok=True)
    (path / "ontology.yaml").write_text(ONTOLOGY)
    for name, data in files.items():
        (path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    if gold is not None:
        (path / "gold.jsonl").write_text("\n".join(json.dumps(value) for value in gold))
    return path


def gold_line(text: str, split: str = "test", **extra: Any) -> dict[str, Any]:
    """Return a gold line with the entities of `text` among Ana Berg and Oslo, related if both occur."""
    entities = [
        {
            "id": surface,
            "text": surface,
            "type": type_,
            "start": text.index(surface),
            "end": text.index(surface) + len(surface),
        }
        for surface, type_ in (("Ana Berg", "person"), ("Oslo", "city"))
        if surface in text
    ]
    relations = [{"head_id": "Ana Berg", "tail_id": "Oslo", "type": "lives in"}] if len(entities) == 2 else []
    return {"text": text, "split": split, "entities": entities, "relations": relations, **extra}


def note_lines(numbers: list[int]) -> str:
    """Return JSON Lines with one document per number, some of them near-duplicates."""
    texts = [f"Note {n} about Ana. {STORY} It was written by {'Per' if n % 3 else 'Ana'} in {n % 5}." for n in numbers]
    return "".join(json.dumps({"id": n, "text": text}) + "\n" for n, text in zip(numbers, texts, strict=True))


def build_again(path: Path, staged: Path | None) -> CorpusTables:
    """Build the corpus with passages of 12 tokens, and check the accounting."""
    tables = build_corpus(open_corpus(path), CorpusSettings(passage_tokens=12), staged=staged)
    assert_accounts(tables)
    return tables


def assert_accounts(tables: CorpusTables) -> None:
    """Check that all documents, passages and relations are accounted for."""
    a = tables.accounting
    for kind in ("documents", "gold_documents"):
        assert a[f"{kind}_in"] == a[f"{kind}_with_passages"] + a[f"{kind}_quarantined"]
    assert a["passages"] == len(tables.raw_corpus)
    assert a["passages_kept"] == tables.raw_corpus["duplicate_of"].null_count()
    assert a["passages"] == a["passages_kept"] + a["passages_exact_duplicates"] + a["passages_near_duplicates"]
    assert a["gold_relations"] == a["gold_relations_kept"] + a["gold_relations_lost"]
    documents = set(tables.raw_corpus["doc_id"]) | set(tables.quarantine["doc_id"])
    assert len(documents) == a["documents_in"] + a["gold_documents_in"]
    assert set(tables.quarantine["reason"].is_null()) <= {False}


def assert_same(first: CorpusTables, second: CorpusTables) -> None:
    """Check that the tables are equal up to the order of passages."""
    order = ["doc_id", "start"]
    assert first.raw_corpus.sort(order).equals(second.raw_corpus.sort(order))
    assert first.gold_graphs.equals(second.gold_graphs)
    assert first.quarantine.equals(second.quarantine)
    assert first.accounting == second.accounting
