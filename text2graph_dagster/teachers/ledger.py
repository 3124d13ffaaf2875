"""Every call to a teacher or reasoner is made once: what is in the ledger is read back, the rest is asked and recorded.

A call's key is a digest of everything that its answer depends on, so a re-run, a crash, a new document each cost only
what is new. A call that nobody answered (status "failed") is not recorded: the next run asks it again.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

from text2graph_dagster.errors import UserError
from text2graph_dagster.graph import GraphParseError, serialise
from text2graph_dagster.identity import digest, digest_json
from text2graph_dagster.progress import Progress
from text2graph_dagster.teachers.protocol import (
    Answer,
    Parameters,
    Reasoner,
    ReasoningAnswer,
    ReasoningRequest,
    Request,
    Teacher,
)

Row = dict[str, Any]
A = TypeVar("A", Answer, ReasoningAnswer)
Q = TypeVar("Q", Request, ReasoningRequest)

BATCH = 2048  # requests handed to a teacher at once
FLUSH_SECONDS = 5.0  # a kill loses at most the answers of so many seconds


class Ledger(Protocol):
    """Where calls are kept: rows of the table teacher_calls."""

    def known(self, keys: Sequence[str]) -> Mapping[str, Row]:
        """Return the recorded rows of those keys that are there, by key."""
        ...

    def record(self, rows: Sequence[Row]) -> None:
        """Keep these rows; when it returns they are safe."""
        ...


@dataclass(frozen=True, slots=True)
class Asked(Generic[A]):
    """One answer per request, in their order, the call key of each, and how many calls were made for them."""

    answers: list[A]
    keys: list[str]
    made: int


def call_key(
    kind: Literal["teacher", "reasoner"],
    name: str,
    parameters: Parameters,
    prompt_version: str,
    ontology_digest: str,
    subject: str,
    sample: int,
) -> str:
    """Return the identity of a call; `subject` is what the question is about, as a digest."""
    return digest(kind, name, digest_json(parameters), prompt_version, ontology_digest, subject, str(sample))


def ask_teacher(
    teacher: Teacher, requests: Sequence[Request], ledger: Ledger, progress: Progress | None = None
) -> Asked[Answer]:
    """Return an answer for every request; only calls that the ledger does not know are made.

    Raises:
        UserError: the teacher cannot go on (a budget is spent, its configuration is wrong).
    """
    parameters = teacher.parameters()
    keys = [
        call_key(
            "teacher",
            teacher.name,
            parameters,
            teacher.prompt_version,
            request.ontology.digest,
            digest(request.passage_id, request.text, request.language),
            request.sample,
        )
        for request in requests
    ]

    def recall(row: Row, request: Request) -> Answer:
        graph, status, reason = None, row["status"], row["reason"]
        if status == "ok":
            try:
                graph = teacher.read(row["response"], request)
            except GraphParseError as error:
                status, reason = "unparsable", str(error)
        return Answer(request.passage_id, request.sample, graph, row["response"], status, reason, *_costs(row))

    def fail(request: Request, reason: str) -> Answer:
        return Answer(request.passage_id, request.sample, None, "", "failed", reason)

    desk = _Desk("teacher", teacher, requests, keys, _slot, _slot, lambda a: a.raw, recall, fail)
    return desk.ask(ledger, progress)


def ask_reasoner(
    reasoner: Reasoner, requests: Sequence[ReasoningRequest], ledger: Ledger, progress: Progress | None = None
) -> Asked[ReasoningAnswer]:
    """Return a rationale for every request; only calls that the ledger does not know are made.

    Raises:
        UserError: the reasoner cannot go on.
    """
    parameters = reasoner.parameters()
    keys = [
        call_key(
            "reasoner",
            reasoner.name,
            parameters,
            reasoner.prompt_version,
            request.ontology.digest,
            digest(request.passage_id, request.text, request.language, serialise(request.graph), _evidence(request)),
            0,
        )
        for request in requests
    ]

    def recall(row: Row, request: ReasoningRequest) -> ReasoningAnswer:
        return ReasoningAnswer(request.passage_id, row["response"], row["status"], row["reason"], *_costs(row))

    def fail(request: ReasoningRequest, reason: str) -> ReasoningAnswer:
        return ReasoningAnswer(request.passage_id, "", "failed", reason)

    def slot(item: ReasoningRequest | ReasoningAnswer) -> tuple[str, int]:
        return item.passage_id, 0

    desk = _Desk("reasoner", reasoner, requests, keys, slot, slot, lambda a: a.rationale, recall, fail)
    return desk.ask(ledger, progress)


def _slot(item: Request | Answer) -> tuple[str, int]:
    return item.passage_id, item.sample


def _evidence(request: ReasoningRequest) -> str:
    """Return the places of mentions and evidence: the same triples from other sentences need another rationale."""
    return repr([(e.text, e.mentions) for e in request.graph.entities] + [r.evidence for r in request.graph.relations])


def _costs(row: Row) -> tuple[int, int, float, float]:
    return row["prompt_tokens"], row["completion_tokens"], row["cost"], row["seconds"]


@dataclass(frozen=True)
class _Desk(Generic[Q, A]):
    """The one way in which questions are asked, whoever is asked."""

    kind: str
    who: Any  # Teacher or Reasoner
    requests: Sequence[Q]
    keys: Sequence[str]
    request_slot: Callable[[Q], tuple[str, int]]
    answer_slot: Callable[[A], tuple[str, int]]
    response: Callable[[A], str]
    recall: Callable[[Row, Q], A]
    fail: Callable[[Q, str], A]

    def ask(self, ledger: Ledger, progress: Progress | None) -> Asked[A]:
        known = ledger.known(list(dict.fromkeys(self.keys)))
        open_: dict[str, Q] = {k: q for k, q in zip(self.keys, self.requests, strict=True) if k not in known}
        fresh: dict[str, A] = {}
        pending: list[Row] = []
        flushed = time.monotonic()
        what = f"{self.kind} {self.who.name}"
        questions = list(open_.items())
        for begin in range(0, len(questions), BATCH):
            batch = dict(questions[begin : begin + BATCH])
            try:
                for key, answer in self.answers(batch):
                    fresh[key] = answer
                    if answer.status != "failed":
                        pending.append(self.row(key, answer))
                    if time.monotonic() - flushed > FLUSH_SECONDS:
                        ledger.record(pending)
                        pending, flushed = [], time.monotonic()
                    if progress:
                        progress(len(fresh), len(open_), what)
            finally:  # whatever interrupts the run, what was answered is kept
                if pending:
                    ledger.record(pending)
                pending, flushed = [], time.monotonic()
        answers = [
            self.recall(known[key], request) if key in known else fresh[key]
            for key, request in zip(self.keys, self.requests, strict=True)
        ]
        return Asked(answers, list(self.keys), len(open_))

    def answers(self, batch: Mapping[str, Q]) -> Iterator[tuple[str, A]]:
        """Yield exactly one answer per request, whatever the teacher does: trouble becomes a failed answer."""
        waiting = {self.request_slot(request): key for key, request in batch.items()}
        if len(waiting) < len(batch):
            raise ValueError("two requests ask the same about one passage: give them different sample numbers")
        reason = "the teacher gave no answer"
        try:
            for answer in self.who.answer(list(batch.values())):
                key = waiting.pop(self.answer_slot(answer), None)
                if key is not None:
                    yield key, answer
        except UserError:
            raise
        except Exception as error:  # a teacher is foreign code; the run goes on and the passage is quarantined
            reason = f"{type(error).__name__}: {error}"
        for key in waiting.values():
            yield key, self.fail(batch[key], reason)

    def row(self, key: str, answer: A) -> Row:
        """Return the ledger's row for an answer."""
        return {
            "call_key": key,
            "kind": self.kind,
            "teacher": self.who.name,
            "prompt_version": self.who.prompt_version,
            "passage_id": answer.passage_id,
            "request": answer.request,
            "response": self.response(answer),
            "status": answer.status,
            "reason": answer.reason,
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.completion_tokens,
            "cost": answer.cost,
            "seconds": answer.seconds,
        }
