"""The servers that share the load of one model: the least loaded is asked first, one that fails is rested."""

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from text2graph_dagster.teachers.chat.rate_limit import AdaptiveConcurrency

FAILURES_BEFORE_REST = 3  # in a row
FIRST_REST, LONGEST_REST = 1.0, 60.0  # seconds
CONNECT_SECONDS = 10.0


@dataclass
class Server:
    """One address and how it has been doing."""

    url: str
    concurrency: AdaptiveConcurrency
    client: Any = None  # an openai.AsyncOpenAI, made anew for every event loop
    in_flight: int = 0
    failures: int = 0  # in a row
    rests_until: float = float("-inf")

    def open(self, key: str) -> None:
        """Make a client for the present event loop; a proxy that the environment names is for other machines."""
        import openai  # here, because it takes most of a second and the local profile never needs it

        self.in_flight = 0
        self.client = openai.AsyncOpenAI(
            base_url=self.url,
            api_key=key,
            timeout=openai.Timeout(None, connect=CONNECT_SECONDS),  # the whole call has its own, in endpoint.py
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(trust_env=False) if is_local(self.url) else None,
        )

    def succeeded(self) -> None:
        """Take note that it answered."""
        self.failures = 0

    def failed(self, now: float) -> None:
        """Take note of a fault; several in a row, and it is left alone for a while, longer each time."""
        self.failures += 1
        if self.failures >= FAILURES_BEFORE_REST and self.rests_until <= now:
            rest = min(LONGEST_REST, FIRST_REST * 2.0 ** (self.failures - FAILURES_BEFORE_REST))
            self.rests_until = now + rest
            self.concurrency.begin_again(now)

    @property
    def load(self) -> float:
        """Return the share of its places that are taken."""
        return self.in_flight / self.concurrency.limit


@dataclass(frozen=True)
class LoadBalancer:
    """All servers of one model; at most `most` calls are under way at once."""

    servers: Sequence[Server]
    most: int
    clock: Callable[[], float]

    def places(self) -> int:
        """Return how many calls may be under way at once."""
        now = self.clock()
        return max(1, min(self.most, sum(s.concurrency.limit for s in self.servers if s.rests_until <= now)))

    async def choose(self) -> Server:
        """Return the least loaded server that is not resting, as soon as there is one."""
        while True:
            now = self.clock()
            awake = [server for server in self.servers if server.rests_until <= now]
            if awake:
                return min(awake, key=lambda server: (server.load, server.failures))
            await asyncio.sleep(max(0.01, min(server.rests_until for server in self.servers) - now))


def is_local(url: str) -> bool:
    """Tell whether an address is this machine's own, by its name or number; nothing is looked up."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
