"""Distant supervision: a passage that names head and tail of a known fact is assumed to state it (Mintz et al. 2009).

The labels have two kinds of errors: a passage may name head and tail without stating the fact, and it may state facts
that the knowledge base lacks. Every relation therefore has its evidence and its line in the knowledge base.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from text2graph_dagster.errors import UserError
from text2graph_dagster.graph.model import Entity, Graph, Relation, Span
from text2graph_dagster.graph.parsing import GraphParseError
from text2graph_dagster.graph.rows import from_rows, to_rows
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.teachers.knowledge_base.aliases import AliasIndex, Match
from text2graph_dagster.teachers.knowledge_base.evidence import EvidenceFinder
from text2graph_dagster.teachers.knowledge_base.knowledge import (
    BrokenLine,
    Knowledge,
    digest_file,
    find_broken_lines,
    load_knowledge,
)
from text2graph_dagster.teachers.knowledge_base.linking import choose_types, index_names, resolve_entities
from text2graph_dagster.teachers.protocol import Parameters, TeacherAnswer, TeacherRequest

# Increase this when the code finds other graphs for the same knowledge base: recorded answers then become stale.
MATCHING_VERSION = "3"


class KnowledgeBaseTeacher:
    """A teacher that finds heads and tails of known facts in the text.

    The knowledge base is loaded for the first request. It is not loaded if all answers are in the ledger.

    Args:
        path: the knowledge base, JSON Lines.
        ontology: the types of the graphs; entities and facts that do not map to it are left out.
        window: maximum number of sentences that a relation's evidence may span.
    """

    name = "knowledge_base"
    prompt_version = MATCHING_VERSION

    def __init__(self, path: Path, ontology: Ontology, window: int = 2) -> None:
        self.path, self.ontology, self.window = path, ontology, window
        self.transitive = tuple(relation.name for relation in ontology.relation_types if relation.transitive)

    @cached_property
    def sha256(self) -> str:
        """Digest of the knowledge base's file.

        Raises:
            UserError: the file is missing.
        """
        return digest_file(self.path)

    @cached_property
    def knowledge(self) -> Knowledge:
        """The file's content.

        Raises:
            UserError: as in `load_knowledge`, or if the file changed after its digest was computed.
        """
        knowledge = load_knowledge(self.path, self.ontology)
        if knowledge.sha256 != self.sha256:
            raise UserError(f"The knowledge base {self.path} changed while it was read: run again.")
        return knowledge

    @cached_property
    def index(self) -> AliasIndex:
        """Index of the names of all entities."""
        return index_names(self.knowledge.entities)

    @cached_property
    def broken(self) -> list[BrokenLine]:
        """Lines of the knowledge base that could not be parsed: rows for quarantine.

        Raises:
            UserError: as `load_knowledge`.
        """
        return self.knowledge.broken if "knowledge" in vars(self) else find_broken_lines(self.path)

    def parameters(self) -> Parameters:
        """Return what determines an answer: the knowledge base's content and the evidence window."""
        return {"knowledge_base": self.sha256, "window": self.window}

    def answer(self, requests: Sequence[TeacherRequest]) -> Iterator[TeacherAnswer]:
        """Answer every request; this teacher never refuses.

        Raises:
            ValueError: a request has another ontology than the teacher.
        """
        for request in requests:
            if request.ontology.digest != self.ontology.digest:
                raise ValueError("the request's ontology differs from the teacher's")
            graph = self.annotate(request.text, request.language)
            yield TeacherAnswer(request.passage_id, request.sample, graph, dump_graph(graph))

    def read(self, raw: str, request: TeacherRequest) -> Graph:
        """Return the graph of a recorded answer."""
        return load_graph(raw)

    def annotate(self, text: str, language: str) -> Graph:
        """Return the entities that a passage names, and the known facts whose head and tail it names close together."""
        found = resolve_entities(text, self.index.find(text), self.knowledge)
        order = sorted(found, key=lambda entity: found[entity][0].start)
        types = choose_types(order, self.knowledge, self.ontology)
        entities = tuple(_entity(i, text, types[entity], found[entity]) for i, entity in enumerate(order))
        return Graph(entities, self._relations(text, language, order, entities))

    def _relations(
        self, text: str, language: str, order: Sequence[int], entities: Sequence[Entity]
    ) -> tuple[Relation, ...]:
        ids = {entity: i for i, entity in enumerate(order)}
        pairs = [
            (ids[head], ids[tail], facts)
            for head in order
            for tail in sorted(self.knowledge.facts.get(head, {}).keys() & ids.keys(), key=ids.__getitem__)
            if (facts := self.knowledge.facts[head][tail])
        ]
        if not pairs:
            return ()
        finder = EvidenceFinder(text, language, entities, self.window)
        relations: dict[tuple[int, int, str], Relation] = {}
        for head, tail, facts in pairs:
            evidence = finder.find(entities[head], entities[tail])
            if evidence is None:
                continue
            for fact in facts:
                first, last = (tail, head) if self._is_symmetric(fact.relation) and tail < head else (head, tail)
                if self.ontology.allows(entities[first].type, fact.relation, entities[last].type):
                    key = (first, last, fact.relation)
                    relations.setdefault(key, Relation(*key, evidence, f"kb:{fact.line}"))
        implied = {key for name in self.transitive for key in _implied_edges(name, relations)}
        return tuple(relations[key] for key in sorted(relations) if key not in implied)

    def _is_symmetric(self, relation: str) -> bool:
        return self.ontology.relation(relation).symmetric


def _implied_edges(name: str, relations: Collection[tuple[int, int, str]]) -> Iterator[tuple[int, int, str]]:
    """Yield a transitive relation's edges that follow from two others (Oslo-Norway, Norway-Europe: Oslo-Europe).

    Edges of a cycle imply nothing.
    """
    tails: dict[int, set[int]] = defaultdict(set)
    for head, tail, kind in relations:
        if kind == name:
            tails[head].add(tail)
    steps = {(head, tail) for head, own in tails.items() for tail in own}
    for head, tail in steps:
        if any(
            (middle, tail) in steps and (middle, head) not in steps and (tail, middle) not in steps
            for middle in tails[head] - {tail}
        ):
            yield head, tail, name


def _entity(number: int, text: str, entity_type: str, found: Sequence[Match]) -> Entity:
    longest = max(found, key=lambda match: match.end - match.start)
    return Entity(number, text[longest.start : longest.end], entity_type, tuple(Span(m.start, m.end) for m in found))


def dump_graph(graph: Graph) -> str:
    """Return a graph as the JSON that the ledger stores, with mentions, evidence and provenance."""
    entities, relations = to_rows(graph)
    value = {"entities": entities, "relations": relations}
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def load_graph(raw: str) -> Graph:
    """Return the graph of a JSON text from `dump_graph`.

    Raises:
        GraphParseError: the text is not such JSON.
    """
    try:
        value: Mapping[str, list[dict[str, object]]] = json.loads(raw)
        return from_rows(value["entities"], value["relations"])
    except (ValueError, KeyError, TypeError) as error:
        raise GraphParseError("bad_shape", f"not a recorded graph: {error}") from None
