"""How questions are asked and paid for, whoever is asked: looked up, asked in batches, jotted down, recorded.

An answer is jotted down as it comes and goes into the table with its batch. A process that is killed loses the answers
that had not reached it or were not jotted down at that moment: at most one for each call under way.
"""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Literal, Protocol, TypeVar, overload

from text2graph_dagster.errors import UserError
from text2graph_dagster.teachers.budget import Budget, CallTally, Forecast
from text2graph_dagster.teachers.protocol import ReasoningAnswer, ReasoningRequest, TeacherAnswer, TeacherRequest

Row = dict[str, Any]
Log = Callable[[str], object]
A = TypeVar("A", TeacherAnswer, ReasoningAnswer)
Q = TypeVar("Q", TeacherRequest, ReasoningRequest)
Item = TypeVar("Item")

BATCH = 4096  # requests handed to a teacher at once, and recorded at once
LOOK_UP = 32_768  # calls that the ledger is asked for at once
PREVIEW = 16  # the first calls, by which a run's tokens, cost and time are judged while it goes on
PREVIEW_SHARE = 0.25  # no preview where it would be more than this share of the calls
LOG_SECONDS = 5.0


class Ledger(Protocol):
    """Where calls are kept: rows of the table teacher_calls."""

    def known(self, keys: Sequence[str]) -> Mapping[str, Row]:
        """Return the recorded rows of those keys that are there, by key; they need not have `request`."""
        ...

    def append(self, row: Row) -> None:
        """Keep this row from being lost if the process is killed before it is recorded."""
        ...

    def record(self, rows: Sequence[Row]) -> None:
        """Keep these rows; when it returns they are safe, and so is what was jotted down."""
        ...


@dataclass(frozen=True, slots=True)
class CallResults(Generic[A]):
    """One answer per request, in their order, the call key of each, and how many calls were made for them.

    What only the ledger needs of an answer (its prompt, a teacher's raw text) is left there. `figures` are what was
    spent and by how much the forecast was wrong, by name.
    """

    answers: list[A]
    keys: list[str]
    made: int
    figures: dict[str, float]


class _Offer(Sequence[Item]):
    """Requests that are handed over one by one, for as long as the budget affords another call."""

    def __init__(self, requests: Sequence[Item], tally: CallTally) -> None:
        self._requests, self._tally = requests, tally
        self.broken_off = False

    def __iter__(self) -> Iterator[Item]:
        for request in self._requests:
            if not self._tally.affords_another():
                self.broken_off = True
                return
            self._tally.handed += 1
            yield request

    def __len__(self) -> int:
        return len(self._requests)

    @overload
    def __getitem__(self, at: int) -> Item: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Item]: ...
    def __getitem__(self, at: int | slice) -> Item | Sequence[Item]:
        return self._requests[at]


@dataclass(frozen=True)
class CallRunner(Generic[Q, A]):
    """The one way in which questions are asked, whoever is asked."""

    kind: Literal["teacher", "reasoner"]
    who: Any  # Teacher or Reasoner
    requests: Sequence[Q]
    keys: Sequence[str]
    request_slot: Callable[[Q], tuple[str, int]]
    answer_slot: Callable[[A], tuple[str, int]]
    response: Callable[[A], str]
    recall: Callable[[Row, Q], A]
    fail: Callable[[Q, str], A]
    lighten: Callable[[A], A]

    def ask(self, ledger: Ledger, log: Log | None, budget: Budget) -> CallResults[A]:
        """Return an answer for every request.

        Raises:
            UserError: the budget is spent, or whoever is asked cannot go on; what was answered is kept.
        """
        found, open_ = self.look_up(ledger)
        if len({self.request_slot(request) for request in open_.values()}) < len(open_):
            raise ValueError("two requests ask the same about one passage: give them different sample numbers")
        tally = CallTally(len(open_), time.monotonic(), len(self.requests) - len(open_), budget)
        early = _preview(open_)
        report = _Report(f"{self.kind} {self.who.name}", tally, log, set(early))
        order = {**dict.fromkeys(early), **open_}
        for part in _slices(list(order), BATCH):
            batch = {key: open_[key] for key in part}
            rows: list[Row] = []
            try:
                with closing(self.answers(batch, tally)) as answers:  # what is under way is called off before the rest
                    for key, answer in answers:
                        found[key] = self.lighten(answer)
                        if answer.status != "failed":
                            rows.append(self.row(key, answer))
                            if answer.request:  # what is asked of nobody outside is answered again for nothing
                                ledger.append(rows[-1])
                        report.take(key, answer.prompt_tokens + answer.completion_tokens, answer.cost)
            finally:  # whatever interrupts the run, what was answered is kept
                if rows:
                    ledger.record(rows)
        return CallResults([found[key] for key in self.keys], list(self.keys), len(open_), report.figures())

    def look_up(self, ledger: Ledger) -> tuple[dict[str, A], dict[str, Q]]:
        """Return the answers that the ledger knows, and the requests that are left, by key."""
        found: dict[str, A] = {}
        open_: dict[str, Q] = {}
        unique = dict(zip(self.keys, self.requests, strict=True))
        for part in _slices(list(unique), LOOK_UP):
            known = ledger.known(part)
            for key in part:
                if key in known:
                    found[key] = self.lighten(self.recall(known[key], unique[key]))
                else:
                    open_[key] = unique[key]
        return found, open_

    def answers(self, batch: Mapping[str, Q], tally: CallTally) -> Generator[tuple[str, A]]:
        """Yield exactly one answer per request, whatever the teacher does: trouble becomes a failed answer."""
        waiting = {self.request_slot(request): key for key, request in batch.items()}
        offer = _Offer(list(batch.values()), tally)
        reason = f"the {self.kind} gave no answer"
        try:
            for answer in self.who.answer(offer):
                key = waiting.pop(self.answer_slot(answer), None)
                if key is not None:
                    yield key, self.priced(answer, tally)
        except UserError:
            raise
        except Exception as error:  # a teacher is foreign code; the run goes on and the passage is quarantined
            reason = f"{type(error).__name__}: {error}"
        if offer.broken_off:
            raise UserError(tally.spent(self.kind))
        for key in waiting.values():
            yield key, self.priced(self.fail(batch[key], reason), tally)

    def priced(self, answer: A, tally: CallTally) -> A:
        """Return the answer with its cost, and take note of it."""
        cost = answer.cost or tally.budget.cost(answer.prompt_tokens, answer.completion_tokens)
        tokens = answer.prompt_tokens + answer.completion_tokens
        tally.add(failed=answer.status == "failed", tokens=tokens, cost=cost)
        return replace(answer, cost=cost)

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


@dataclass
class _Report:
    """Says how a run goes, and what it came to."""

    what: str
    tally: CallTally
    log: Log | None
    awaited: set[str]  # the keys of the preview that are not answered yet
    tokens: int = 0  # of the preview's calls
    cost: float = 0.0
    expected: Forecast | None = None
    said: float = field(default_factory=time.monotonic)

    def take(self, key: str, tokens: int, cost: float) -> None:
        """Take note of an answer; after the preview's last one judge by these what all will take."""
        now = time.monotonic()
        if key in self.awaited:
            self.awaited.remove(key)
            self.tokens += tokens
            self.cost += cost
            if not self.awaited and self.tokens:  # calls without tokens have nothing to judge by
                self.expected = Forecast.of(self.tally, PREVIEW, self.tokens, self.cost, now)
                self.say(self.expected.line(self.tally.budget))
        if now - self.said >= LOG_SECONDS:
            self.said = now
            self.say(self.tally.line(now))

    def figures(self) -> dict[str, float]:
        """Return what was spent and the forecast's errors."""
        now, tally = time.monotonic(), self.tally
        figures: dict[str, float] = {"calls_failed": tally.failed, "tokens": tally.tokens, "cost": tally.cost}
        if self.expected:
            self.say(tally.line(now))
            errors = self.expected.errors(tally, now)
            figures |= {f"{name}_beyond_forecast": round(error, 4) for name, error in errors.items()}
        return figures

    def say(self, text: str) -> None:
        if self.log:
            self.log(f"{self.what}: {text}")


def _preview(open_: Mapping[str, Q]) -> list[str]:
    """Return the keys of a few questions of every length, by which the others can be judged; none of too few."""
    keys = list(open_)
    if PREVIEW_SHARE * len(keys) < PREVIEW:
        return []
    by_length = sorted(keys, key=lambda key: len(open_[key].text))
    first = set(by_length[len(keys) // (2 * PREVIEW) :: len(keys) // PREVIEW][:PREVIEW])
    return [key for key in keys if key in first]


def _slices(keys: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for begin in range(0, len(keys), size):
        yield keys[begin : begin + size]
