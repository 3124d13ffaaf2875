"""An endpoint without waits, and requests whose passages state one relation each."""

from typing import Any

from tests.text2graph_dagster.teachers.knowledge_base.sample_knowledge import NEWS
from text2graph_dagster.teachers.chat.endpoint import Endpoint, EndpointSettings
from text2graph_dagster.teachers.protocol import TeacherRequest


def fast_endpoint(url: str, **settings: Any) -> Endpoint:
    defaults = {"model": "m", "concurrency": 4, "retries": 0, "backoff_seconds": 0.01}
    return Endpoint(EndpointSettings(**{"base_url": url, **defaults, **settings}))


def sample_requests(count: int) -> list[TeacherRequest]:
    return [TeacherRequest(f"p{i}", f"Person{i} works for Company{i}.", "en", NEWS) for i in range(count)]
