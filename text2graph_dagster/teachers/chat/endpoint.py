"""Client of OpenAI-compatible chat endpoints with many concurrent calls.

All calls run in one event loop, which runs while the caller iterates over the answers. A prompt is rendered only when
its call can start, so memory does not grow with the number of prompts. All retries are made here; the retries of the
openai client are disabled. The API key is read from the environment only, and is never part of an answer, a message or
a parameter.
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
from text2graph_dagster.teachers.chat.completion import Completion, read_completion
from text2graph_dagster.teachers.chat.load_balancer import LoadBalancer, Server
from text2graph_dagster.teachers.chat.rate_limit import AdaptiveConcurrency
from text2graph_dagster.teachers.chat.retry import FailureMonitor, FaultError, classify_error, draw_backoff
from text2graph_dagster.teachers.protocol import Parameters

KEY_VARIABLE = "TEXT2GRAPH_API_KEY"
NO_KEY = "none"  # local servers need no key, but the client insists on one
MAX_UNREACHED_TRIES = 3  # per call while no server has answered yet, so that a wrong address fails early
SECOND_SEED_OFFSET = 1_000_003

Item = TypeVar("Item")
_T = TypeVar("_T")
Result = tuple[Item, str, Completion]  # an item, its prompt, its completion


@dataclass(frozen=True)
class EndpointSettings:
    """The model, its addresses, and how it is called."""

    base_url: str
    model: str
    temperature: float = 0.0
    max_tokens: int = 1024
    timeout_seconds: float = 120.0
    concurrency: int = 64  # upper limit; see rate_limit.py
    retries: int = 8  # per call, after overloads and faults; enough to outlast a quota per minute
    backoff_seconds: float = 0.5
    retry_max_tokens: int = 4096  # a truncated call is repeated with twice max_tokens, up to this
    more_base_urls: tuple[str, ...] = ()  # addresses that serve the same model and share the load
    label_similarity: float = 0.85  # threshold of label_mapping.py; not part of the call key

    def parameters(self) -> Parameters:
        """Return what determines an answer: the model and its decoding settings, but no addresses or limits."""
        budgets = {"max_tokens": self.max_tokens, "retry_max_tokens": self.larger_budget}
        return {"model": self.model, "temperature": self.temperature, **budgets}

    @property
    def larger_budget(self) -> int:
        """Token limit of the second try; at least the limit of the first try."""
        return max(self.max_tokens, min(2 * self.max_tokens, self.retry_max_tokens))


@dataclass(frozen=True)
class ChatCall(Generic[Item]):
    """Functions that return an item's prompt, the JSON schema of its answer (None: free text), and its seed."""

    prompt: Callable[[Item], str]
    schema: Callable[[Item], Mapping[str, Any] | None]
    seed: Callable[[Item], int]


class Endpoint:
    """A client for chat completions of one model, which is served at one or more addresses.

    Args:
        on_fault: called after every fault that is retried; an exception it raises ends the run.

    Raises:
        UserError: the settings have no model or no http(s) address, or an address contains a password.
    """

    def __init__(self, settings: EndpointSettings, on_fault: Callable[[], None] = lambda: None) -> None:
        if not settings.model:
            raise UserError("No model is named for the chat endpoint: set `model` to the name the endpoint serves.")
        urls = dict.fromkeys((settings.base_url, *settings.more_base_urls))
        for url in urls:
            check_address(url)
        self.settings, self._on_fault = settings, on_fault
        self._key = os.environ.get(KEY_VARIABLE) or NO_KEY
        self._rng = random.Random(0)  # spreads retries in time; no result depends on it
        self._answered = False  # whether any server has answered
        servers = [Server(url, AdaptiveConcurrency(settings.concurrency)) for url in urls]
        self._balancer = LoadBalancer(servers, settings.concurrency, time.monotonic)

    def complete_all(self, items: Iterable[Item], call: ChatCall[Item]) -> Iterator[Result[Item]]:
        """Yield (item, prompt, completion) in order of arrival; items are consumed as capacity allows.

        If an event loop is already running, as in a notebook, the calls run in a separate thread.

        Raises:
            UserError: a server rejects the key or does not know the model, no server can be reached, or too many
                calls in a row fail.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._iterate(items, call)
        return iterate_in_thread(self._iterate(items, call))

    def _iterate(self, items: Iterable[Item], call: ChatCall[Item]) -> Generator[Result[Item], None, None]:
        results = self._results(items, call)

        async def next_result() -> Result[Item] | None:
            return await anext(results, None)

        with asyncio.Runner() as runner:  # cancels the calls in flight when it ends, also after an exception
            loop = runner.get_loop()  # `runner.run` would change the process's signal handlers for every answer
            while (result := loop.run_until_complete(next_result())) is not None:
                yield result

    async def _results(self, items: Iterable[Item], call: ChatCall[Item]) -> AsyncIterator[Result[Item]]:
        source, monitor = iter(items), FailureMonitor(", ".join(server.url for server in self._balancer.servers))
        done: asyncio.Queue[asyncio.Task[Result[Item]]] = asyncio.Queue()
        tasks: set[asyncio.Task[Result[Item]]] = set()
        last: Completion | None = None
        for server in self._balancer.servers:
            server.open(self._key)
        try:
            while True:
                for item in islice(source, max(0, self._balancer.capacity() - len(tasks))):
                    task = asyncio.create_task(self._complete(item, call))
                    task.add_done_callback(done.put_nowait)
                    tasks.add(task)
                if not tasks:
                    break
                task = await done.get()
                tasks.discard(task)
                item, prompt, last = task.result()
                monitor.record(last)
                yield item, prompt, last
            monitor.finish(last)
        except UserError:
            while not done.empty():  # answers that have already arrived were paid for
                task = done.get_nowait()
                if task.exception() is None:
                    yield task.result()
            raise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for server in self._balancer.servers:
                await server.client.close()

    async def _complete(self, item: Item, call: ChatCall[Item]) -> Result[Item]:
        """Return one item's result; if it is truncated or refused, ask once more with a larger token limit."""
        prompt, schema, seed = call.prompt(item), call.schema(item), call.seed(item)
        first = await self._try(self.build_body(prompt, schema, seed, self.settings.max_tokens))
        if first.status not in ("unparsable", "refused") or (first.status == "unparsable" and self._would_repeat):
            return item, prompt, first
        # With the same seed, a refusal would be repeated word for word.
        second_seed = seed + SECOND_SEED_OFFSET
        second = await self._try(self.build_body(prompt, schema, second_seed, self.settings.larger_budget))
        best = first if second.status == "failed" else second
        sent, received = (
            first.prompt_tokens + second.prompt_tokens,
            first.completion_tokens + second.completion_tokens,
        )
        total = replace(best, prompt_tokens=sent, completion_tokens=received, seconds=first.seconds + second.seconds)
        return item, prompt, replace(total, reason=f"{total.reason}, also when asked again" if total.reason else "")

    @property
    def _would_repeat(self) -> bool:
        """Whether a second try would return the same truncated answer: same token limit and greedy decoding."""
        return self.settings.larger_budget == self.settings.max_tokens and self.settings.temperature == 0

    def build_body(self, prompt: str, schema: Mapping[str, Any] | None, seed: int, max_tokens: int) -> dict[str, Any]:
        """Return the JSON body of a request; subclasses add what their servers understand."""
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
        """Return the completion of one request, with retries after faults and overloads."""
        begun, settings = time.monotonic(), self.settings
        for attempt in range(settings.retries + 1):
            server = await self._balancer.choose()
            server.in_flight += 1
            try:
                return await self._post(server, body)
            except FaultError as fault:
                final = fault
            finally:
                server.in_flight -= 1
            unreachable = not final.reached and not self._answered
            if not final.transient or (unreachable and attempt >= MAX_UNREACHED_TRIES - 1):
                break
            if attempt < settings.retries:
                self._on_fault()
                await asyncio.sleep(draw_backoff(attempt, settings.backoff_seconds, final.wait, self._rng))
        return Completion("", "failed", final.reason, seconds=time.monotonic() - begun, reached=final.reached)

    async def _post(self, server: Server, body: Mapping[str, Any]) -> Completion:
        """Return one server's answer, and update its concurrency limit.

        Raises:
            UserError: the key or the model is wrong.
            FaultError: any other error.
        """
        asked_at = time.monotonic()
        try:
            async with asyncio.timeout(self.settings.timeout_seconds):
                # `post` instead of `chat.completions.create`: the same request for half the CPU time
                response = await server.client.post("/chat/completions", body=body, cast_to=object)
            completion = read_completion(response, time.monotonic() - asked_at)
        except Exception as error:
            fault = classify_error(error, server.url, self.settings.model, KEY_VARIABLE)
            now = time.monotonic()
            if fault.overload:
                server.concurrency.record_overload(asked_at, now)
            if fault.transient and fault.counts_against_server:
                server.record_failure(now)
            raise fault from None
        self._answered = True
        server.record_success()
        server.concurrency.record_answer(asked_at, time.monotonic(), completion.completion_tokens)
        return self._mask_key(completion)

    def _mask_key(self, completion: Completion) -> Completion:
        """Return the completion without the API key, in case the server echoes it."""
        if self._key == NO_KEY or self._key not in f"{completion.text} {completion.reason}":
            return completion
        text, reason = completion.text.replace(self._key, "[key]"), completion.reason.replace(self._key, "[key]")
        return replace(completion, text=text, reason=reason)


def check_address(url: str) -> None:
    """Check an endpoint's address. An error message never repeats a password that is in the address.

    Raises:
        UserError: the address is not an http(s) address, or contains a password or a query.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # half an IPv6 address
        raise UserError("A base_url is not an http(s) address: set it as in http://127.0.0.1:8000/v1.") from None
    if parts.username or parts.password or parts.query:
        raise UserError(f"A base_url contains a password or a query: remove it, and set {KEY_VARIABLE} instead.")
    if parts.scheme not in ("http", "https"):
        raise UserError(f"{url!r} is not an http(s) address: set `base_url`, as in http://127.0.0.1:8000/v1.")


def iterate_in_thread(generator: Generator[_T, None, None]) -> Iterator[_T]:
    """Yield the items of a generator, which is run and closed in a separate thread."""
    end = object()
    with ThreadPoolExecutor(1) as thread:
        try:
            while (item := thread.submit(next, generator, end).result()) is not end:
                yield cast(_T, item)
        finally:
            thread.submit(generator.close).result()
