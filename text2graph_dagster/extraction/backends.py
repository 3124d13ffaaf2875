"""Who answers: a server that serves the student, or the student in this process (extraction/local_backend.py)."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from text2graph_dagster.errors import UserError
from text2graph_dagster.extraction.document_run import PassageReply, PassageRequest
from text2graph_dagster.teachers.chat.endpoint import (
    KEY_VARIABLE,
    NO_KEY,
    Asking,
    Endpoint,
    EndpointSettings,
    check_address,
)
from text2graph_dagster.teachers.chat.load_balancer import is_local

if TYPE_CHECKING:
    import openai

_SECONDS = 10.0  # in which a server must say what it serves, and what it takes


class Backend(Protocol):
    """Answers questions, in any order."""

    def answer(self, questions: Iterable[PassageRequest]) -> Iterator[tuple[PassageRequest, PassageReply]]:
        """Yield every question with its reply; questions are taken some at a time."""
        ...


class ServerBackend:
    """A server that speaks the OpenAI chat protocol and serves the student, vLLM for one."""

    def __init__(
        self,
        url: str,
        model: str,
        max_new_tokens: int,
        template_options: Mapping[str, Any],
        grammar: Callable[[str], str | None],
    ) -> None:
        """Name the server.

        Args:
            model: its name there; "": the only one that it serves.
            template_options: what the chat template is to be told, where the server passes such things on.
            grammar: what the answer about a passage is held to, as llguidance reads it; None: to nothing.

        Raises:
            UserError: the address cannot be one, or the server does not say what it serves, or takes no grammars.
        """
        check_address(url)
        name = model or find_only_model(url)
        self._settings = EndpointSettings(url, name, max_tokens=max_new_tokens, retry_max_tokens=max_new_tokens)
        self._options, self._grammar = template_options, grammar
        if held := grammar("."):
            check_grammar_support(url, name, held)

    def answer(self, questions: Iterable[PassageRequest]) -> Iterator[tuple[PassageRequest, PassageReply]]:
        """Yield every question with its reply, as they come.

        Raises:
            UserError: the server refuses the key, does not know the model, or cannot be reached.
        """
        asking: Asking[PassageRequest] = Asking(lambda question: question.prompt, self._form, lambda question: 0)
        endpoint = _StudentEndpoint(self._settings, self._options)  # of its own: two may be under way at once
        for question, _, completion in endpoint.complete_all(questions, asking):
            problem = completion.status if completion.status in ("failed", "refused") else ""
            detail = completion.reason if problem else ""
            yield question, PassageReply(completion.text, problem, completion.completion_tokens, detail)

    def _form(self, question: PassageRequest) -> Mapping[str, Any] | None:
        grammar = self._grammar(question.text)
        return {"grammar": grammar} if grammar else None


class _StudentEndpoint(Endpoint):
    """An endpoint that tells the chat template what the student's own prompts are written with.

    What an answer is held to is sent as vLLM takes it, which takes grammars.
    """

    def __init__(self, settings: EndpointSettings, template_options: Mapping[str, Any]) -> None:
        super().__init__(settings)
        self._options = dict(template_options)

    def _body(self, prompt: str, schema: Mapping[str, Any] | None, seed: int, max_tokens: int) -> dict[str, Any]:
        body = super()._body(prompt, None, seed, max_tokens)
        if self._options:
            body["chat_template_kwargs"] = self._options
        if schema:
            body["structured_outputs"] = schema
        return body


def find_only_model(url: str) -> str:
    """Return the name of the one model that a server serves.

    Raises:
        UserError: it does not answer, or serves several.
    """
    import openai

    try:
        with _client(url) as client:
            names = [model.id for model in client.models.list()]
    except openai.AuthenticationError:
        raise UserError(f"{url} refuses the key: set {KEY_VARIABLE}.") from None
    except (openai.OpenAIError, AttributeError, TypeError, ValueError) as error:  # the latter: it is no model server
        raise UserError(
            f"{url} does not say what it serves ({type(error).__name__}): start the server, or mend the address."
        ) from None
    if len(names) != 1:
        raise UserError(f"{url} serves {', '.join(names) or 'no model'}: name the one to ask with --model.")
    return names[0]


def check_grammar_support(url: str, model: str, grammar: str) -> None:
    """Ask a server for one token under a grammar: else it would refuse question after question.

    Servers that know no `structured_outputs` leave it aside, and what goes wrong otherwise is told by the questions.

    Raises:
        UserError: it refuses.
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
            f"{url} refuses the grammar that answers are held to: start vLLM with "
            '--structured-outputs-config.backend guidance, or set "grammar" to "none" in the checkpoint\'s '
            "extraction.json."
        ) from None
    except openai.OpenAIError:
        return


def _client(url: str) -> "openai.OpenAI":
    import openai

    key = os.environ.get(KEY_VARIABLE) or NO_KEY
    http = openai.DefaultHttpxClient(trust_env=not is_local(url))
    return openai.OpenAI(base_url=url, api_key=key, timeout=_SECONDS, max_retries=2, http_client=http)
