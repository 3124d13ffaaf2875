"""What is taught: the answer and its end token, nothing else."""

import copy
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.text2graph_dagster.training import tiny
from text2graph_dagster.errors import UserError
from text2graph_dagster.graph import parse
from text2graph_dagster.training.config import TrainingConfig, read_config
from text2graph_dagster.training.examples import read_examples, tokenise
from text2graph_dagster.training.files import OutputDirectory
from text2graph_dagster.training.reporting import Reporter
from text2graph_dagster.training.wire import without_blanks


def test_the_labels_of_a_real_batch_are_the_answers_and_their_end_token(
    workplace: Path, examples: Any, nano: Any, tmp_path: Path
) -> None:
    from text2graph_dagster.training.sft import lay_course, make_trainer

    model, tokenizer = nano
    config = read_config(TrainingConfig, workplace / "sft.json")
    tokens = tokenise(lay_course(examples, [len(e.text) for e in examples], config.settings), tokenizer)
    output = OutputDirectory(tmp_path / "out", "")
    trainer = make_trainer(config, copy.deepcopy(model), tokenizer, tokens, output, Reporter(None))
    padded = 0
    for batch in trainer.get_train_dataloader():
        assert batch["labels"].shape[0] == 4
        for ids, labels, mask in zip(batch["input_ids"], batch["labels"], batch["attention_mask"], strict=True):
            taught = labels[labels != -100].tolist()
            assert taught[-1] == tokenizer.eos_token_id and taught.count(tokenizer.eos_token_id) == 1
            prompt, answer = tokenizer.decode(ids[(labels == -100) & (mask == 1)]), tokenizer.decode(taught[:-1])
            parsed = parse(without_blanks(answer))
            assert parsed.strict and parsed.entities and all(text in prompt for text, _ in parsed.entities)
            assert tokenizer.pad_token_id not in taught
            assert (labels[mask == 0] == -100).all()
            assert prompt.startswith('<|begin|>"person"') and prompt.endswith("<|answer|>")
            padded += int((mask == 0).sum())
    assert padded > 0


def test_thinking_stands_before_the_json_when_it_is_asked_for(workplace: Path, tmp_path: Path) -> None:
    frame = pl.read_parquet(workplace / "train.parquet").head(1)
    row = frame.to_dicts()[0]
    row["messages"][1]["content"] = "<think>\nAna works.\n</think>\n" + row["messages"][1]["content"]
    pl.DataFrame([row], schema=frame.schema).write_parquet(tmp_path / "one.parquet")
    silent = read_examples(tmp_path / "one.parquet", tiny.settings())[0]
    thinking = read_examples(tmp_path / "one.parquet", tiny.settings({"dataset": {"thinking": True}}))[0]
    assert silent.answer.startswith('{"entities":')
    assert thinking.answer == "<think>\nAna works.\n</think>\n" + silent.answer


@pytest.mark.parametrize("fault", ["missing", "column", "empty"])
def test_a_bad_file_is_told_in_a_sentence(workplace: Path, tmp_path: Path, fault: str) -> None:
    path = tmp_path / "train.parquet"
    frame = pl.read_parquet(workplace / "train.parquet")
    if fault == "column":
        frame.drop("text").write_parquet(path)
    elif fault == "empty":
        frame.clear().write_parquet(path)
    with pytest.raises(UserError, match=str(path)):
        read_examples(path, tiny.settings())
