"""Errors of calls: which ones a retry may fix, how long to wait before it, and when to end the run."""

import email.utils
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from text2graph_dagster.errors import UserError
from text2graph_dagster.teachers.chat.completion import BrokenResponseError, Completion

MAX_UNREACHED_IN_A_ROW = 4  # calls that could connect to no server despite retries; then the run ends
MAX_FAILED_IN_A_ROW = 50
MAX_WAIT = 60.0  # seconds; limits the wait that a server asks for
MAX_BACKOFF = 30.0  # seconds
_TRANSIENT = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)


@dataclass
class FaultError(Exception):
    """A call without an answer. `reason` never repeats the server's text, which may contain what was sent."""

    reason: str
    transient: bool = True  # a retry may help
    overload: bool = False  # fewer concurrent calls would help
    counts_against_server: bool = True  # the server should rest if this happens repeatedly
    reached: bool = True  # False if no connection was made
    wait: float | None = None  # seconds that the server asks to wait, if any


def classify_error(error: Exception, url: str, model: str, key_variable: str) -> FaultError:
    """Return the fault that an exception of the client means for this call.

    Raises:
        UserError: the key, the model or the account is wrong, so every other call would fail too.
    """
    import openai

    if isinstance(error, TimeoutError):
        return FaultError("no answer within timeout_seconds", overload=True)
    if isinstance(error, openai.APIConnectionError):  # includes timeouts of connecting
        cause = type(error.__cause__).__name__
        return FaultError(type(error).__name__, reached=not cause.startswith("Connect"))
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        raise UserError(f"The endpoint {url} rejects the API key: set {key_variable}.")
    if isinstance(error, openai.NotFoundError):
        raise UserError(f"The endpoint {url} does not serve {model!r}: correct model or base_url.")
    if isinstance(error, openai.APIStatusError):
        wait = parse_retry_after(error.response.headers)
        return _classify_status(error.status_code, error.code, type(error).__name__, wait, url)
    if isinstance(error, BrokenResponseError):
        return FaultError(str(error), counts_against_server=False)
    if isinstance(error, UnicodeEncodeError):
        return FaultError("the passage is no Unicode text", transient=False)
    if isinstance(error, openai.OpenAIError | ValueError):  # the body is not JSON, or truncated JSON
        return FaultError("the response is no JSON", counts_against_server=False)
    return FaultError(type(error).__name__, transient=False)  # a bug in this project: other calls may still succeed


def _classify_status(status: int, code: str | None, name: str, wait: float | None, url: str) -> FaultError:
    if status == HTTPStatus.TOO_MANY_REQUESTS and code == "insufficient_quota":
        raise UserError(f"The account at {url} has no quota left: raise it and run again; answers so far are kept.")
    overload = status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
    transient = status in _TRANSIENT or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    against_server = transient and status != HTTPStatus.TOO_MANY_REQUESTS
    return FaultError(f"{name} {status}", transient, overload, against_server, wait=wait)


def draw_backoff(attempt: int, base: float, requested: float | None, rng: random.Random) -> float:
    """Return the seconds to wait after the failed `attempt` (0 is the first); randomness spreads the retries.

    If the server `requested` a wait, it is respected up to MAX_WAIT. Otherwise the wait doubles with every attempt,
    from `base` to MAX_BACKOFF.
    """
    if requested is not None:
        return min(requested, MAX_WAIT) * rng.uniform(1.0, 1.1)
    return rng.uniform(0.5, 1.0) * min(MAX_BACKOFF, base * 2.0**attempt)


def parse_retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return the wait in seconds that a response's headers request; None if it is missing or cannot be parsed."""
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


@dataclass
class FailureMonitor:
    """Ends a run if too many calls in a row fail."""

    urls: str
    answered: bool = False
    failed: int = 0  # in a row
    unreached: int = 0  # in a row

    def record(self, completion: Completion) -> None:
        """Count one call's outcome.

        Raises:
            UserError: too many calls have failed in a row.
        """
        if completion.status != "failed":
            self.answered, self.failed, self.unreached = True, 0, 0
            return
        self.failed += 1
        self.unreached = 0 if completion.reached else self.unreached + 1
        if self.unreached >= MAX_UNREACHED_IN_A_ROW:
            raise self._unreachable(completion.reason)
        if self.failed >= MAX_FAILED_IN_A_ROW:
            raise UserError(
                f"{self.failed} calls in a row failed at {self.urls} ({completion.reason}): see the endpoint's own "
                "log, then run again; answers so far are kept."
            )

    def finish(self, last: Completion | None) -> None:
        """Check the run after its last call.

        Raises:
            UserError: no server could be reached for any call.
        """
        if last and self.unreached and not self.answered:
            raise self._unreachable(last.reason)

    def _unreachable(self, reason: str) -> UserError:
        kept = "; answers so far are kept" if self.answered else ""
        return UserError(f"No server answers at {self.urls} ({reason}): start the endpoint, or correct base_url{kept}.")
