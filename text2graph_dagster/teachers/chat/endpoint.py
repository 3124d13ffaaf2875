"""Asking a model behind OpenAI-compatible endpoints (vLLM, Ollama, hosted ones), many questions at a time.

One event loop asks; whoever iterates over the answers drives it. Questions are made when there is a place for them, so
memory does not grow with their number. Everything about trying again stands here: the client's own retries are off.
The key comes from the environment only, and is never part of an answer, a message or a parameter.
"""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Generic, TypeVar, cast
from urllib.parse import urlsplit

from text2graph_dagster.errors import UserError
from text2graph_dagster.teachers.chat.completion import Completion, read
from text2graph_dagster.teachers.chat.load_balancer import LoadBalancer, Server
from text2graph_dagster.teachers.chat.rate_limit import AdaptiveConcurrency, draw_backoff
from text2graph_dagster.teachers.chat.retry import FailureMonitor, FaultError, classify_error
from text2graph_dagster.teachers.protocol import Parameters

KEY_VARIABLE = "TEXT2GRAPH_API_KEY"
NO_KEY = "none"  # servers of one's own ask for no key, the client insists on one
TRIES_IN_VAIN = 3  # to reach servers of which none has ever answered: a wrong address is told soon

Item = TypeVar("Item")
_T = TypeVar("_T")
Result = tuple[Item, str, Completion]  # an item, its prompt, what came back


@dataclass(frozen=True)
class EndpointSettings:
    """Which model, where, and how it is asked."""

    base_url: str
    model: str
    temperature: float = 0.0
    max_tokens: int = 1024
    timeout_seconds: float = 120.0
    concurrency: int = 64  # at most; see pace.py
    retries: int = 8  # of a call that meets an overload or a fault: a minute's quota is over by then
    backoff_seconds: float = 0.5
    retry_max_tokens: int = 4096  # an answer that was cut off is asked once more with twice the budget, up to this
    more_base_urls: tuple[str, ...] = ()  # serve the same model and share the load
    label_similarity: float = 0.85  # how an answer's labels are read (teachers/chat/label_mapping.py); changes no call

    def parameters(self) -> Parameters:
        """Return what decides an answer: the model and how it decodes; not where it is served, nor how fast."""
        budgets = {"max_tokens": self.max_tokens, "retry_max_tokens": self.larger_budget}
        return {"model": self.model, "temperature": self.temperature, **budgets}

    @property
    def larger_budget(self) -> int:
        """Return the tokens that a second try may take; never fewer than the first."""
        return max(self.max_tokens, min(2 * self.max_tokens, self.retry_max_tokens))


@dataclass(frozen=True)
class ChatCall(Generic[Item]):
    """How an item becomes a question."""

    prompt: Callable[[Item], str]
    schema: Callable[[Item], Mapping[str, Any] | None]
    seed: Callable[[Item], int]


class Endpoint:
    """The chat completions of one model, served at one address or several.

    `look` is called after every fault that is tried again; what it raises ends the asking.

    Raises:
        UserError: the settings name no model or no http(s) address, or an address holds a password.
    """

    def __init__(self, settings: EndpointSettings, look: Callable[[], None] = lambda: None) -> None:
        if not settings.model:
            raise UserError("No model is named for the chat endpoint: set `model` to the name the endpoint serves.")
        urls = dict.fromkeys((settings.base_url, *settings.more_base_urls))
        for url in urls:
            check_address(url)
        self.settings, self._look = settings, look
        self._key = os.environ.get(KEY_VARIABLE) or NO_KEY
        self._chance = random.Random(0)  # spreads calls; nothing that is kept depends on it
        self._answered = False  # whether any server ever did
        servers = [Server(url, AdaptiveConcurrency(settings.concurrency)) for url in urls]
        self._servers = LoadBalancer(servers, settings.concurrency, time.monotonic)

    def complete_all(self, items: Iterable[Item], asking: ChatCall[Item]) -> Iterator[Result[Item]]:
        """Yield (item, its prompt, its completion) as they come; an item is taken when there is a place for it.

        Where an event loop runs already, as in a notebook, asking happens in a thread beside it.

        Raises:
            UserError: a server refuses the key or does not know the model, nobody can be reached, or call after call
                fails; nothing else would fare better.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._complete_all(items, asking)
        return iterate_in_thread(self._complete_all(items, asking))

    def _complete_all(self, items: Iterable[Item], asking: ChatCall[Item]) -> Generator[Result[Item], None, None]:
        results = self._results(items, asking)

        async def following() -> Result[Item] | None:
            return await anext(results, None)

        with asyncio.Runner() as runner:  # at its end, whatever the reason, what is under way is called off
            loop = runner.get_loop()  # `runner.run` would change the process's signal handlers for every answer
            while (result := loop.run_until_complete(following())) is not None:
                yield result

    async def _results(self, items: Iterable[Item], asking: ChatCall[Item]) -> AsyncIterator[Result[Item]]:
        source, watch = iter(items), FailureMonitor(", ".join(server.url for server in self._servers.servers))
        done: asyncio.Queue[asyncio.Task[Result[Item]]] = asyncio.Queue()
        tasks: set[asyncio.Task[Result[Item]]] = set()
        last: Completion | None = None
        self._open()
        try:
            while True:
                for item in islice(source, max(0, self._servers.places() - len(tasks))):
                    task = asyncio.create_task(self._ask(item, asking))
                    task.add_done_callback(done.put_nowait)
                    tasks.add(task)
                if not tasks:
                    break
                task = await done.get()
                tasks.discard(task)
                item, prompt, last = task.result()
                watch.see(last)
                yield item, prompt, last
            watch.end(last)
        except UserError:
            while not done.empty():  # what came at the same moment was paid for
                task = done.get_nowait()
                if task.exception() is None:
                    yield task.result()
            raise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for server in self._servers.servers:
                await server.client.close()

    def _open(self) -> None:
        for server in self._servers.servers:
            server.open(self._key)

    async def _ask(self, item: Item, asking: ChatCall[Item]) -> Result[Item]:
        """Return the answer to one item; one that was cut off or refused is asked for once more, with more room."""
        prompt, schema, seed = asking.prompt(item), asking.schema(item), asking.seed(item)
        first = await self._try(self._body(prompt, schema, seed, self.settings.max_tokens))
        if first.status not in ("unparsable", "refused") or (first.status == "unparsable" and self._no_more_room):
            return item, prompt, first
        # Another seed: with the same one a refusal would be repeated word for word.
        second = await self._try(self._body(prompt, schema, seed + 1_000_003, self.settings.larger_budget))
        best = first if second.status == "failed" else second
        sent, received = (
            first.prompt_tokens + second.prompt_tokens,
            first.completion_tokens + second.completion_tokens,
        )
        total = replace(best, prompt_tokens=sent, completion_tokens=received, seconds=first.seconds + second.seconds)
        return item, prompt, replace(total, reason=f"{total.reason}, also when asked again" if total.reason else "")

    @property
    def _no_more_room(self) -> bool:
        """Whether an answer that was cut off would come again as it was: the same budget, nothing left to chance."""
        return self.settings.larger_budget == self.settings.max_tokens and self.settings.temperature == 0

    def _body(self, prompt: str, schema: Mapping[str, Any] | None, seed: int, max_tokens: int) -> dict[str, Any]:
        body = {
            "model": self.settings.model,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": self.settings.temperature,
            "max_tokens": max_tokens,
            "seed": seed,
        }
        if schema is not None:
            form = {"name": "graph", "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        return body

    async def _try(self, body: Mapping[str, Any]) -> Completion:
        """Return the completion of one request, tried again after faults and overloads."""
        begun, settings = time.monotonic(), self.settings
        for attempt in range(settings.retries + 1):
            server = await self._servers.choose()
            server.in_flight += 1
            try:
                return await self._post(server, body)
            except FaultError as fault:
                final = fault
            finally:
                server.in_flight -= 1
            if not final.passes or (attempt >= TRIES_IN_VAIN - 1 and not final.reached and not self._answered):
                break
            if attempt < settings.retries:
                self._look()
                await asyncio.sleep(draw_backoff(attempt, settings.backoff_seconds, final.wait, self._chance))
        return Completion("", "failed", final.reason, seconds=time.monotonic() - begun, reached=final.reached)

    async def _post(self, server: Server, body: Mapping[str, Any]) -> Completion:
        """Return what one server answers, and let its pace know.

        Raises:
            UserError: the key or the model is wrong.
            FaultError: anything else that is no answer.
        """
        asked_at = time.monotonic()
        try:
            async with asyncio.timeout(self.settings.timeout_seconds):
                # `post` instead of `chat.completions.create`: the same request for half the CPU time
                response = await server.client.post("/chat/completions", body=body, cast_to=object)
            completion = read(response, time.monotonic() - asked_at)
        except Exception as error:
            fault = classify_error(error, server.url, self.settings.model, KEY_VARIABLE)
            now = time.monotonic()
            if fault.overload:
                server.concurrency.overloaded(asked_at, now)
            if fault.passes and fault.resting:
                server.failed(now)
            raise fault from None
        self._answered = True
        server.succeeded()
        server.concurrency.answered(asked_at, time.monotonic(), completion.completion_tokens)
        return self._masked(completion)

    def _masked(self, completion: Completion) -> Completion:
        """Return the completion without the key, should a server repeat it."""
        if self._key == NO_KEY or self._key not in f"{completion.text} {completion.reason}":
            return completion
        text, reason = completion.text.replace(self._key, "[key]"), completion.reason.replace(self._key, "[key]")
        return replace(completion, text=text, reason=reason)


def check_address(url: str) -> None:
    """Refuse an address that cannot work, without repeating a password in it.

    Raises:
        UserError: it is no http(s) address, or holds a password.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # half an IPv6 address
        raise UserError("A base_url is no http(s) address: set it as in http://127.0.0.1:8000/v1.") from None
    if parts.username or parts.password or parts.query:
        raise UserError(f"A base_url holds a password or a query: take it out, and set {KEY_VARIABLE} instead.")
    if parts.scheme not in ("http", "https"):
        raise UserError(f"{url!r} is no http(s) address: set `base_url`, as in http://127.0.0.1:8000/v1.")


def iterate_in_thread(generator: Generator[_T, None, None]) -> Iterator[_T]:
    """Yield what a generator yields, which is driven, and ended, in a thread of its own."""
    end = object()
    with ThreadPoolExecutor(1) as thread:
        try:
            while (item := thread.submit(next, generator, end).result()) is not end:
                yield cast(_T, item)
        finally:
            thread.submit(generator.close).result()
