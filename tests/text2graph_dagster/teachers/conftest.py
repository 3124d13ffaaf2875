"""No test of the teachers sees the API key of the environment."""

import pytest

from text2graph_dagster.teachers.chat.endpoint import KEY_VARIABLE


@pytest.fixture(autouse=True)
def _without_api_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
