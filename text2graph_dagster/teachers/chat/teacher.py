"""A teacher behind an OpenAI-compatible endpoint: types become a JSON schema, the answer is parsed and filtered."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from text2graph_dagster.graph.legality import DROP_REASONS, legalise
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.graph.parsing import GraphParseError, parse
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.prompts import templates
from text2graph_dagster.prompts.rendering import render
from text2graph_dagster.teachers.chat.completion import Completion
from text2graph_dagster.teachers.chat.endpoint import ChatCall, Endpoint, EndpointSettings
from text2graph_dagster.teachers.chat.fuzzy_grounding import ground_fuzzily
from text2graph_dagster.teachers.chat.label_mapping import LabelTally, make_label_mapper
from text2graph_dagster.teachers.protocol import Parameters, TeacherAnswer, TeacherRequest


class ChatTeacher:
    """A model that is shown the passage and the allowed types, and answers with a graph.

    `dropped` counts, by reason, the items of all answers read so far that are in no graph; `labels` the labels that
    were read as others, and those that were refused.
    """

    def __init__(self, settings: EndpointSettings) -> None:
        self._endpoint = Endpoint(settings)
        self.name = f"chat:{settings.model}"
        self.dropped = dict.fromkeys(DROP_REASONS, 0)
        self.labels = LabelTally()

    @property
    def prompt_version(self) -> str:
        """Version of the template."""
        return templates.version("extract")

    def parameters(self) -> Parameters:
        """Return the model and how it decodes."""
        return self._endpoint.settings.parameters()

    def answer(self, requests: Sequence[TeacherRequest]) -> Iterator[TeacherAnswer]:
        """Ask the endpoint; what cannot be read is a status, and its raw text is kept.

        Raises:
            UserError: the endpoint refuses the key or does not know the model.
        """
        asking: ChatCall[TeacherRequest] = ChatCall(
            build_prompt, lambda r: build_graph_schema(r.ontology), lambda r: r.sample
        )
        for request, prompt, completion in self._endpoint.complete_all(requests, asking):
            yield self._judge(request, prompt, completion)

    def read(self, raw: str, request: TeacherRequest) -> Graph:
        """Return the legal part of a recorded answer, its labels read as the ontology's, grounded in the passage.

        Raises:
            GraphParseError: the answer holds no readable graph.
        """
        ontology = request.ontology
        labelled = make_label_mapper(ontology, self._endpoint.settings.label_similarity).read(parse(raw))
        self.labels.add(labelled)
        types = (ontology.entity_names, ontology.relation_names)
        legal = legalise(labelled.parsed, request.text, *types, ontology, ground_fuzzily)
        for why, count in legal.dropped.items():
            self.dropped[why] += count
        relations = tuple(replace(relation, provenance=self.name) for relation in legal.graph.relations)
        return Graph(legal.graph.entities, relations)

    def _judge(self, request: TeacherRequest, prompt: str, completion: Completion) -> TeacherAnswer:
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
    """Return the message: the allowed types described, the form of the answer, the passage between marks."""
    ontology = request.ontology
    types = (ontology.entity_names, ontology.relation_names)
    return render(request.text, *types, ontology, "extract", request.language)


def build_graph_schema(ontology: Ontology) -> dict[str, Any]:
    """Return the JSON schema of an answer: types as enumerations, nothing that grammar engines treat differently."""

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
