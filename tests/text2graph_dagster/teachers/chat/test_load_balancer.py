"""Choosing a server, and which addresses are local."""

import asyncio

import pytest

from benchmarks import chat_server
from tests.text2graph_dagster.teachers.chat.sample_calls import fast_endpoint, sample_requests
from text2graph_dagster.teachers.chat.endpoint import KEY_VARIABLE
from text2graph_dagster.teachers.chat.load_balancer import FAILURES_BEFORE_REST, LoadBalancer, Server, is_local
from text2graph_dagster.teachers.chat.rate_limit import START, AdaptiveConcurrency
from text2graph_dagster.teachers.chat.teacher import ChatTeacher


def balancer(*names: str) -> tuple[LoadBalancer, list[float]]:
    """Return a balancer of servers with these names, and its clock."""
    now = [0.0]
    return LoadBalancer([Server(name, AdaptiveConcurrency(8)) for name in names], 8, lambda: now[0]), now


def choose(servers: LoadBalancer) -> str:
    async def chosen() -> str:
        return (await servers.choose()).url

    return asyncio.run(chosen())


def test_the_least_loaded_server_is_chosen() -> None:
    group, _ = balancer("a", "b")
    group.servers[0].in_flight = 2
    assert choose(group) == "b"
    group.servers[1].in_flight, group.servers[1].concurrency.limit = 3, 8  # a faster server takes more calls
    assert choose(group) == "b"


def test_a_failing_server_is_avoided_for_a_while_and_tried_again() -> None:
    group, now = balancer("a", "b")
    for _ in range(FAILURES_BEFORE_REST):
        group.servers[0].record_failure(now[0])
    group.servers[1].in_flight = 3
    assert choose(group) == "b"
    assert group.capacity() == START
    now[0] = 1.1
    assert choose(group) == "a"
    group.servers[0].record_failure(now[0])  # still failing: a longer rest
    now[0] = 2.5
    assert choose(group) == "b"
    group.servers[0].record_success()
    now[0] = 9.0
    assert choose(group) == "a"


PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


def test_proxies_are_used_for_remote_addresses_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy", KEY_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    with chat_server.serving() as endpoint, chat_server.serving() as proxy:
        for name in PROXIES:
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        by_name = endpoint.url.replace("127.0.0.1", "localhost")
        for asked, url in enumerate((endpoint.url, by_name), 1):
            (answer,) = ChatTeacher(fast_endpoint(url)).answer(sample_requests(1))
            assert answer.status == "ok"
            assert (endpoint.asked.total(), proxy.asked.total()) == (asked, 0)
        (answer,) = ChatTeacher(fast_endpoint("http://models.example/v1")).answer(sample_requests(1))
        assert answer.status == "ok"
        assert (endpoint.asked.total(), proxy.asked.total()) == (2, 1)


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:8000/v1", True),
        ("http://127.9.0.1/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://LOCALHOST:8000/v1", True),
        ("http://localhost.example/v1", False),
        ("http://127.0.0.1.example/v1", False),
        ("http://10.0.0.1:8000/v1", False),
        ("https://api.example/v1", False),
    ],
)
def test_local_addresses_are_recognised(url: str, local: bool) -> None:
    assert is_local(url) == local
