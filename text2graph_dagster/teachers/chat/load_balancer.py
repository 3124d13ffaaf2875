"""Distribute the calls to one model over its servers: the least loaded one is called, a failing one rests."""

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from text2graph_dagster.teachers.chat.rate_limit import AdaptiveConcurrency

FAILURES_BEFORE_REST = 3  # in a row
FIRST_REST, MAX_REST = 1.0, 60.0  # seconds
CONNECT_SECONDS = 10.0


@dataclass
class Server:
    """One address and its state."""

    url: str
    concurrency: AdaptiveConcurrency
    client: Any = None  # an openai.AsyncOpenAI, created anew for every event loop
    in_flight: int = 0
    failures: int = 0  # in a row
    rests_until: float = float("-inf")

    def open(self, key: str) -> None:
        """Create a client for the current event loop; proxies of the environment are not used for local addresses."""
        import openai  # imported here: it takes most of a second, and the local profile never needs it

        self.in_flight = 0
        self.client = openai.AsyncOpenAI(
            base_url=self.url,
            api_key=key,
            timeout=openai.Timeout(None, connect=CONNECT_SECONDS),  # endpoint.py limits the whole call
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(trust_env=False) if is_local(self.url) else None,
        )

    def record_success(self) -> None:
        """Reset the failure count."""
        self.failures = 0

    def record_failure(self, now: float) -> None:
        """Count a failure; after several in a row, the server rests, longer each time."""
        self.failures += 1
        if self.failures >= FAILURES_BEFORE_REST and self.rests_until <= now:
            rest = min(MAX_REST, FIRST_REST * 2.0 ** (self.failures - FAILURES_BEFORE_REST))
            self.rests_until = now + rest
            self.concurrency.restart(now)

    @property
    def load(self) -> float:
        """Calls in flight as a share of the limit."""
        return self.in_flight / self.concurrency.limit


@dataclass(frozen=True)
class LoadBalancer:
    """All servers of one model, with at most `max_calls` calls in flight in total."""

    servers: Sequence[Server]
    max_calls: int
    clock: Callable[[], float]

    def capacity(self) -> int:
        """Return how many calls may be in flight now."""
        now = self.clock()
        return max(1, min(self.max_calls, sum(s.concurrency.limit for s in self.servers if s.rests_until <= now)))

    async def choose(self) -> Server:
        """Return the least loaded server that is not resting; wait if all are resting."""
        while True:
            now = self.clock()
            awake = [server for server in self.servers if server.rests_until <= now]
            if awake:
                return min(awake, key=lambda server: (server.load, server.failures))
            await asyncio.sleep(max(0.01, min(server.rests_until for server in self.servers) - now))


def is_local(url: str) -> bool:
    """Tell whether an address names this machine, by name or number; no DNS lookup is made."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
