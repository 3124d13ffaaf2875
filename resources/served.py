"""A teacher and a reasoner whose model server is the pipeline's own: it starts at their first question, if any."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from resources.vllm import LazyServer
from text2graph_dagster.errors import UserError
from text2graph_dagster.graph import Graph
from text2graph_dagster.reasoning.chat import ChatReasoner
from text2graph_dagster.teachers.chat import ChatTeacher
from text2graph_dagster.teachers.endpoint import EndpointSettings
from text2graph_dagster.teachers.protocol import (
    Answer,
    Parameters,
    Reasoner,
    ReasoningAnswer,
    ReasoningRequest,
    Request,
    Teacher,
)


class ServedTeacher:
    """A `ChatTeacher` whose answers are its own in everything; `settings.base_url` is replaced by the server's."""

    def __init__(self, settings: EndpointSettings, server: LazyServer) -> None:
        self._settings, self._server = settings, server
        self._unasked = ChatTeacher(settings)  # knows all but the address
        self.name = self._unasked.name

    @property
    def prompt_version(self) -> str:
        """Version of the template."""
        return self._unasked.prompt_version

    def parameters(self) -> Parameters:
        """Return the model and how it decodes."""
        return self._unasked.parameters()

    def answer(self, requests: Sequence[Request]) -> Iterator[Answer]:
        """Ask the server, started if need be.

        Raises:
            UserError: the server cannot be started, or ended while it was asked.
        """
        with _alive(self._server) as base_url:
            yield from ChatTeacher(replace(self._settings, base_url=base_url)).answer(requests)

    def read(self, raw: str, request: Request) -> Graph:
        """Return the legal part of a recorded answer.

        Raises:
            GraphParseError: the answer holds no readable graph.
        """
        return self._unasked.read(raw, request)

    def close(self) -> None:
        """End the server."""
        self._server.close()


class ServedReasoner:
    """A `ChatReasoner` whose answers are its own in everything; `settings.base_url` is replaced by the server's."""

    def __init__(self, settings: EndpointSettings, server: LazyServer) -> None:
        self._settings, self._server = settings, server
        self._unasked = ChatReasoner(settings)
        self.name = self._unasked.name

    @property
    def prompt_version(self) -> str:
        """Version of the template."""
        return self._unasked.prompt_version

    def parameters(self) -> Parameters:
        """Return the model and how it decodes."""
        return self._unasked.parameters()

    def answer(self, requests: Sequence[ReasoningRequest]) -> Iterator[ReasoningAnswer]:
        """Ask the server, started if need be.

        Raises:
            UserError: the server cannot be started, or ended while it was asked.
        """
        with _alive(self._server) as base_url:
            yield from ChatReasoner(replace(self._settings, base_url=base_url)).answer(requests)

    def close(self) -> None:
        """End the server."""
        self._server.close()


@contextmanager
def ending_its_server(who: Teacher | Reasoner) -> Iterator[None]:
    """End the model server that `who` may have started with the block: the accelerator is free for the next step."""
    try:
        yield
    finally:
        if isinstance(who, ServedTeacher | ServedReasoner):
            who.close()


@contextmanager
def _alive(server: LazyServer) -> Iterator[str]:
    """Yield the server's address; a server that ends meanwhile is the error that is told, not what follows from it."""
    running = server.running()
    try:
        yield running.base_url
    except UserError:
        running.check()
        raise
    running.check()
