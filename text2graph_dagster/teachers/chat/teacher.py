"""A teacher behind an OpenAI-compatible endpoint: its answers are constrained by a JSON schema, parsed and filtered."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from text2graph_dagster.graph.legality import DROP_REASONS, legalise
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.graph.parsing import GraphParseError, parse
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.prompts import templates
from text2graph_dagster.prompts.rendering import render_prompt
from text2graph_dagster.teachers.chat.completion import Completion
from text2graph_dagster.teachers.chat.endpoint import ChatCall, Endpoint
from text2graph_dagster.teachers.chat.fuzzy_grounding import ground_fuzzily
from text2graph_dagster.teachers.chat.label_mapping import LabelTally, make_label_mapper
from text2graph_dagster.teachers.protocol import Parameters, TeacherAnswer, TeacherRequest


class ChatTeacher:
    """A model that is shown the passage and the allowed types, and answers with a graph.

    `dropped` counts, by reason, the items that the legality filter removed from all answers read so far. `labels`
    counts the labels that were mapped or rejected.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.name = f"chat:{endpoint.settings.model}"
        self.dropped = dict.fromkeys(DROP_REASONS, 0)
        self.labels = LabelTally()

    @property
    def prompt_version(self) -> str:
        """Version of the template."""
        return templates.prompt_version("extract")

    def parameters(self) -> Parameters:
        """Return the model and its decoding settings."""
        return self.endpoint.settings.parameters()

    def answer(self, requests: Sequence[TeacherRequest]) -> Iterator[TeacherAnswer]:
        """Ask the endpoint; an unreadable answer gets another status than "ok" and keeps its raw text.

        Raises:
            UserError: the endpoint rejects the key or does not know the model.
        """
        call: ChatCall[TeacherRequest] = ChatCall(
            build_prompt, lambda r: build_graph_schema(r.ontology), lambda r: r.sample
        )
        for request, prompt, completion in self.endpoint.complete_all(requests, call):
            yield self._to_answer(request, prompt, completion)

    def read(self, raw: str, request: TeacherRequest) -> Graph:
        """Return the legal part of a recorded answer, with its labels mapped, grounded in the passage.

        Raises:
            GraphParseError: the answer contains no readable graph.
        """
        ontology = request.ontology
        mapped = make_label_mapper(ontology, self.endpoint.settings.label_similarity).map_answer(parse(raw))
        self.labels.add(mapped)
        types = (ontology.entity_names, ontology.relation_names)
        legal = legalise(mapped.parsed, request.text, *types, ontology, ground_fuzzily)
        for reason, count in legal.dropped.items():
            self.dropped[reason] += count
        relations = tuple(replace(relation, provenance=self.name) for relation in legal.graph.relations)
        return Graph(legal.graph.entities, relations)

    def _to_answer(self, request: TeacherRequest, prompt: str, completion: Completion) -> TeacherAnswer:
        graph, status, reason = None, completion.status, completion.reason
        if status == "ok":
            try:
                graph = self.read(completion.text, request)
            except GraphParseError as error:
                status, reason = "unparsable", str(error)
        return TeacherAnswer(
            request.passage_id,
            request.sample,
            graph,
            completion.text,
            status,
            reason,
            completion.prompt_tokens,
            completion.completion_tokens,
            0.0,
            completion.seconds,
            prompt,
        )


def build_prompt(request: TeacherRequest) -> str:
    """Return the user message: the allowed types with descriptions, the answer format, the delimited passage."""
    ontology = request.ontology
    types = (ontology.entity_names, ontology.relation_names)
    return render_prompt(request.text, *types, ontology, "extract", request.language)


def build_graph_schema(ontology: Ontology) -> dict[str, Any]:
    """Return the JSON schema of an answer, with types as enumerations, in features common to grammar engines."""

    def rows(**properties: dict[str, Any]) -> dict[str, Any]:
        item = {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }
        return {"type": "array", "items": item}

    string = {"type": "string"}
    entities = rows(id={"type": "integer"}, text=string, type={"type": "string", "enum": list(ontology.entity_names)})
    relation_type = {"type": "string", "enum": list(ontology.relation_names)} if ontology.relation_names else string
    relations = rows(head=string, tail=string, type=relation_type)
    return {
        "type": "object",
        "properties": {"entities": entities, "relations": relations},
        "required": ["entities", "relations"],
        "additionalProperties": False,
    }
