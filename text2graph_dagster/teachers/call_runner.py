"""Run the calls of a teacher or reasoner: look up recorded answers, make the other calls in batches, record answers.

Each answer is appended to the journal as it arrives, and written to the ledger's table with its batch. If the process
is killed, at most one answer per call in flight is lost.
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

BATCH = 4096  # requests per call of `answer`; their answers are written to the table together
LOOK_UP = 32_768  # keys looked up in the ledger at once
PREVIEW = 16  # number of first calls, from which a run's tokens, cost and time are forecast
PREVIEW_SHARE = 0.25  # no preview if it would be more than this share of the calls
LOG_SECONDS = 5.0


class Ledger(Protocol):
    """Storage of calls: rows of the table teacher_calls."""

    def known(self, keys: Sequence[str]) -> Mapping[str, Row]:
        """Return the rows recorded for any of these keys, by key; a row may lack `request`."""
        ...

    def append(self, row: Row) -> None:
        """Save one row so that it survives if the process is killed before `record`."""
        ...

    def record(self, rows: Sequence[Row]) -> None:
        """Store rows in the table. When this returns, these rows and all appended rows are durable."""
        ...


@dataclass(frozen=True, slots=True)
class CallResults(Generic[A]):
    """One answer per request, in the order of the requests; the key of each call; the number of new calls.

    Prompts and raw answers are removed from the answers, because only the ledger needs them. `figures` are metrics of
    the run by name: failed calls, tokens, cost, and the errors of the forecast.
    """

    answers: list[A]
    keys: list[str]
    new_calls: int
    figures: dict[str, float]


class _BudgetedRequests(Sequence[Item]):
    """Requests that are iterated one by one, until the budget does not cover another call."""

    def __init__(self, requests: Sequence[Item], tally: CallTally) -> None:
        self._requests, self._tally = requests, tally
        self.stopped = False

    def __iter__(self) -> Iterator[Item]:
        for request in self._requests:
            if not self._tally.affords_another():
                self.stopped = True
                return
            self._tally.started += 1
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
    """Runs the calls of one teacher or reasoner.

    Args:
        author: the teacher or reasoner.
        keys: the call key of each request.
        restore: builds an answer from a recorded row and its request.
        fail: builds the failed answer of a request that was not answered, from the reason.
    """

    kind: Literal["teacher", "reasoner"]
    author: Any
    requests: Sequence[Q]
    keys: Sequence[str]
    restore: Callable[[Row, Q], A]
    fail: Callable[[Q, str], A]

    def run(self, ledger: Ledger, log: Log | None, budget: Budget) -> CallResults[A]:
        """Return an answer for every request.

        Raises:
            UserError: the budget is spent, or the teacher or reasoner cannot continue. Received answers are recorded.
            ValueError: two different requests have the same passage id and sample number.
        """
        found, open_ = self._look_up(ledger)
        if len({_slot(request) for request in open_.values()}) < len(open_):
            raise ValueError("two requests ask about the same passage: give them different sample numbers")
        tally = CallTally(len(open_), time.monotonic(), len(self.requests) - len(open_), budget)
        preview = _choose_preview(open_)
        progress = _Progress(f"{self.kind} {self.author.name}", tally, log, set(preview))
        order = {**dict.fromkeys(preview), **open_}
        for part in _slices(list(order), BATCH):
            batch = {key: open_[key] for key in part}
            rows: list[Row] = []
            try:
                with closing(self._ask(batch, tally)) as answers:  # cancels calls in flight before rows are recorded
                    for key, answer in answers:
                        found[key] = answer.without_texts()
                        if answer.status != "failed":
                            rows.append(self._row(key, answer))
                            if answer.request:  # a call without a prompt costs nothing to repeat
                                ledger.append(rows[-1])
                        progress.update(key, answer.prompt_tokens + answer.completion_tokens, answer.cost)
            finally:  # received answers are kept, also after an exception
                if rows:
                    ledger.record(rows)
        return CallResults([found[key] for key in self.keys], list(self.keys), len(open_), progress.figures())

    def _look_up(self, ledger: Ledger) -> tuple[dict[str, A], dict[str, Q]]:
        """Return (answers found in the ledger, requests that are not in the ledger), both by key."""
        found: dict[str, A] = {}
        open_: dict[str, Q] = {}
        unique = dict(zip(self.keys, self.requests, strict=True))
        for part in _slices(list(unique), LOOK_UP):
            known = ledger.known(part)
            for key in part:
                if key in known:
                    found[key] = self.restore(known[key], unique[key]).without_texts()
                else:
                    open_[key] = unique[key]
        return found, open_

    def _ask(self, batch: Mapping[str, Q], tally: CallTally) -> Generator[tuple[str, A]]:
        """Yield (key, answer) exactly once per request.

        If the author raises an exception other than UserError, all requests without an answer fail.
        """
        waiting = {_slot(request): key for key, request in batch.items()}
        requests = _BudgetedRequests(list(batch.values()), tally)
        reason = f"the {self.kind} gave no answer"
        try:
            for answer in self.author.answer(requests):
                key = waiting.pop(_slot(answer), None)
                if key is not None:
                    yield key, self._add_cost(answer, tally)
        except UserError:
            raise
        except Exception as error:  # of a teacher's code: the run continues, and the passages are quarantined
            reason = f"{type(error).__name__}: {error}"
        if requests.stopped:
            raise UserError(tally.describe_spent(self.kind))
        for key in waiting.values():
            yield key, self._add_cost(self.fail(batch[key], reason), tally)

    def _add_cost(self, answer: A, tally: CallTally) -> A:
        """Return the answer with its cost, and add it to the tally."""
        cost = answer.cost or tally.budget.cost(answer.prompt_tokens, answer.completion_tokens)
        tokens = answer.prompt_tokens + answer.completion_tokens
        tally.add(failed=answer.status == "failed", tokens=tokens, cost=cost)
        return replace(answer, cost=cost)

    def _row(self, key: str, answer: A) -> Row:
        """Return the ledger's row for an answer."""
        return {
            "call_key": key,
            "kind": self.kind,
            "teacher": self.author.name,
            "prompt_version": self.author.prompt_version,
            "passage_id": answer.passage_id,
            "request": answer.request,
            "response": answer.response,
            "status": answer.status,
            "reason": answer.reason,
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.completion_tokens,
            "cost": answer.cost,
            "seconds": answer.seconds,
        }


@dataclass
class _Progress:
    """Logs a run's progress, and makes its forecast once the preview's calls are answered."""

    label: str
    tally: CallTally
    log: Log | None
    awaited: set[str]  # keys of the preview that are not answered yet
    tokens: int = 0  # of the preview's calls
    cost: float = 0.0
    forecast: Forecast | None = None
    logged_at: float = field(default_factory=time.monotonic)

    def update(self, key: str, tokens: int, cost: float) -> None:
        """Count an answer. After the last answer of the preview, make the forecast."""
        now = time.monotonic()
        if key in self.awaited:
            self.awaited.remove(key)
            self.tokens += tokens
            self.cost += cost
            if not self.awaited and self.tokens:  # without tokens there is nothing to forecast
                self.forecast = Forecast.of(self.tally, PREVIEW, self.tokens, self.cost, now)
                self._write(self.forecast.line(self.tally.budget))
        if now - self.logged_at >= LOG_SECONDS:
            self.logged_at = now
            self._write(self.tally.line(now))

    def figures(self) -> dict[str, float]:
        """Return the failed calls, the tokens and cost spent, and the forecast's relative errors."""
        now, tally = time.monotonic(), self.tally
        figures: dict[str, float] = {"calls_failed": tally.failed, "tokens": tally.tokens, "cost": tally.cost}
        if self.forecast:
            self._write(tally.line(now))
            errors = self.forecast.errors(tally, now)
            figures |= {f"{name}_beyond_forecast": round(error, 4) for name, error in errors.items()}
        return figures

    def _write(self, text: str) -> None:
        if self.log:
            self.log(f"{self.label}: {text}")


def _slot(item: TeacherRequest | TeacherAnswer | ReasoningRequest | ReasoningAnswer) -> tuple[str, int]:
    """Return passage id and sample number, by which an answer is matched to its request."""
    return item.passage_id, item.sample


def _choose_preview(open_: Mapping[str, Q]) -> list[str]:
    """Return the keys of PREVIEW requests spread over all lengths; none if there are too few requests."""
    keys = list(open_)
    if PREVIEW_SHARE * len(keys) < PREVIEW:
        return []
    by_length = sorted(keys, key=lambda key: len(open_[key].text))
    first = set(by_length[len(keys) // (2 * PREVIEW) :: len(keys) // PREVIEW][:PREVIEW])
    return [key for key in keys if key in first]


def _slices(keys: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for begin in range(0, len(keys), size):
        yield keys[begin : begin + size]
