"""The pretraining program runs at a tiny size."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from examples.nano_base import pretrain
from text2graph_dagster.inference.loading import load_student
from text2graph_dagster.training.model.type_tokens import TYPE


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"_ROWS_FOR_TOKENIZER": 30, "_WORD_REPETITIONS": 1, "VOCABULARY": 600, "HELD_OUT": 4}.items():
        monkeypatch.setattr(pretrain, name, value)
    monkeypatch.setattr(pretrain, "all_type_names", lambda: ("keeper of", "mended by", "mends", "poet"))


@pytest.mark.usefixtures("small")
def test_the_base_model_is_written_once_and_without_type_tokens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["--out", str(tmp_path / "base"), "--examples", "24", "--steps", "2", "--threads", "1"]
    threads = torch.get_num_threads()
    assert pretrain.main(command) == 0
    torch.set_num_threads(threads)
    model, tokenizer = load_student(tmp_path / "base")
    assert TYPE in tokenizer.get_added_vocab() and '"mends"' not in tokenizer.get_added_vocab()
    assert model.config.vocab_size == len(tokenizer)
    run = json.loads((tmp_path / "base" / "run.json").read_text())
    assert run["steps"] == 2 and run["held_out"]["passages"] == 4

    def refuse(*arguments: Any, **named: Any) -> None:
        raise AssertionError("it was trained again")

    monkeypatch.setattr("text2graph_dagster.training.sft.train", refuse)
    assert pretrain.main(command) == 0
