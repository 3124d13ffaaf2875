"""A reasoner behind an OpenAI-compatible endpoint.

The model is shown the passage, the types and the graph, and must argue from the passage alone, as if it did not know
the graph.
"""

from collections.abc import Iterator, Sequence

from text2graph_dagster.graph.wire import serialise
from text2graph_dagster.prompts import templates
from text2graph_dagster.prompts.escaping import escape_document
from text2graph_dagster.reasoning.leakage import extract_rationale
from text2graph_dagster.reasoning.sentence_numbers import SentenceIndex
from text2graph_dagster.teachers.chat.endpoint import ChatCall, Endpoint
from text2graph_dagster.teachers.protocol import Parameters, ReasoningAnswer, ReasoningRequest


class ChatReasoner:
    """A model that writes a rationale for a graph that it is shown."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.name = f"chat:{endpoint.settings.model}"

    @property
    def prompt_version(self) -> str:
        """Version of the template."""
        return templates.prompt_version("reason")

    def parameters(self) -> Parameters:
        """Return the model and its decoding settings."""
        return self.endpoint.settings.parameters()

    def answer(self, requests: Sequence[ReasoningRequest]) -> Iterator[ReasoningAnswer]:
        """Ask the endpoint.

        Raises:
            UserError: the endpoint rejects the key or does not know the model.
        """
        call: ChatCall[ReasoningRequest] = ChatCall(build_reasoning_prompt, lambda _: None, lambda _: 0)
        for request, prompt, completion in self.endpoint.complete_all(requests, call):
            yield ReasoningAnswer(
                request.passage_id,
                extract_rationale(completion.text),
                completion.status,
                completion.reason,
                completion.prompt_tokens,
                completion.completion_tokens,
                0.0,
                completion.seconds,
                prompt,
            )


def build_reasoning_prompt(request: ReasoningRequest) -> str:
    """Return the user message: the passage with its sentences numbered, the allowed types, the graph."""
    sentences = SentenceIndex.of(request.text, request.language)
    return templates.fill_template(
        request.language,
        "reason",
        text=escape_document(request.text),
        sentences=[escape_document(request.text[span.start : span.end]) for span in sentences.spans],
        entity_types=request.ontology.entity_types,
        relation_types=request.ontology.relation_types,
        graph=escape_document(serialise(request.graph)),
    )
