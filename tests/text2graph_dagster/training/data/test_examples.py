"""What is taught: the answer and its end token, nothing else."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.text2graph_dagster.training import tiny_models
from text2graph_dagster.errors import UserError
from text2graph_dagster.graph.parsing import parse
from text2graph_dagster.graph.wire import without_blanks
from text2graph_dagster.prompts.rendering import given_block
from text2graph_dagster.runtime.config import read_config
from text2graph_dagster.runtime.output_directory import OutputDirectory
from text2graph_dagster.runtime.reporting import Reporter
from text2graph_dagster.training.config import TrainingConfig
from text2graph_dagster.training.data.arrow_files import from_rows
from text2graph_dagster.training.data.curriculum import lay_out
from text2graph_dagster.training.data.examples import read_examples, tokenise
from text2graph_dagster.training.data.name_augmentation import Renamer
from text2graph_dagster.training.data.schedule import ROW, lay_course, measure_lengths, rows_of_course, store_tokens
from text2graph_dagster.training.student_defaults import name_augmentation_share


def test_the_labels_of_a_real_batch_are_the_answers_and_their_end_token(
    workplace: Path, examples: Any, nano: Any, tmp_path: Path
) -> None:
    from text2graph_dagster.training.sft import make_trainer

    model, tokenizer = nano
    config = read_config(TrainingConfig, workplace / "sft.json")
    store = store_tokens(examples, tokenizer, tmp_path / "tokens.arrow")
    course = lay_course(examples, measure_lengths(store), config.settings)
    rows = from_rows(rows_of_course(course, store, tokenizer), tmp_path / "course.arrow", ROW)
    output = OutputDirectory(tmp_path / "out", "")
    trainer = make_trainer(config, copy.deepcopy(model), tokenizer, rows, output, Reporter(None))
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


def test_the_course_on_disk_is_the_one_that_lists_would_give(
    workplace: Path, examples: Any, nano: Any, tmp_path: Path
) -> None:
    """What the trainer reads is laid down by seeds; that it lies on disk changes nothing."""
    settings, (_, tokenizer) = (
        tiny_models.settings({"sft": {**tiny_models.SMALL["sft"], "name_augmentation_share": 0.5}}),
        nano,
    )
    everything = list(examples)
    tokens = list(tokenise(everything, tokenizer))
    sft = settings.sft
    batches = lay_out(
        [len(t) for t in tokens],
        batch_size=sft.batch_size,
        steps=sft.max_steps,
        curriculum_share=sft.curriculum_share,
        seed=settings.seed,
    )
    course = [everything[i] for batch in batches for i in batch]
    wanted = list(
        tokenise(Renamer(everything).rename_some(course, name_augmentation_share(settings), settings), tokenizer)
    )
    store = store_tokens(examples, tokenizer, tmp_path / "tokens.arrow")
    laid = lay_course(examples, measure_lengths(store), settings)
    found = from_rows(rows_of_course(laid, store, tokenizer), tmp_path / "course.arrow", ROW)
    assert found["input_ids"][:] == [[*t.prompt, *t.answer] for t in wanted]
    assert found["labels"][:] == [[-100] * len(t.prompt) + t.answer for t in wanted]
    assert found.cache_files == [{"filename": str(tmp_path / "course.arrow")}]  # mapped, not loaded


def test_examples_are_read_as_they_are_asked_for(examples: Any) -> None:
    assert list(examples) == [examples[i] for i in range(len(examples))] == examples[:]
    assert list(examples.select([3, 1])) == [examples[3], examples[1]]


def test_given_entities_are_renamed_with_the_text(examples: Any) -> None:
    example = examples[0]
    given = given_block(example.graph.entities, "compact")
    prompt = ({"role": "user", "content": f'"person";"works for"\n{given}\n{example.text}\n'},)
    renamed = next(
        Renamer(examples).rename_some([replace(example, task="relations", prompt=prompt)], 1.0, tiny_models.settings())
    )
    given = given_block(renamed.graph.entities, "compact")
    assert renamed.prompt[0]["content"] == f'"person";"works for"\n{given}\n{renamed.text}\n'
    assert renamed.text != example.text


def test_thinking_stands_before_the_json_when_it_is_asked_for(workplace: Path, tmp_path: Path) -> None:
    frame = pl.read_parquet(workplace / "train.parquet").head(1)
    row = frame.to_dicts()[0]
    row["messages"][1]["content"] = "<think>\nAna works.\n</think>\n" + row["messages"][1]["content"]
    pl.DataFrame([row], schema=frame.schema).write_parquet(tmp_path / "one.parquet")
    silent = read_examples(tmp_path / "one.parquet", tiny_models.settings())[0]
    thinking = read_examples(tmp_path / "one.parquet", tiny_models.settings({"dataset": {"thinking": True}}))[0]
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
        read_examples(path, tiny_models.settings())
