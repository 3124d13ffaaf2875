"""A small ontology, and knowledge bases for it."""

import json
from pathlib import Path
from typing import Any

from text2graph_dagster.graph.model import Graph
from text2graph_dagster.ontology import EntityType, Ontology, RelationType
from text2graph_dagster.teachers.knowledge_base.teacher import KnowledgeBaseTeacher

NEWS = Ontology(
    "news",
    "en",
    (
        EntityType("person"),
        EntityType("company", kb_types=("business", "* manufacturer")),
        EntityType("city", kb_types=("capital",)),
        EntityType("country"),
    ),
    (
        RelationType("works for", signatures=(("person", "company"),), kb_relations=("employer",)),
        RelationType("married to", signatures=(("person", "person"),), symmetric=True),
        RelationType("capital of", signatures=(("city", "country"),), inverse="has capital"),
        RelationType("has capital", signatures=(("country", "city"),)),
        RelationType("owns", signatures=(("company", "company"),), kb_relations=("^owned by",)),
        RelationType("born in", signatures=(("person", "city"),)),
    ),
)


def line(head: str, relation: str, tail: str, head_type: str, tail_type: str, **more: Any) -> dict[str, Any]:
    """Return one line of a knowledge base."""
    return {"head": head, "relation": relation, "tail": tail, "head_type": head_type, "tail_type": tail_type, **more}


def write(path: Path, lines: list[dict[str, Any] | str]) -> Path:
    """Write a knowledge base; a string is written unchanged."""
    text = "\n".join(row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in lines)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def make_teacher(
    tmp_path: Path, lines: list[dict[str, Any] | str], ontology: Ontology = NEWS, window: int = 2
) -> KnowledgeBaseTeacher:
    """Return a teacher whose knowledge base has these lines."""
    return KnowledgeBaseTeacher(write(tmp_path / "knowledge_base.jsonl", lines), ontology, window)


WORLD: list[dict[str, Any] | str] = [
    line(
        "Ana Berg", "employer", "Velsoft", "person", "business", head_aliases=["Berg"], tail_aliases=["Velsoft Systems"]
    ),
    line("Ana Berg", "married to", "Tom Lund", "person", "person", head_aliases=["Berg"]),
    line("Oslo", "capital of", "Norway", "city", "country"),
    line("Northwind", "owned by", "Velsoft", "business", "business", tail_aliases=["Velsoft Systems"]),
    line("Ana Berg", "born in", "Oslo", "person", "city"),
]

AMBIGUOUS: list[dict[str, Any] | str] = [
    line("Paris", "capital of", "France", "city", "country", head_id="city"),
    line("Paris", "employer", "Velsoft", "person", "business", head_id="person"),
    line("Paris", "capital of", "Gaul", "city", "country", head_id="city"),
]

CHINESE = Ontology(
    "zh",
    "zh",
    (EntityType("人物", kb_types=("人類",)), EntityType("城市"), EntityType("国家")),
    (
        RelationType("出生地", signatures=(("人物", "城市"),)),
        RelationType("接壤", signatures=(("国家", "国家"),), symmetric=True),
    ),
)


def named_triples(graph: Graph) -> set[tuple[str, str, str]]:
    return {(head.text, kind, tail.text) for head, kind, tail in graph.triples()}
