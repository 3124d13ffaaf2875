"""Compose a rationale from a passage and its graph, without a model.

The rationale states which sentence names which entities, and which sentences state which relation. It also lists
rejected pairs: two entities of one sentence whose types allow a relation, but which the graph does not relate.
`verifier` parses the rationale.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from text2graph_dagster.graph.model import Entity, Graph
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.prompts import templates
from text2graph_dagster.reasoning.sentence_numbers import SentenceIndex, list_sentence_pairs
from text2graph_dagster.teachers.protocol import Parameters, ReasoningAnswer, ReasoningRequest

MAX_REJECTED = 6  # rejected pairs listed, so that a rationale stays short


class ComposedReasoner:
    """A reasoner that renders `prompts/<language>/rationale.jinja`; it is deterministic."""

    name = "composed"

    @property
    def prompt_version(self) -> str:
        """Version of the template."""
        return templates.prompt_version("rationale")

    def parameters(self) -> Parameters:
        """Return what determines a rationale besides the template."""
        return {"max_rejected": MAX_REJECTED}

    def answer(self, requests: Sequence[ReasoningRequest]) -> Iterator[ReasoningAnswer]:
        """Compose every rationale; this reasoner never refuses."""
        for request in requests:
            rationale = compose_rationale(request.text, request.language, request.ontology, request.graph)
            yield ReasoningAnswer(request.passage_id, rationale)


def compose_rationale(text: str, language: str, ontology: Ontology, graph: Graph) -> str:
    """Return the rationale that leads from the passage to its graph."""
    sentences = SentenceIndex.of(text, language)
    return templates.fill_template(
        language,
        "rationale",
        sentences=_sentence_rows(sentences, graph.entities),
        relations=_relation_rows(sentences, graph),
        rejected=_rejected_rows(sentences, ontology, graph),
    ).strip()


def quote_surface(surface: str) -> str:
    """Return a surface in quotation marks, with quotation marks and line ends in it escaped as in JSON."""
    return json.dumps(surface, ensure_ascii=False)


def _sentence_rows(sentences: SentenceIndex, entities: Sequence[Entity]) -> list[dict[str, Any]]:
    mentions: dict[int, dict[tuple[int, str], dict[str, str]]] = {}
    for entity in entities:
        for mention in entity.mentions:
            surface = sentences.text[mention.start : mention.end]
            row = {"surface": quote_surface(surface), "name": quote_surface(entity.text), "type": entity.type}
            mentions.setdefault(sentences.number(mention.start), {}).setdefault((entity.id, surface), row)
    return [{"number": n, "mentions": list(mentions[n].values())} for n in sorted(mentions)]


def _relation_rows(sentences: SentenceIndex, graph: Graph) -> list[dict[str, Any]]:
    entities = graph.by_id()
    rows = []
    for relation in graph.relations:
        head, tail = entities[relation.head], entities[relation.tail]
        first, last = sentences.find_evidence(relation, head, tail)
        rows.append(
            {
                "first": first,
                "last": last,
                "head": quote_surface(head.text),
                "tail": quote_surface(tail.text),
                "type": relation.type,
            }
        )
    return sorted(rows, key=lambda row: (row["first"], row["last"]))


def _rejected_rows(sentences: SentenceIndex, ontology: Ontology, graph: Graph) -> list[dict[str, Any]]:
    related = {frozenset((r.head, r.tail)) for r in graph.relations}
    rows: dict[tuple[int, int], dict[str, Any]] = {}
    for number, head, tail in list_sentence_pairs(sentences, graph.entities):
        if frozenset((head.id, tail.id)) in related or (head.id, tail.id) in rows:
            continue
        types = [name for name in ontology.relation_names if ontology.allows(head.type, name, tail.type)]
        symmetric = all(ontology.relation(name).symmetric for name in types)
        if types and not (symmetric and (tail.id, head.id) in rows):
            rows[head.id, tail.id] = {
                "number": number,
                "head": quote_surface(head.text),
                "tail": quote_surface(tail.text),
                "types": types,
            }
    return list(rows.values())[:MAX_REJECTED]
