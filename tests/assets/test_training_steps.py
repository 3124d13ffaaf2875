"""Training: retries of failed programs, and which passages each stage is trained on."""

from typing import Any

import dagster as dg
import polars as pl
import pytest

from tests.assets.conftest import FakeLauncher, Sandbox


def end_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    original = FakeLauncher.run

    def run(self: FakeLauncher, *arguments: Any) -> Any:
        original(self, *arguments)
        raise error

    monkeypatch.setattr(FakeLauncher, "run", run)


def test_a_failed_program_is_retried_once(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.add("c")
    end_with(dg.Failure("killed for its memory"), monkeypatch)
    assert not sandbox.run("c").success
    assert sandbox.launched() == ["sft", "sft"]


def test_an_interrupted_run_is_not_retried(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.add("c")
    end_with(KeyboardInterrupt(), monkeypatch)
    assert not sandbox.run("c").success
    assert sandbox.launched() == ["sft"]


@pytest.mark.parametrize(("share", "shared"), [(0.3, False), (0.0, True)])
def test_grpo_uses_the_passages_held_out_from_sft(sandbox: Sandbox, share: float, shared: bool) -> None:
    sandbox.overrides["dataset"] = {"held_out_for_grpo": share}
    sandbox.add("good")
    assert sandbox.run("good").success
    sft, grpo = (
        set(pl.read_parquet(next(sandbox.root.glob(f"checkpoints/{stage}-*.inputs/train.parquet")))["passage_id"])
        for stage in ("sft", "grpo")
    )
    assert sft and grpo
    assert sft == grpo if shared else not sft & grpo
