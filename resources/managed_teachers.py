"""A chat endpoint whose model server the pipeline runs itself: it starts with the first call, if there is one."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from resources.vllm import LazyServer
from text2graph_dagster.errors import UserError
from text2graph_dagster.teachers.chat.endpoint import ChatCall, Endpoint, EndpointSettings, Item, Result
from text2graph_dagster.teachers.protocol import Reasoner, Teacher


class ManagedEndpoint(Endpoint):
    """An endpoint at a model server of its own, whose address replaces `settings.base_url`."""

    def __init__(self, settings: EndpointSettings, server: LazyServer) -> None:
        super().__init__(settings)
        self.server = server
        self._running: Endpoint | None = None

    def complete_all(self, items: Iterable[Item], call: ChatCall[Item]) -> Iterator[Result[Item]]:
        """Start the server if necessary, and yield the results as an `Endpoint` does.

        Raises:
            UserError: the server cannot be started, or ended during the calls: then that is reported, not the errors
                that follow from it.
        """
        running = self.server.start()
        if self._running is None or self._running.settings.base_url != running.base_url:
            settings = replace(self.settings, base_url=running.base_url)
            self._running = Endpoint(settings, running.raise_if_ended)  # no retries against a dead server
        try:
            yield from self._running.complete_all(items, call)
        except UserError:
            running.check()
            raise
        running.check()


@contextmanager
def closing_model_server(author: Teacher | Reasoner) -> Iterator[None]:
    """Stop the model server that `author` may have started when the block ends, to free the GPU."""
    try:
        yield
    finally:
        endpoint = getattr(author, "endpoint", None)
        if isinstance(endpoint, ManagedEndpoint):
            endpoint.server.close()
