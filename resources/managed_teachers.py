"""A chat endpoint whose model server is run by the pipeline; the server is started by the first call."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from resources.vllm import LazyServer
from text2graph_dagster.errors import UserError
from text2graph_dagster.teachers.chat.endpoint import ChatCall, Endpoint, EndpointSettings, Item, Result
from text2graph_dagster.teachers.protocol import Reasoner, Teacher


class ManagedEndpoint(Endpoint):
    """An endpoint with its own model server; the server's address replaces `settings.base_url`."""

    def __init__(self, settings: EndpointSettings, server: LazyServer) -> None:
        super().__init__(settings)
        self.server = server
        self._running: Endpoint | None = None

    def complete_all(self, items: Iterable[Item], call: ChatCall[Item]) -> Iterator[Result[Item]]:
        """Start the server if it is not running, and yield the results like `Endpoint.complete_all`.

        Raises:
            UserError: the server cannot be started, or it ended during the calls. In the second case, the message is
                about the server's end, not about the failed calls.
        """
        running = self.server.start()
        if self._running is None or self._running.settings.base_url != running.base_url:
            settings = replace(self.settings, base_url=running.base_url)
            self._running = Endpoint(settings, running.raise_if_ended)  # do not retry calls if the server has ended
        try:
            yield from self._running.complete_all(items, call)
        except UserError:
            running.check()
            raise
        running.check()


@contextmanager
def closing_model_server(author: Teacher | Reasoner) -> Iterator[None]:
    """At the end of the block, stop the model server that `author` has started (if any), to free the GPU."""
    try:
        yield
    finally:
        endpoint = getattr(author, "endpoint", None)
        if isinstance(endpoint, ManagedEndpoint):
            endpoint.server.close()
