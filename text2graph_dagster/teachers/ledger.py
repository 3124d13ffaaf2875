"""Every call to a teacher or reasoner is made once: what is in the ledger is read back, the rest is asked and recorded.

A call's key is a digest of everything that its answer depends on, so a re-run, a crash, a new document each cost only
what is new. A call that nobody answered (status "failed") is not recorded: the next run asks it again.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from text2graph_dagster.graph.parsing import GraphParseError
from text2graph_dagster.graph.wire import serialise
from text2graph_dagster.identity import digest, digest_json
from text2graph_dagster.teachers.budget import Budget
from text2graph_dagster.teachers.call_runner import CallResults, CallRunner, Ledger, Log, Row
from text2graph_dagster.teachers.protocol import (
    Parameters,
    Reasoner,
    ReasoningAnswer,
    ReasoningRequest,
    Teacher,
    TeacherAnswer,
    TeacherRequest,
)

__all__ = ["CallResults", "Ledger", "Row", "ask_reasoner", "ask_teacher", "call_key"]


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
    teacher: Teacher,
    requests: Sequence[TeacherRequest],
    ledger: Ledger,
    log: Log | None = None,
    budget: Budget | None = None,
) -> CallResults[TeacherAnswer]:
    """Return an answer for every request; only calls that the ledger does not know are made.

    `log` hears how it goes: a forecast from the first calls, then a line every few seconds.

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

    def recall(row: Row, request: TeacherRequest) -> TeacherAnswer:
        graph, status, reason = None, row["status"], row["reason"]
        if status == "ok":
            try:
                graph = teacher.read(row["response"], request)
            except GraphParseError as error:
                status, reason = "unparsable", str(error)
        return TeacherAnswer(request.passage_id, request.sample, graph, row["response"], status, reason, *_costs(row))

    def fail(request: TeacherRequest, reason: str) -> TeacherAnswer:
        return TeacherAnswer(request.passage_id, request.sample, None, "", "failed", reason)

    def lighten(answer: TeacherAnswer) -> TeacherAnswer:
        return replace(answer, raw="", request="")

    desk = CallRunner("teacher", teacher, requests, keys, _slot, _slot, lambda a: a.raw, recall, fail, lighten)
    return desk.ask(ledger, log, budget or Budget())


def ask_reasoner(
    reasoner: Reasoner,
    requests: Sequence[ReasoningRequest],
    ledger: Ledger,
    log: Log | None = None,
    budget: Budget | None = None,
) -> CallResults[ReasoningAnswer]:
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

    def lighten(answer: ReasoningAnswer) -> ReasoningAnswer:
        return replace(answer, request="")

    desk = CallRunner("reasoner", reasoner, requests, keys, slot, slot, lambda a: a.rationale, recall, fail, lighten)
    return desk.ask(ledger, log, budget or Budget())


def _slot(item: TeacherRequest | TeacherAnswer) -> tuple[str, int]:
    return item.passage_id, item.sample


def _evidence(request: ReasoningRequest) -> str:
    """Return the places of mentions and evidence: the same triples from other sentences need another rationale."""
    return repr([(e.text, e.mentions) for e in request.graph.entities] + [r.evidence for r in request.graph.relations])


def _costs(row: Row) -> tuple[int, int, float, float]:
    return row["prompt_tokens"], row["completion_tokens"], row["cost"], row["seconds"]
