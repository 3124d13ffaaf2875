"""A reasoner behind an OpenAI-compatible endpoint.

It is shown the passage, the types and the graph, and must argue from the passage alone, as if it did not know the
graph.
"""

from collections.abc import Iterator, Sequence

from text2graph_dagster.graph.wire import serialise
from text2graph_dagster.prompts import templates
from text2graph_dagster.prompts.escaping import as_data
from text2graph_dagster.reasoning.leakage import extract_rationale
from text2graph_dagster.reasoning.sentence_numbers import SentenceIndex
from text2graph_dagster.teachers.chat.endpoint import ChatCall, Endpoint, EndpointSettings
from text2graph_dagster.teachers.protocol import Parameters, ReasoningAnswer, ReasoningRequest


class ChatReasoner:
    """A model that argues for a graph it is shown."""

    def __init__(self, settings: EndpointSettings) -> None:
        self._endpoint = Endpoint(settings)
        self.name = f"chat:{settings.model}"

    @property
    def prompt_version(self) -> str:
        """Version of the template."""
        return templates.version("reason")

    def parameters(self) -> Parameters:
        """Return the model and how it decodes."""
        return self._endpoint.settings.parameters()

    def answer(self, requests: Sequence[ReasoningRequest]) -> Iterator[ReasoningAnswer]:
        """Ask the endpoint.

        Raises:
            UserError: the endpoint refuses the key or does not know the model.
        """
        asking: ChatCall[ReasoningRequest] = ChatCall(build_reasoning_prompt, lambda _: None, lambda _: 0)
        for request, prompt, done in self._endpoint.complete_all(requests, asking):
            yield ReasoningAnswer(
                request.passage_id,
                extract_rationale(done.text),
                done.status,
                done.reason,
                done.prompt_tokens,
                done.completion_tokens,
                0.0,
                done.seconds,
                prompt,
            )


def build_reasoning_prompt(request: ReasoningRequest) -> str:
    """Return the message: the passage with its sentences numbered, the allowed types, the graph."""
    places = SentenceIndex.of(request.text, request.language)
    return templates.fill(
        request.language,
        "reason",
        text=as_data(request.text),
        sentences=[as_data(request.text[span.start : span.end]) for span in places.spans],
        entity_types=request.ontology.entity_types,
        relation_types=request.ontology.relation_types,
        graph=as_data(serialise(request.graph)),
    )
