"""Asking a model behind an OpenAI-compatible endpoint (vLLM, Ollama, a hosted one), several questions at a time.

The key comes from the environment only, and is never part of an answer, a message or a parameter.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from text2graph_dagster.errors import UserError
from text2graph_dagster.teachers.protocol import Parameters, Status

KEY_VARIABLE = "TEXT2GRAPH_API_KEY"
NO_KEY = "none"  # servers of one's own ask for no key, the client insists on one

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Completion:
    """What came back for one prompt; `text` is as it came, also when `status` is not "ok"."""

    text: str
    status: Status = "ok"
    reason: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    reached: bool = True  # false where nobody answered at all


@dataclass(frozen=True)
class EndpointSettings:
    """Which model, where, and how it is asked."""

    base_url: str
    model: str
    temperature: float = 0.0
    max_tokens: int = 1024
    timeout_seconds: float = 120.0
    concurrency: int = 8
    retries: int = 2  # of a call that meets an overload or a network fault, with the client's back-off
    label_similarity: float = 0.85  # how an answer's labels are read (teachers/labels.py); changes no call

    def parameters(self) -> Parameters:
        """Return what decides an answer: the model and how it decodes; not where it is served, nor how fast."""
        return {"model": self.model, "temperature": self.temperature, "max_tokens": self.max_tokens}


class Endpoint:
    """A chat-completions endpoint.

    Raises:
        UserError: the settings name no model or no http(s) address.
    """

    def __init__(self, settings: EndpointSettings) -> None:
        if not settings.model:
            raise UserError("No model is named for the chat endpoint: set `model` to the name the endpoint serves.")
        if urlsplit(settings.base_url).scheme not in ("http", "https"):
            raise UserError(
                f"{settings.base_url!r} is no http(s) address: set `base_url`, as in http://127.0.0.1:8000/v1."
            )
        from openai import OpenAI  # here, because it takes most of a second and the local profile never needs it

        self.settings = settings
        self._client = OpenAI(
            base_url=settings.base_url,
            api_key=os.environ.get(KEY_VARIABLE) or NO_KEY,
            timeout=settings.timeout_seconds,
            max_retries=settings.retries,
        )

    def complete_all(
        self,
        items: Sequence[Item],
        prompt: Callable[[Item], str],
        schema: Callable[[Item], Mapping[str, Any] | None],
        seed: Callable[[Item], int],
    ) -> Iterator[tuple[Item, str, Completion]]:
        """Yield (item, its prompt, its completion) as they come, `concurrency` at a time.

        Raises:
            UserError: the endpoint refuses the key, does not know the model, or cannot be reached by any of the first
                `concurrency` calls; nothing else would fare better.
        """
        unreached = 0
        pool = ThreadPoolExecutor(self.settings.concurrency, thread_name_prefix="endpoint")
        try:
            asked = [(item, prompt(item)) for item in items]
            futures = {pool.submit(self.complete, p, schema(item), seed(item)): (item, p) for item, p in asked}
            for number, future in enumerate(as_completed(futures), 1):
                completion = future.result()
                unreached += not completion.reached
                if unreached == number == min(self.settings.concurrency, len(items)):
                    address = f"{self.settings.base_url} ({completion.reason})"
                    raise UserError(f"Nobody answers at {address}: start the endpoint, or mend base_url.")
                yield (*futures[future], completion)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def complete(self, prompt: str, schema: Mapping[str, Any] | None = None, seed: int = 0) -> Completion:
        """Return the model's answer to one user message, its form bound by a JSON schema where one is given.

        Raises:
            UserError: as in `complete_all`.
        """
        import openai

        options: dict[str, Any] = {}
        if schema is not None:
            form = {"name": "graph", "strict": True, "schema": dict(schema)}
            options["response_format"] = {"type": "json_schema", "json_schema": form}
        started = time.monotonic()
        try:
            response = self._client.chat.completions.create(
                model=self.settings.model,
                messages=[{"role": "user", "content": prompt}],
                temperature=self.settings.temperature,
                max_tokens=self.settings.max_tokens,
                seed=seed,
                **options,
            )
        except (openai.AuthenticationError, openai.PermissionDeniedError):
            raise UserError(f"The endpoint {self.settings.base_url} refuses the key: set {KEY_VARIABLE}.") from None
        except openai.NotFoundError:
            raise UserError(
                f"The endpoint {self.settings.base_url} does not serve {self.settings.model!r}: mend model or base_url."
            ) from None
        except openai.OpenAIError as error:
            reached = not isinstance(error, openai.APIConnectionError)
            return Completion("", "failed", _describe(error), seconds=time.monotonic() - started, reached=reached)
        return _read(response, time.monotonic() - started)


def _describe(error: Exception) -> str:
    """Return the kind of error and its status code: bodies may repeat what was sent, so they are left out."""
    code = getattr(error, "status_code", None)
    return f"{type(error).__name__}{f' {code}' if code else ''}"


def _read(response: Any, seconds: float) -> Completion:
    """Return the first choice; an answer that was cut off or refused is none."""
    usage = response.usage
    tokens = (usage.prompt_tokens or 0, usage.completion_tokens or 0) if usage else (0, 0)
    if not response.choices:
        return Completion("", "failed", "no choice in the response", *tokens, seconds)
    choice = response.choices[0]
    text = choice.message.content or ""
    status: Literal["ok", "refused", "unparsable"] = "ok"
    reason = ""
    if getattr(choice.message, "refusal", None) or choice.finish_reason == "content_filter":
        status, reason = "refused", str(getattr(choice.message, "refusal", None) or "content_filter")
    elif choice.finish_reason == "length":
        status, reason = "unparsable", "truncated: the answer reached max_tokens"
    return Completion(text, status, reason, *tokens, seconds)
