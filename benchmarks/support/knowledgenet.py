"""KnowledgeNet as teacher and as gold: its annotations are also the knowledge base, without those of one fold."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from text2graph_dagster.dataset.denoising import decision
from text2graph_dagster.dataset.denoising.denoiser import DenoisedGraphs, Passage, denoise_passages
from text2graph_dagster.graph.model import Graph, Relation
from text2graph_dagster.identity import digest
from text2graph_dagster.ontology import EntityType, Ontology, RelationType
from text2graph_dagster.teachers.knowledge_base.teacher import KnowledgeBaseTeacher

FOLDS = 4
Counts = tuple[int, int, int, int]  # right and all predicted triples, found and all annotated triples
Placed = tuple[tuple[int, int], str, tuple[int, int]]  # a triple by the places of its ends
_WITHHELD = "withheld"  # a relation that no ontology has: its line contributes only the names


class LabelledPassages(NamedTuple):
    """Passages with the teacher's graphs, raw and denoised."""

    passages: list[Passage]
    denoised: DenoisedGraphs


def ontology_of(types: Mapping[str, Any]) -> Ontology:
    """Return the ontology of the set's `ontology.json`."""
    signatures: dict[str, list[tuple[str, str]]] = {name: [] for name in types["relation_types"]}
    for item in types["signatures"]:
        if item["count"] > 1:  # one HEADQUARTERS from place to organisation is an annotation error
            signatures[item["relation"]].append((item["head_type"], item["tail_type"]))
    relations = (
        RelationType(name, signatures=tuple(pairs), symmetric=name == "SPOUSE") for name, pairs in signatures.items()
    )
    return Ontology("knowledgenet", "en", tuple(map(EntityType, types["entity_types"])), tuple(relations))


def label(
    documents: Sequence[Mapping[str, Any]], ontology: Ontology, unknown: int | None = None, *, half: bool = False
) -> LabelledPassages:
    """Return the passages with the teacher's graphs, and the denoised graphs.

    The teacher lacks the facts of the fold `unknown`, or `half` of all facts.
    """
    with tempfile.TemporaryDirectory() as root:
        path = Path(root) / "knowledge_base.jsonl"
        facts = (
            fact for document in documents for fact in _facts(document, known=fold(document) != unknown, half=half)
        )
        path.write_text("".join(json.dumps(fact) + "\n" for fact in facts), encoding="utf-8")
        teacher = KnowledgeBaseTeacher(path, ontology)
        passages = [Passage(digest(d["text"]), d["text"], teacher.annotate(d["text"], "en")) for d in documents]
    return LabelledPassages(passages, denoise_passages(passages, ontology))


def fold(document: Mapping[str, Any]) -> int:
    """Return the fold of a document."""
    return int(digest(document["id"])[:8], 16) % FOLDS


def _facts(document: Mapping[str, Any], *, known: bool, half: bool) -> list[dict[str, Any]]:
    entities = {entity["id"]: entity for entity in document["entities"]}

    def is_known(relation: Mapping[str, Any]) -> bool:
        return known and not (half and int(digest(relation["head"], relation["type"], relation["tail"])[:8], 16) % 2)

    return [
        {
            "relation": relation["type"] if is_known(relation) else _WITHHELD,
            **{end: entities[relation[f"{end}_id"]]["text"] for end in ("head", "tail")},
            **{f"{end}_type": entities[relation[f"{end}_id"]]["type"] for end in ("head", "tail")},
            **{f"{end}_id": _identity(entities[relation[f"{end}_id"]]) for end in ("head", "tail")},
        }
        for relation in document["relations"]
    ]


def _identity(entity: Mapping[str, Any]) -> str | None:
    return entity["uri"].rsplit("/", 1)[-1] if entity.get("uri") else None


def count_listed(graph: Graph, document: Mapping[str, Any]) -> Counts:
    """Count the triples of the types that were annotated in this document."""
    marked = mark_relations(graph, document)
    found = {triple for _, met in marked for triple in met}
    return sum(bool(met) for _, met in marked), len(marked), len(found), len(_gold(document))


def _gold(document: Mapping[str, Any]) -> set[Placed]:
    places = {e["id"]: (e["start"], e["end"]) for e in document["entities"]}
    return {(places[r["head_id"]], r["type"], places[r["tail_id"]]) for r in document["relations"]}


def mark_relations(graph: Graph, document: Mapping[str, Any]) -> list[tuple[Relation, set[Placed]]]:
    """Return the relations of types annotated in this document, each with the annotated triples that it states."""
    gold, entities, marked = _gold(document), graph.by_id(), []
    for relation in graph.relations:
        if relation.type not in document["relation_types"]:
            continue
        ends = [[(m.start, m.end) for m in entities[end].mentions] for end in (relation.head, relation.tail)]
        stated = {(h, relation.type, t) for h in ends[0] for t in ends[1]}
        if relation.type == "SPOUSE":
            stated |= {(t, kind, h) for h, kind, t in stated}
        marked.append((relation, stated & gold))
    return marked


def count_changes(before: Graph, after: Graph, document: Mapping[str, Any]) -> decision.RelationCounts:
    """Count as `decision.count_relations` does, by the places of the ends."""
    was, is_now = (
        {(r.head, r.type, r.tail): bool(met) for r, met in mark_relations(g, document)} for g in (before, after)
    )
    stays = [right for triple, right in was.items() if triple in is_now]
    new = [right for triple, right in is_now.items() if triple not in was]
    right = sum(was.values())
    gold = len(_gold(document))
    wrong_kept, wrong_added = len(stays) - sum(stays), len(new) - sum(new)
    return decision.RelationCounts(right, sum(stays), len(was) - right, wrong_kept, sum(new), wrong_added, gold)
