"""From graphs to verified rationales: asked, judged, read blindly, and replaced where the settings say so."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from text2graph_dagster.reasoning.blind_reading import compare_blind, make_blind_request
from text2graph_dagster.reasoning.composed_reasoner import ComposedReasoner
from text2graph_dagster.reasoning.prose_verifier import verify_model_rationale
from text2graph_dagster.reasoning.verdict_cache import verify_rationales
from text2graph_dagster.reasoning.verifier import RationaleVerdict, verify_rationale
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
    """A rationale with its verdict. `rejected` is the one whose place it takes; `reasons` are then those against that.

    `reasons` of a rationale that is verified and took nobody's place are empty.
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
    """The traces in the requests' order, the answers that were none, how many calls were made, and what asking took."""

    traces: list[Trace]
    refused: list[ReasoningAnswer]
    new_calls: int
    figures: Mapping[str, float]

    def objections(self) -> Mapping[str, int]:
        """Return how often what was objected to, the most frequent first."""
        codes = (dict.fromkeys(reason.partition(":")[0] for reason in trace.reasons) for trace in self.traces)
        return dict(Counter(code for found in codes for code in found).most_common())


def collect_traces(
    author: Reasoner,
    requests: Sequence[ReasoningRequest],
    settings: ReasonerSettings,
    ask: AskReasoner,
    ask_blind: AskBlind | None = None,
    verdicts: Path | None = None,
) -> TraceResults:
    """Return a rationale of every request that was answered, with its verdict.

    What composes by rule is judged by the rule that reads it back; a model's rationale by that or, in free prose, by
    the tolerant one, and then, where there is one, by a blind reader. Verdicts by the rule stay in the folder
    `verdicts` for the next time.

    Raises:
        UserError: the reasoner or the blind reader cannot go on.
    """
    asked = ask(author, requests)
    by_rule, made = isinstance(author, ComposedReasoner), asked.new_calls
    rows = list(zip(requests, asked.answers, asked.keys, strict=True))
    given = [(request, key, answer.rationale) for request, answer, key in rows if answer.status == "ok"]
    refused = [answer for answer in asked.answers if answer.status != "ok"]
    judged = (
        verify_rationales([g[0] for g in given], [g[1] for g in given], [g[2] for g in given], verdicts)
        if by_rule
        else [verify_model_rationale(rationale, request, settings) for request, _, rationale in given]
    )
    traces = [
        Trace(request, rationale, verdict.verified, verdict.reasons, key, author.name)
        for (request, key, rationale), verdict in zip(given, judged, strict=True)
    ]
    if not by_rule:
        made += _read_blindly(traces, ask_blind, settings.blind_min_f1) if ask_blind else 0
        made += _compose_instead(traces, ask) if settings.fallback == "composed" else 0
    return TraceResults(traces, refused, made, asked.figures)


def _by_form(rationale: str, request: ReasoningRequest) -> RationaleVerdict:
    return verify_rationale(rationale, request.text, request.ontology, request.graph, request.language)


def _read_blindly(traces: list[Trace], ask: AskBlind, least_f1: float) -> int:
    """Reject the verified traces from which another graph is read; return how many calls that took."""
    places = [i for i, trace in enumerate(traces) if trace.verified]
    if not places:
        return 0
    asked = ask([make_blind_request(traces[i].request, traces[i].rationale) for i in places])
    for i, answer in zip(places, asked.answers, strict=True):
        request = traces[i].request
        if reasons := compare_blind(answer.graph, request.graph, request.ontology, least_f1):
            traces[i] = replace(traces[i], verified=False, reasons=tuple(reasons))
    return asked.new_calls


def _compose_instead(traces: list[Trace], ask: AskReasoner) -> int:
    """Put a composed rationale in the place of each rejected one; return how many calls that took."""
    places, author = [i for i, trace in enumerate(traces) if not trace.verified], ComposedReasoner()
    if not places:
        return 0
    asked = ask(author, [traces[i].request for i in places])
    for i, answer, key in zip(places, asked.answers, asked.keys, strict=True):
        old, verdict = traces[i], _by_form(answer.rationale, traces[i].request)
        reasons = (*old.reasons, *verdict.reasons)
        traces[i] = Trace(
            old.request, answer.rationale, verdict.verified, reasons, key, author.name, rejected=old.rationale
        )
    return asked.new_calls
