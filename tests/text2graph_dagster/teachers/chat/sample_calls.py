"""Shared by the tests: an endpoint without waits, a passage with its graph, and requests with one relation each."""

from typing import Any

from tests.text2graph_dagster.teachers.knowledge_base.sample_knowledge import NEWS
from text2graph_dagster.graph.model import Entity, Graph, Relation, Span
from text2graph_dagster.teachers.chat.endpoint import Endpoint, EndpointSettings
from text2graph_dagster.teachers.protocol import TeacherRequest

TEXT = "Velsoft hired Ana Berg. Berg lives in Oslo."
GRAPH = Graph(
    (Entity(0, "Velsoft", "company", (Span(0, 7),)), Entity(1, "Ana Berg", "person", (Span(14, 22),))),
    (Relation(1, 0, "works for", None, "chat:m"),),
)


def fast_endpoint(url: str, **settings: Any) -> Endpoint:
    defaults = {"model": "m", "concurrency": 4, "retries": 0, "backoff_seconds": 0.01}
    return Endpoint(EndpointSettings(**{"base_url": url, **defaults, **settings}))


def sample_requests(count: int) -> list[TeacherRequest]:
    return [TeacherRequest(f"p{i}", f"Person{i} works for Company{i}.", "en", NEWS) for i in range(count)]
