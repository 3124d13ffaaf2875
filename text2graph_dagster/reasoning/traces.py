"""From graphs to verified rationales: asked, judged, read blindly, and replaced where the settings say so."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from text2graph_dagster.progress import Progress
from text2graph_dagster.reasoning.blind import blind_request, compare_blind
from text2graph_dagster.reasoning.compose import ComposedReasoner
from text2graph_dagster.reasoning.prose import judge
from text2graph_dagster.reasoning.verify import Verdict, verify
from text2graph_dagster.settings import ReasonerSettings
from text2graph_dagster.teachers.ledger import Ledger, ask_reasoner, ask_teacher
from text2graph_dagster.teachers.protocol import Reasoner, ReasoningAnswer, ReasoningRequest, Teacher

Around = Callable[[Reasoner | Teacher], AbstractContextManager[object]]


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
class Traced:
    """The traces in the requests' order, the answers that were none, and how many calls were made."""

    traces: list[Trace]
    refused: list[ReasoningAnswer]
    made: int

    def objections(self) -> Mapping[str, int]:
        """Return how often what was objected to, the most frequent first."""
        codes = (dict.fromkeys(reason.partition(":")[0] for reason in trace.reasons) for trace in self.traces)
        return dict(Counter(code for found in codes for code in found).most_common())


def trace_all(
    author: Reasoner,
    requests: Sequence[ReasoningRequest],
    settings: ReasonerSettings,
    ledger: Ledger,
    blind: Teacher | None = None,
    progress: Progress | None = None,
    around: Around = nullcontext,
) -> Traced:
    """Return a rationale of every request that was answered, with its verdict.

    What composes by rule is judged by the rule that reads it back; a model's rationale by that or, in free prose, by
    the tolerant one, and then by `blind`. Whoever is asked is asked inside `around(it)`.

    Raises:
        UserError: the reasoner or the teacher cannot go on.
    """
    with around(author):
        asked = ask_reasoner(author, requests, ledger, progress)
    composed = isinstance(author, ComposedReasoner)
    traces, refused, made = [], [], asked.made
    for request, answer, key in zip(requests, asked.answers, asked.keys, strict=True):
        if answer.status != "ok":
            refused.append(answer)
            continue
        verdict = _by_form(answer.rationale, request) if composed else judge(answer.rationale, request, settings)
        traces.append(Trace(request, answer.rationale, verdict.verified, verdict.reasons, key, author.name))
    if blind and any(trace.verified for trace in traces) and not composed:
        with around(blind):
            made += _read_blindly(traces, blind, settings.blind_least_f1, ledger, progress)
    if settings.fallback == "composed" and not all(trace.verified for trace in traces) and not composed:
        made += _compose_instead(traces, ledger)
    return Traced(traces, refused, made)


def _by_form(rationale: str, request: ReasoningRequest) -> Verdict:
    return verify(rationale, request.text, request.ontology, request.graph, request.language)


def _read_blindly(
    traces: list[Trace], blind: Teacher, least_f1: float, ledger: Ledger, progress: Progress | None
) -> int:
    """Reject the verified traces from which `blind` reads another graph; return how many calls that took."""
    places = [i for i, trace in enumerate(traces) if trace.verified]
    asked = ask_teacher(
        blind, [blind_request(traces[i].request, traces[i].rationale) for i in places], ledger, progress
    )
    for i, answer in zip(places, asked.answers, strict=True):
        request = traces[i].request
        if reasons := compare_blind(answer.graph, request.graph, request.ontology, least_f1):
            traces[i] = replace(traces[i], verified=False, reasons=tuple(reasons))
    return asked.made


def _compose_instead(traces: list[Trace], ledger: Ledger) -> int:
    """Put a composed rationale in the place of each rejected one; return how many calls that took."""
    places = [i for i, trace in enumerate(traces) if not trace.verified]
    author = ComposedReasoner()
    asked = ask_reasoner(author, [traces[i].request for i in places], ledger)
    for i, answer, key in zip(places, asked.answers, asked.keys, strict=True):
        old, verdict = traces[i], _by_form(answer.rationale, traces[i].request)
        reasons = (*old.reasons, *verdict.reasons)
        traces[i] = Trace(
            old.request, answer.rationale, verdict.verified, reasons, key, author.name, rejected=old.rationale
        )
    return asked.made
