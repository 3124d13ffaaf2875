"""What can go wrong with a call: what passes if one waits, what does not, and when to stop asking altogether."""

from dataclasses import dataclass
from http import HTTPStatus

from text2graph_dagster.errors import UserError
from text2graph_dagster.teachers.chat.completion import BrokenResponseError, Completion
from text2graph_dagster.teachers.chat.rate_limit import parse_retry_after

UNREACHED_IN_A_ROW = 4  # calls that reached nobody, however often they were tried: the servers are gone
FAILED_IN_A_ROW = 50
_PASSING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)


@dataclass
class FaultError(Exception):
    """A call that was no answer. Its words never repeat what a server wrote: that may be what was sent."""

    reason: str
    passes: bool = True  # whether asking again may help
    overload: bool = False  # whether fewer calls at once would help
    resting: bool = True  # whether the server should be left alone if it happens again and again
    reached: bool = True  # false where nobody answered at all
    wait: float | None = None  # seconds, if the server named them


def classify_error(error: Exception, url: str, model: str, key_variable: str) -> FaultError:
    """Return what an exception of the client means.

    Raises:
        UserError: the key, the model or the account is at fault: no call would fare better.
    """
    import openai

    if isinstance(error, TimeoutError):
        return FaultError("no answer within timeout_seconds", overload=True)
    if isinstance(error, openai.APIConnectionError):  # its time-outs too: they are those of connecting
        cause = type(error.__cause__).__name__
        return FaultError(type(error).__name__, reached=not cause.startswith("Connect"))
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        raise UserError(f"The endpoint {url} refuses the key: set {key_variable}.")
    if isinstance(error, openai.NotFoundError):
        raise UserError(f"The endpoint {url} does not serve {model!r}: mend model or base_url.")
    if isinstance(error, openai.APIStatusError):
        return _by_status(
            error.status_code, error.code, type(error).__name__, parse_retry_after(error.response.headers), url
        )
    if isinstance(error, BrokenResponseError):
        return FaultError(str(error), resting=False)
    if isinstance(error, UnicodeEncodeError):
        return FaultError("the passage is no Unicode text", passes=False)
    if isinstance(error, openai.OpenAIError | ValueError):  # a body that is no JSON, or half of one
        return FaultError("the response is no JSON", resting=False)
    return FaultError(type(error).__name__, passes=False)  # a mistake of ours: other questions may still be answered


def _by_status(status: int, code: str | None, name: str, wait: float | None, url: str) -> FaultError:
    reason = f"{name} {status}"
    if status == HTTPStatus.TOO_MANY_REQUESTS and code == "insufficient_quota":
        raise UserError(f"The account at {url} has no quota left: raise it there, then run again; answers are kept.")
    busy = status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
    passes = status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return FaultError(
        reason, passes, overload=busy, resting=passes and status != HTTPStatus.TOO_MANY_REQUESTS, wait=wait
    )


@dataclass
class FailureMonitor:
    """Stops a run in which call after call fails."""

    urls: str
    answered: bool = False
    failed: int = 0  # in a row
    unreached: int = 0  # in a row

    def see(self, completion: Completion) -> None:
        """Take note of one call's outcome.

        Raises:
            UserError: too many calls have failed one after the other.
        """
        if completion.status != "failed":
            self.answered, self.failed, self.unreached = True, 0, 0
            return
        self.failed += 1
        self.unreached = 0 if completion.reached else self.unreached + 1
        if self.unreached >= UNREACHED_IN_A_ROW:
            raise self._gone(completion.reason)
        if self.failed >= FAILED_IN_A_ROW:
            raise UserError(
                f"{self.failed} calls in a row failed at {self.urls} ({completion.reason}): look at the endpoint's own "
                "log, then run again; what was answered is kept."
            )

    def end(self, last: Completion | None) -> None:
        """Take note that all questions were asked.

        Raises:
            UserError: nobody was there for any of them.
        """
        if last and self.unreached and not self.answered:
            raise self._gone(last.reason)

    def _gone(self, reason: str) -> UserError:
        kept = "; what was answered is kept" if self.answered else ""
        return UserError(f"Nobody answers at {self.urls} ({reason}): start the endpoint, or mend base_url{kept}.")
