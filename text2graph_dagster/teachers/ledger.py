"""Make every call to a teacher or reasoner once: reuse recorded answers, make and record the other calls.

A call's key is a digest of everything that its answer depends on. After a re-run, a crash or a new document, only calls
without a recorded answer are made. A call with status "failed" (no answer) is not recorded: the next run repeats it.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from text2graph_dagster.graph.parsing import GraphParseError
from text2graph_dagster.identity import digest, digest_json
from text2graph_dagster.teachers.budget import Budget
from text2graph_dagster.teachers.call_runner import A, CallResults, CallRunner, Ledger, Log, Q, Row
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
    content_digest: str,
    sample: int,
) -> str:
    """Return the key of a call; `content_digest` is the digest of the request's content."""
    return digest(kind, name, digest_json(parameters), prompt_version, ontology_digest, content_digest, str(sample))


def ask_teacher(
    teacher: Teacher,
    requests: Sequence[TeacherRequest],
    ledger: Ledger,
    log: Log | None = None,
    budget: Budget | None = None,
) -> CallResults[TeacherAnswer]:
    """Return an answer for every request; only calls that are not in the ledger are made.

    `log` receives a forecast after the first calls, then a progress line every few seconds.

    Raises:
        UserError: the teacher cannot continue, because its budget is spent or its configuration is wrong.
    """

    def restore(row: Row, request: TeacherRequest) -> TeacherAnswer:
        graph, status, reason = None, row["status"], row["reason"]
        if status == "ok":
            try:
                graph = teacher.read(row["response"], request)
            except GraphParseError as error:
                status, reason = "unparsable", str(error)
        return TeacherAnswer(request.passage_id, request.sample, graph, row["response"], status, reason, *_usage(row))

    def fail(request: TeacherRequest, reason: str) -> TeacherAnswer:
        return TeacherAnswer(request.passage_id, request.sample, None, "", "failed", reason)

    return _make_runner("teacher", teacher, requests, restore, fail).run(ledger, log, budget or Budget())


def ask_reasoner(
    reasoner: Reasoner,
    requests: Sequence[ReasoningRequest],
    ledger: Ledger,
    log: Log | None = None,
    budget: Budget | None = None,
) -> CallResults[ReasoningAnswer]:
    """Return a rationale for every request, in the same way as `ask_teacher`.

    Raises:
        UserError: the reasoner cannot continue.
    """

    def restore(row: Row, request: ReasoningRequest) -> ReasoningAnswer:
        return ReasoningAnswer(request.passage_id, row["response"], row["status"], row["reason"], *_usage(row))

    def fail(request: ReasoningRequest, reason: str) -> ReasoningAnswer:
        return ReasoningAnswer(request.passage_id, "", "failed", reason)

    return _make_runner("reasoner", reasoner, requests, restore, fail).run(ledger, log, budget or Budget())


def _make_runner(
    kind: Literal["teacher", "reasoner"],
    author: Any,  # Teacher or Reasoner
    requests: Sequence[Q],
    restore: Callable[[Row, Q], A],
    fail: Callable[[Q, str], A],
) -> CallRunner[Q, A]:
    """Return the runner of these calls, each with its key."""
    name, parameters, version = author.name, author.parameters(), author.prompt_version
    keys = [call_key(kind, name, parameters, version, r.ontology.digest, r.content_digest, r.sample) for r in requests]
    return CallRunner(kind, author, requests, keys, restore, fail)


def _usage(row: Row) -> tuple[int, int, float, float]:
    return row["prompt_tokens"], row["completion_tokens"], row["cost"], row["seconds"]
