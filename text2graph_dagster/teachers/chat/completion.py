"""Read a chat endpoint's response to one prompt; any part of it may be missing or malformed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from text2graph_dagster.teachers.protocol import Status


@dataclass(frozen=True, slots=True)
class Completion:
    """The result of one prompt; `text` is kept as received even if `status` is not "ok"."""

    text: str
    status: Status = "ok"
    reason: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    reached: bool = True  # False if no connection to a server could be made


class BrokenResponseError(ValueError):
    """A response that is not a chat completion; a retry may help."""


def read_completion(body: object, seconds: float) -> Completion:
    """Return the first choice of a response; its status tells whether the answer was truncated or refused.

    Raises:
        BrokenResponseError: the body is not a chat completion.
    """
    if not isinstance(body, Mapping):
        raise BrokenResponseError("the response is no JSON object")
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not isinstance(message, Mapping):
        raise BrokenResponseError("no choice in the response")
    usage = body.get("usage")
    tokens = (_token_count(usage, "prompt_tokens"), _token_count(usage, "completion_tokens"))
    content, refusal = message.get("content"), message.get("refusal")
    text = content if isinstance(content, str) else ""
    finish = choice.get("finish_reason") if isinstance(choice, Mapping) else None
    if refusal or finish == "content_filter":
        return Completion(text, "refused", str(refusal or finish), *tokens, seconds)
    if finish == "length":
        return Completion(text, "unparsable", "truncated: the answer reached max_tokens", *tokens, seconds)
    return Completion(text, "ok", "", *tokens, seconds)


def _token_count(usage: Any, key: str) -> int:
    """Return a token count of `usage`, 0 if it is missing or invalid."""
    value = usage.get(key) if isinstance(usage, Mapping) else None
    return value if isinstance(value, int) and value >= 0 else 0
