"""Adaptive limit on the concurrent calls to one server."""

from dataclasses import dataclass, field

START = 4  # concurrent calls in the beginning
MIN_SPEED_UP = 1.1  # minimum throughput relative to half as many calls; below it, the server is saturated


@dataclass
class AdaptiveConcurrency:
    """The number of concurrent calls of one server: `limit`, between 1 and `max_limit`.

    After every `limit` answers, the limit doubles; after the first overload or saturation, it grows by one instead. It
    grows only if throughput rises: n times as many concurrent calls must take clearly less than n times as long. An
    overload or a timeout halves the limit, once for all calls in flight at that time. The caller passes all times, in
    seconds.
    """

    max_limit: int
    limit: int = 0
    _doubles: bool = True
    _since: float = float("-inf")  # time of the last change of `limit`; earlier calls are ignored
    _count: int = 0
    _seconds: float = 0.0
    _tokens: int = 0
    _latency: dict[int, float] = field(default_factory=dict)  # seconds per token, by limit

    def __post_init__(self) -> None:
        """Begin with a low limit."""
        self.limit = self.limit or min(START, self.max_limit)

    def record_answer(self, asked_at: float, now: float, tokens: int) -> None:
        """Count an answer and its tokens (counted as 1 if the server does not report them)."""
        if asked_at < self._since:
            return
        self._count += 1
        self._seconds += now - asked_at
        self._tokens += max(tokens, 1)
        if self._count < self.limit:
            return
        latency = self._seconds / self._tokens
        self._latency[self.limit] = latency
        if self._scales(latency):
            self._set_limit(min(self.max_limit, 2 * self.limit if self._doubles else self.limit + 1), now)
        else:
            self._doubles = False
        self._count, self._seconds, self._tokens = 0, 0.0, 0

    def record_overload(self, asked_at: float, now: float) -> None:
        """Lower the limit after a call that ended with an overload or a timeout."""
        if asked_at < self._since:  # the limit has already been lowered for the calls of that time
            return
        self._doubles = False
        self._set_limit(max(1, self.limit // 2), now)
        self._latency = {limit: latency for limit, latency in self._latency.items() if limit < self.limit}

    def restart(self, now: float) -> None:
        """Start again with one concurrent call, because the server failed repeatedly."""
        self._doubles, self._latency = True, {}
        self._set_limit(1, now)

    def _scales(self, latency: float) -> bool:
        """Tell whether throughput is clearly higher than with half as many concurrent calls."""
        lower = [limit for limit in self._latency if limit <= self.limit / 2]
        if not lower:
            return True
        level = max(lower)
        return self.limit / latency >= MIN_SPEED_UP * level / self._latency[level]

    def _set_limit(self, limit: int, now: float) -> None:
        if limit != self.limit:
            self.limit, self._since = limit, now
            self._count, self._seconds, self._tokens = 0, 0.0, 0
