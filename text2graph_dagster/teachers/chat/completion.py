"""What a chat endpoint sent back for one prompt, read with distrust."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from text2graph_dagster.teachers.protocol import Status


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

    @property
    def tokens(self) -> int:
        """Return the tokens sent and received."""
        return self.prompt_tokens + self.completion_tokens


class BrokenResponseError(ValueError):
    """A response that is no chat completion; asking again may help."""


def read(body: object, seconds: float) -> Completion:
    """Return the first choice of a response; an answer that was cut off or refused is none.

    Raises:
        BrokenResponseError: the body is no chat completion.
    """
    if not isinstance(body, Mapping):
        raise BrokenResponseError("the response is no JSON object")
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not isinstance(message, Mapping):
        raise BrokenResponseError("no choice in the response")
    usage = body.get("usage")
    tokens = (_count(usage, "prompt_tokens"), _count(usage, "completion_tokens"))
    content, refusal = message.get("content"), message.get("refusal")
    text = content if isinstance(content, str) else ""
    finish = choice.get("finish_reason") if isinstance(choice, Mapping) else None
    if refusal or finish == "content_filter":
        return Completion(text, "refused", str(refusal or finish), *tokens, seconds)
    if finish == "length":
        return Completion(text, "unparsable", "truncated: the answer reached max_tokens", *tokens, seconds)
    return Completion(text, "ok", "", *tokens, seconds)


def _count(usage: Any, key: str) -> int:
    """Return a count of tokens, 0 where the server gives none that can be."""
    value = usage.get(key) if isinstance(usage, Mapping) else None
    return value if isinstance(value, int) and value >= 0 else 0
