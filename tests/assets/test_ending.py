"""A training program that fails is started once more; what somebody has stopped stays stopped."""

from typing import Any

import dagster as dg
import pytest

from tests.assets.conftest import FakeLauncher, House


def end_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = FakeLauncher.run

    def run(self: FakeLauncher, *told: Any) -> Any:
        usual(self, *told)
        raise error

    monkeypatch.setattr(FakeLauncher, "run", run)


def test_a_program_that_fails_is_started_once_more(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.add("c")
    end_with(dg.Failure("killed for its memory"), monkeypatch)
    assert not house.run("c").success
    assert house.launched() == ["sft", "sft"]


def test_a_run_that_is_interrupted_does_not_begin_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.add("c")
    end_with(KeyboardInterrupt(), monkeypatch)
    assert not house.run("c").success
    assert house.launched() == ["sft"]
