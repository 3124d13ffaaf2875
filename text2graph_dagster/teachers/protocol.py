"""What a teacher and a reasoner are: batches of requests in, answers as they come.

A teacher says which graph a passage states, a reasoner says why. Both name themselves, their parameters and the
version of their prompt, because the ledger pays for each call once and a call's key is made of exactly these.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from text2graph_dagster.graph.model import Graph
from text2graph_dagster.ontology import Ontology

Status = Literal["ok", "refused", "unparsable", "failed"]
Parameters = Mapping[str, str | int | float | bool | None]


@dataclass(frozen=True, slots=True)
class TeacherRequest:
    """Which graph does this passage state, in the words of this ontology? `sample` numbers repeated questions."""

    passage_id: str
    text: str
    language: str
    ontology: Ontology
    sample: int = 0


@dataclass(frozen=True, slots=True)
class TeacherAnswer:
    """What came back for one request. `graph` is there exactly when `status` is "ok"; `raw` is what the ledger keeps.

    `request` is the prompt as it was sent ("" where there is none); `cost` is in the currency of the configured
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


class Teacher(Protocol):
    """Says which graph a passage states."""

    @property
    def name(self) -> str:
        """Return the name under which its calls are recorded."""
        ...

    @property
    def prompt_version(self) -> str:
        """Return the version of its prompt."""
        ...

    def parameters(self) -> Parameters:
        """Return everything beside name and prompt that decides an answer (model, temperature, digest of a file…)."""
        ...

    def answer(self, requests: Sequence[TeacherRequest]) -> Iterator[TeacherAnswer]:
        """Answer each request exactly once, in any order. Trouble with one request is a status, not an exception."""
        ...

    def read(self, raw: str, request: TeacherRequest) -> Graph:
        """Read a recorded `TeacherAnswer.raw` again.

        Raises:
            GraphParseError: the recorded answer holds no readable graph.
        """
        ...


@dataclass(frozen=True, slots=True)
class ReasoningRequest:
    """Why does this passage state this graph?"""

    passage_id: str
    text: str
    language: str
    ontology: Ontology
    graph: Graph


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


class Reasoner(Protocol):
    """Says why a passage states a graph. The rationale itself is what the ledger keeps, so nothing is read again."""

    @property
    def name(self) -> str:
        """Return the name under which its calls are recorded."""
        ...

    @property
    def prompt_version(self) -> str:
        """Return the version of its prompt."""
        ...

    def parameters(self) -> Parameters:
        """Return everything beside name and prompt that decides an answer."""
        ...

    def answer(self, requests: Sequence[ReasoningRequest]) -> Iterator[ReasoningAnswer]:
        """Answer each request exactly once, in any order. Trouble with one request is a status, not an exception."""
        ...
