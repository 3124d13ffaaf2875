"""Interfaces of a teacher and a reasoner: batches of requests in, answers out in any order.

A teacher extracts the graph of a passage. A reasoner writes a rationale for a passage and its graph. Both expose their
name, their parameters and the version of their prompt, because these are part of a call's key in the ledger.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Protocol

from text2graph_dagster.graph.model import Graph
from text2graph_dagster.graph.wire import serialise
from text2graph_dagster.identity import digest
from text2graph_dagster.ontology import Ontology

Status = Literal["ok", "refused", "unparsable", "failed"]
Parameters = Mapping[str, str | int | float | bool | None]


@dataclass(frozen=True, slots=True)
class TeacherRequest:
    """A request to extract a passage's graph with an ontology's types. `sample` numbers repeated requests."""

    passage_id: str
    text: str
    language: str
    ontology: Ontology
    sample: int = 0

    @property
    def content_digest(self) -> str:
        """Digest of the passage (id, text, language); part of the call key."""
        return digest(self.passage_id, self.text, self.language)


@dataclass(frozen=True, slots=True)
class TeacherAnswer:
    """The answer to one request. `graph` is present exactly when `status` is "ok"; `raw` is stored in the ledger.

    `request` is the prompt as it was sent ("" if there is none); `cost` is in the currency of the configured
    prices; `seconds` is wall-clock time.
    """

    passage_id: str
    sample: int
    graph: Graph | None
    raw: str
    status: Status = "ok"
    reason: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    seconds: float = 0.0
    request: str = ""

    @property
    def response(self) -> str:
        """Text that the ledger stores."""
        return self.raw

    def without_texts(self) -> "TeacherAnswer":
        """Return the answer without the texts that only the ledger needs."""
        return replace(self, raw="", request="")


class Teacher(Protocol):
    """Extracts the graph that a passage states."""

    @property
    def name(self) -> str:
        """Name under which its calls are recorded."""
        ...

    @property
    def prompt_version(self) -> str:
        """Version of its prompt."""
        ...

    def parameters(self) -> Parameters:
        """Return everything besides name and prompt that determines an answer (model, temperature, file digest…)."""
        ...

    def answer(self, requests: Sequence[TeacherRequest]) -> Iterator[TeacherAnswer]:
        """Answer each request exactly once, in any order. If one request fails, set `status`; do not raise."""
        ...

    def read(self, raw: str, request: TeacherRequest) -> Graph:
        """Parse a recorded `TeacherAnswer.raw` again.

        Raises:
            GraphParseError: the recorded answer contains no readable graph.
        """
        ...


@dataclass(frozen=True, slots=True)
class ReasoningRequest:
    """A request for a rationale: why the passage states the graph."""

    passage_id: str
    text: str
    language: str
    ontology: Ontology
    graph: Graph

    sample: ClassVar[int] = 0  # there is one rationale per passage

    @property
    def content_digest(self) -> str:
        """Digest of passage and graph, with evidence: the same triples with other evidence need another rationale."""
        entities, relations = self.graph.entities, self.graph.relations
        evidence = repr([(e.text, e.mentions) for e in entities] + [r.evidence for r in relations])
        return digest(self.passage_id, self.text, self.language, serialise(self.graph), evidence)


@dataclass(frozen=True, slots=True)
class ReasoningAnswer:
    """A rationale for one request; the other fields are as in `TeacherAnswer`."""

    passage_id: str
    rationale: str
    status: Status = "ok"
    reason: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    seconds: float = 0.0
    request: str = ""

    sample: ClassVar[int] = 0

    @property
    def response(self) -> str:
        """Text that the ledger stores."""
        return self.rationale

    def without_texts(self) -> "ReasoningAnswer":
        """Return the answer without the texts that only the ledger needs."""
        return replace(self, request="")


class Reasoner(Protocol):
    """Explains why a passage states a graph. The ledger stores the rationale itself, so there is no `read`."""

    @property
    def name(self) -> str:
        """Name under which its calls are recorded."""
        ...

    @property
    def prompt_version(self) -> str:
        """Version of its prompt."""
        ...

    def parameters(self) -> Parameters:
        """Return everything besides name and prompt that determines an answer."""
        ...

    def answer(self, requests: Sequence[ReasoningRequest]) -> Iterator[ReasoningAnswer]:
        """Answer each request exactly once, in any order. If one request fails, set `status`; do not raise."""
        ...
