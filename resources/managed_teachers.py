"""A teacher and a reasoner whose model server is the pipeline's own: it starts at their first question, if any."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from resources.vllm import LazyServer
from text2graph_dagster.errors import UserError
from text2graph_dagster.reasoning.chat_reasoner import ChatReasoner
from text2graph_dagster.teachers.chat.endpoint import Endpoint, EndpointSettings
from text2graph_dagster.teachers.chat.teacher import ChatTeacher
from text2graph_dagster.teachers.protocol import (
    Reasoner,
    ReasoningAnswer,
    ReasoningRequest,
    Teacher,
    TeacherAnswer,
    TeacherRequest,
)


class ManagedTeacher(ChatTeacher):
    """A chat teacher at a server of its own, whose address takes the place of `settings.base_url`."""

    def __init__(self, settings: EndpointSettings, server: LazyServer) -> None:
        super().__init__(settings)
        self.server = server

    def answer(self, requests: Sequence[TeacherRequest]) -> Iterator[TeacherAnswer]:
        """Ask the server, started if need be.

        Raises:
            UserError: the server cannot be started, or ended while it was asked.
        """
        with _at(self.server, self._endpoint) as self._endpoint:
            yield from super().answer(requests)


class ManagedReasoner(ChatReasoner):
    """A chat reasoner at a server of its own, whose address takes the place of `settings.base_url`."""

    def __init__(self, settings: EndpointSettings, server: LazyServer) -> None:
        super().__init__(settings)
        self.server = server

    def answer(self, requests: Sequence[ReasoningRequest]) -> Iterator[ReasoningAnswer]:
        """Ask the server, started if need be.

        Raises:
            UserError: the server cannot be started, or ended while it was asked.
        """
        with _at(self.server, self._endpoint) as self._endpoint:
            yield from super().answer(requests)


@contextmanager
def closing_model_server(who: Teacher | Reasoner) -> Iterator[None]:
    """End the model server that `who` may have started with the block: the accelerator is free for the next step."""
    try:
        yield
    finally:
        if isinstance(who, ManagedTeacher | ManagedReasoner):
            who.server.close()


@contextmanager
def _at(server: LazyServer, endpoint: Endpoint) -> Iterator[Endpoint]:
    """Yield the endpoint at the server's address; if the server ends meanwhile, that is told, not what follows of it.

    Raises:
        UserError: the server cannot be started, or has ended.
    """
    running = server.running()
    moved = endpoint.settings.base_url != running.base_url
    try:
        there = replace(endpoint.settings, base_url=running.base_url)
        yield Endpoint(there, running.refuse_the_dead) if moved else endpoint  # nobody waits for a dead server
    except UserError:
        running.check()
        raise
    running.check()
