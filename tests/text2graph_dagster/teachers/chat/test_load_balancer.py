"""Which addresses are this machine's own, and that no proxy stands before them."""

import pytest

from benchmarks import chat_server
from tests.text2graph_dagster.teachers.chat.test_retry import passages
from tests.text2graph_dagster.teachers.chat.test_teacher import fast
from text2graph_dagster.teachers.chat.endpoint import KEY_VARIABLE
from text2graph_dagster.teachers.chat.load_balancer import is_local
from text2graph_dagster.teachers.chat.teacher import ChatTeacher

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


def test_a_proxy_in_the_environment_is_for_other_machines_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy", KEY_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    with chat_server.serving() as endpoint, chat_server.serving() as proxy:
        for name in PROXIES:
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        by_name = endpoint.url.replace("127.0.0.1", "localhost")
        for asked, url in enumerate((endpoint.url, by_name), 1):
            (answer,) = ChatTeacher(fast(url)).answer(passages(1))
            assert answer.status == "ok"
            assert (endpoint.asked.total(), proxy.asked.total()) == (asked, 0)
        (answer,) = ChatTeacher(fast("http://models.example/v1")).answer(passages(1))
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
def test_which_addresses_are_this_machines_own(url: str, local: bool) -> None:
    assert is_local(url) == local
