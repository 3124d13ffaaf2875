"""Make verified rationales: write, verify, check by blind reading, and replace the rejected ones."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from text2graph_dagster.reasoning.blind_reading import compare_blind, make_blind_request
from text2graph_dagster.reasoning.composed_reasoner import ComposedReasoner
from text2graph_dagster.reasoning.prose_verifier import verify_model_rationale
from text2graph_dagster.reasoning.verdict_cache import verify_rationales
from text2graph_dagster.reasoning.verifier import verify_rationale
from text2graph_dagster.settings import ReasonerSettings
from text2graph_dagster.teachers.ledger import CallResults
from text2graph_dagster.teachers.protocol import (
    Reasoner,
    ReasoningAnswer,
    ReasoningRequest,
    TeacherAnswer,
    TeacherRequest,
)

AskReasoner = Callable[[Reasoner, Sequence[ReasoningRequest]], CallResults[ReasoningAnswer]]
AskBlind = Callable[[Sequence[TeacherRequest]], CallResults[TeacherAnswer]]


@dataclass(frozen=True, slots=True)
class Trace:
    """A rationale with its verdict.

    `reasons` are the objections to the rationale. If it replaces a rejected rationale, `rejected` is the replaced text,
    and `reasons` are the objections to both.
    """

    request: ReasoningRequest
    rationale: str
    verified: bool
    reasons: tuple[str, ...]
    call_key: str
    author: str
    rejected: str | None = None


@dataclass(frozen=True, slots=True)
class TraceResults:
    """Traces in the order of the requests, answers without a rationale, the number of new calls, metrics by name."""

    traces: list[Trace]
    refused: list[ReasoningAnswer]
    new_calls: int
    figures: Mapping[str, float]

    def count_objections(self) -> Mapping[str, int]:
        """Return {objection: number of traces with it}, the most frequent first."""
        codes = (dict.fromkeys(reason.partition(":")[0] for reason in trace.reasons) for trace in self.traces)
        return dict(Counter(code for found in codes for code in found).most_common())


def collect_traces(
    author: Reasoner,
    requests: Sequence[ReasoningRequest],
    settings: ReasonerSettings,
    ask: AskReasoner,
    ask_blind: AskBlind | None = None,
    cache: Path | None = None,
) -> TraceResults:
    """Return a rationale, with its verdict, for every request that was answered.

    Composed rationales are verified in composed form, with verdicts cached in the folder `cache`. A model's rationale
    is verified in composed form or as free prose. If it passes and `ask_blind` is given, a blind reading follows.

    Raises:
        UserError: the reasoner or the blind reader cannot continue.
    """
    results = ask(author, requests)
    is_composed, new_calls = isinstance(author, ComposedReasoner), results.new_calls
    rows = list(zip(requests, results.answers, results.keys, strict=True))
    answered = [(request, key, answer.rationale) for request, answer, key in rows if answer.status == "ok"]
    refused = [answer for answer in results.answers if answer.status != "ok"]
    verdicts = (
        verify_rationales([a[0] for a in answered], [a[1] for a in answered], [a[2] for a in answered], cache)
        if is_composed
        else [verify_model_rationale(rationale, request, settings) for request, _, rationale in answered]
    )
    traces = [
        Trace(request, rationale, verdict.verified, verdict.reasons, key, author.name)
        for (request, key, rationale), verdict in zip(answered, verdicts, strict=True)
    ]
    if not is_composed:
        new_calls += _read_blindly(traces, ask_blind, settings.blind_min_f1) if ask_blind else 0
        new_calls += _replace_rejected(traces, ask) if settings.fallback == "composed" else 0
    return TraceResults(traces, refused, new_calls, results.figures)


def _read_blindly(traces: list[Trace], ask: AskBlind, min_f1: float) -> int:
    """Reject the verified traces from which another graph is extracted; return the number of new calls."""
    numbers = [i for i, trace in enumerate(traces) if trace.verified]
    if not numbers:
        return 0
    results = ask([make_blind_request(traces[i].request, traces[i].rationale) for i in numbers])
    for i, answer in zip(numbers, results.answers, strict=True):
        request = traces[i].request
        if reasons := compare_blind(answer.graph, request.graph, request.ontology, min_f1):
            traces[i] = replace(traces[i], verified=False, reasons=tuple(reasons))
    return results.new_calls


def _replace_rejected(traces: list[Trace], ask: AskReasoner) -> int:
    """Replace each rejected rationale by a composed one; return the number of new calls."""
    numbers, author = [i for i, trace in enumerate(traces) if not trace.verified], ComposedReasoner()
    if not numbers:
        return 0
    results = ask(author, [traces[i].request for i in numbers])
    for i, answer, key in zip(numbers, results.answers, results.keys, strict=True):
        old, request = traces[i], traces[i].request
        verdict = verify_rationale(answer.rationale, request.text, request.ontology, request.graph, request.language)
        reasons = (*old.reasons, *verdict.reasons)
        traces[i] = Trace(request, answer.rationale, verdict.verified, reasons, key, author.name, old.rationale)
    return results.new_calls
