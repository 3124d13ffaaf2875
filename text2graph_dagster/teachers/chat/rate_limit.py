"""How many calls a server is given at once, and how long a call that failed waits before it is tried again."""

import email.utils
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

START = 4  # calls at once in the beginning
SPEED_UP = 1.1  # more calls at once must answer so much more per second, or the server is busy already
LONGEST_WAIT = 60.0  # seconds: a server that asks for more is asked again nevertheless
LONGEST_BACK_OFF = 30.0


@dataclass
class AdaptiveConcurrency:
    """The number of calls that one server is given at once: `limit`, between 1 and `most`.

    It doubles, and after the first overload grows by one, each time that `limit` calls were answered and the latency
    per token held: n times as many calls at once took clearly less than n times as long. An overload or a time-out
    halves it, once for all calls that were under way then. Moments are the caller's, in seconds.
    """

    most: int
    limit: int = 0
    _doubles: bool = True
    _since: float = float("-inf")  # when `limit` became what it is; calls asked before say nothing about it
    _count: int = 0
    _seconds: float = 0.0
    _tokens: int = 0
    _latency: dict[int, float] = field(default_factory=dict)  # seconds per token, by limit

    def __post_init__(self) -> None:
        """Begin low."""
        self.limit = self.limit or min(START, self.most)

    def answered(self, asked_at: float, now: float, tokens: int) -> None:
        """Take note of an answer of so many tokens (1 where the server does not say)."""
        if asked_at < self._since:
            return
        self._count += 1
        self._seconds += now - asked_at
        self._tokens += max(tokens, 1)
        if self._count < self.limit:
            return
        latency = self._seconds / self._tokens
        self._latency[self.limit] = latency
        if self._holds(latency):
            self._change(min(self.most, 2 * self.limit if self._doubles else self.limit + 1), now)
        else:
            self._doubles = False
        self._count, self._seconds, self._tokens = 0, 0.0, 0

    def overloaded(self, asked_at: float, now: float) -> None:
        """Take note of a call that met an overload or a time-out."""
        if asked_at < self._since:  # the limit has been lowered since, for the same crowd
            return
        self._doubles = False
        self._change(max(1, self.limit // 2), now)
        self._latency = {limit: latency for limit, latency in self._latency.items() if limit < self.limit}

    def begin_again(self, now: float) -> None:
        """Try a server that was away with one call."""
        self._doubles, self._latency = True, {}
        self._change(1, now)

    def _holds(self, latency: float) -> bool:
        """Tell whether the server answers clearly more per second than with half as many calls at once."""
        lower = [limit for limit in self._latency if limit <= self.limit / 2]
        if not lower:
            return True
        level = max(lower)
        return self.limit / latency >= SPEED_UP * level / self._latency[level]

    def _change(self, limit: int, now: float) -> None:
        if limit != self.limit:
            self.limit, self._since = limit, now
            self._count, self._seconds, self._tokens = 0, 0.0, 0


def draw_backoff(attempt: int, base: float, asked: float | None, chance: random.Random) -> float:
    """Return how many seconds to wait after the failed `attempt` (0 is the first), at random so that calls spread.

    A server that `asked` for a time gets at least that, up to LONGEST_WAIT; else the wait doubles from `base` on.
    """
    if asked is not None:
        return min(asked, LONGEST_WAIT) * chance.uniform(1.0, 1.1)
    return chance.uniform(0.5, 1.0) * min(LONGEST_BACK_OFF, base * 2.0**attempt)


def parse_retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return the seconds that a response's headers ask to wait, None where they ask for nothing readable."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        value = headers.get("retry-after")
        if value is None:
            return None
        if value.strip().isdigit():
            return float(value)
        moment = email.utils.parsedate_to_datetime(value).timestamp()
    except ValueError:
        return None
    return max(0.0, moment - (time.time() if now is None else now))
