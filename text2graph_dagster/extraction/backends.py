"""Where the student runs: the protocol of a backend, and the server backend. The other one is in `local_backend`."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from text2graph_dagster.errors import UserError
from text2graph_dagster.extraction.document_run import PassageReply, PassageRequest
from text2graph_dagster.teachers.chat.endpoint import (
    KEY_VARIABLE,
    NO_KEY,
    ChatCall,
    Endpoint,
    EndpointSettings,
    check_address,
)
from text2graph_dagster.teachers.chat.load_balancer import is_local

if TYPE_CHECKING:
    import openai

_TIMEOUT_SECONDS = 10.0  # for listing the models and for the test of grammar support


class Backend(Protocol):
    """Answers passages with the student."""

    def answer(self, requests: Iterable[PassageRequest]) -> Iterator[tuple[PassageRequest, PassageReply]]:
        """Yield every request with its reply, in any order; requests are consumed a few at a time."""
        ...


class ServerBackend:
    """An OpenAI-compatible chat server that serves the student, for example vLLM."""

    def __init__(
        self,
        url: str,
        model: str,
        max_new_tokens: int,
        template_options: Mapping[str, Any],
        grammar: Callable[[str], str | None],
    ) -> None:
        """Check the server.

        Args:
            url: the address, with the path, e.g. http://127.0.0.1:8000/v1.
            model: the student's name on the server; "": the only model that it serves.
            template_options: variables for the chat template, sent as `chat_template_kwargs`.
            grammar: passage → the llguidance grammar that constrains its answer; None: unconstrained.

        Raises:
            UserError: the address is invalid, the server does not list its models, or it rejects grammars.
        """
        check_address(url)
        name = model or find_only_model(url)
        self._settings = EndpointSettings(url, name, max_tokens=max_new_tokens, retry_max_tokens=max_new_tokens)
        self._options, self._grammar = template_options, grammar
        if example := grammar("."):
            check_grammar_support(url, name, example)

    def answer(self, requests: Iterable[PassageRequest]) -> Iterator[tuple[PassageRequest, PassageReply]]:
        """Yield every request with its reply, in order of arrival.

        Raises:
            UserError: the server rejects the API key, does not know the model, or cannot be reached.
        """
        call: ChatCall[PassageRequest] = ChatCall(lambda request: request.prompt, self._schema, lambda request: 0)
        endpoint = _StudentEndpoint(self._settings, self._options)  # one per call: two runs may be active at once
        for request, _, completion in endpoint.complete_all(requests, call):
            problem = completion.status if completion.status in ("failed", "refused") else ""
            detail = completion.reason if problem else ""
            yield request, PassageReply(completion.text, problem, completion.completion_tokens, detail)

    def _schema(self, request: PassageRequest) -> Mapping[str, Any] | None:
        grammar = self._grammar(request.text)
        return {"grammar": grammar} if grammar else None


class _StudentEndpoint(Endpoint):
    """An endpoint that also sends variables for the chat template, and the grammar in vLLM's `structured_outputs`."""

    def __init__(self, settings: EndpointSettings, template_options: Mapping[str, Any]) -> None:
        super().__init__(settings)
        self._options = dict(template_options)

    def build_body(self, prompt: str, schema: Mapping[str, Any] | None, seed: int, max_tokens: int) -> dict[str, Any]:
        body = super().build_body(prompt, None, seed, max_tokens)
        if self._options:
            body["chat_template_kwargs"] = self._options
        if schema:
            body["structured_outputs"] = schema
        return body


def find_only_model(url: str) -> str:
    """Return the name of the only model that a server serves.

    Raises:
        UserError: the server does not list its models, or serves more than one.
    """
    import openai

    try:
        with _client(url) as client:
            names = [model.id for model in client.models.list()]
    except openai.AuthenticationError:
        raise UserError(f"{url} rejects the API key: set {KEY_VARIABLE}.") from None
    except (openai.OpenAIError, AttributeError, TypeError, ValueError) as error:  # the last three: not a model server
        raise UserError(
            f"{url} does not list its models ({type(error).__name__}): start the server, or correct the address."
        ) from None
    if len(names) != 1:
        raise UserError(f"{url} serves {', '.join(names) or 'no model'}: choose one with --model.")
    return names[0]


def check_grammar_support(url: str, model: str, grammar: str) -> None:
    """Request one token under a grammar, so that a server without grammar support fails before the first passage.

    A server that does not know `structured_outputs` ignores it and is not detected. Other errors are ignored here:
    the requests for the passages will report them.

    Raises:
        UserError: the server rejects the grammar.
    """
    import openai

    try:
        with _client(url) as client:
            client.chat.completions.create(
                model=model,
                messages=[{"role": "user", "content": "."}],
                max_tokens=1,
                extra_body={"structured_outputs": {"grammar": grammar}},
            )
    except (openai.BadRequestError, openai.UnprocessableEntityError):
        raise UserError(
            f"{url} rejects the grammar that constrains the answers: start vLLM with "
            '--structured-outputs-config.backend guidance, or set "grammar" to "none" in the checkpoint\'s '
            "extraction.json."
        ) from None
    except openai.OpenAIError:
        return


def _client(url: str) -> "openai.OpenAI":
    import openai

    key = os.environ.get(KEY_VARIABLE) or NO_KEY
    http = openai.DefaultHttpxClient(trust_env=not is_local(url))
    return openai.OpenAI(base_url=url, api_key=key, timeout=_TIMEOUT_SECONDS, max_retries=2, http_client=http)
