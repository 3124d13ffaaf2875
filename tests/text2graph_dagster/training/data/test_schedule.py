"""The training rows on disk: labels, order, padding."""

import copy
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.text2graph_dagster.training import tiny_models
from text2graph_dagster.graph.parsing import parse
from text2graph_dagster.graph.wire import strip_leading_blanks
from text2graph_dagster.runtime.config import read_config
from text2graph_dagster.runtime.output_directory import OutputDirectory
from text2graph_dagster.runtime.reporting import Reporter
from text2graph_dagster.training.config import TrainingConfig
from text2graph_dagster.training.data.arrow_files import write_rows
from text2graph_dagster.training.data.curriculum import plan_batches
from text2graph_dagster.training.data.examples import read_examples, tokenise_examples
from text2graph_dagster.training.data.name_augmentation import NameAugmenter
from text2graph_dagster.training.data.schedule import (
    ROW_TYPES,
    compute_padding_share,
    count_step_tokens,
    make_training_rows,
    measure_lengths,
    measure_padding,
    measure_rows,
    plan_schedule,
    repeat_annotated,
    store_tokens,
    tokenise_schedule,
)
from text2graph_dagster.training.student_defaults import choose_name_augmentation_share


@pytest.mark.parametrize(
    ("lengths", "pass_size", "share"),
    [([4, 4, 4], 3, 0.0), ([1, 3], 2, 2 / 6), ([1, 3], 1, 0.0), ([2, 4, 6], 2, 2 / 14), ([], 4, 0.0)],
)
def test_padding_is_counted_per_forward_pass(lengths: list[int], pass_size: int, share: float) -> None:
    assert compute_padding_share(lengths, pass_size) == pytest.approx(share)


def test_the_padding_share_is_measured_on_stored_rows(tmp_path: Path) -> None:
    rows = [{"input_ids": [1] * n, "labels": [1] * n} for n in (3, 1, 2)]
    assert measure_padding(write_rows(rows, tmp_path / "course.arrow", ROW_TYPES), 2) == pytest.approx(2 / 8)


def test_the_tokens_of_a_step_include_padding(tmp_path: Path) -> None:
    rows = [{"input_ids": [1] * n, "labels": [1] * n} for n in (3, 1, 2, 2, 5, 4, 1, 1)]
    stored = write_rows(rows, tmp_path / "course.arrow", ROW_TYPES)
    assert measure_rows(stored) == [3, 1, 2, 2, 5, 4, 1, 1]
    assert count_step_tokens(stored, batch_size=4, pass_size=2) == [3 + 3 + 2 + 2, 5 + 5 + 1 + 1]
    assert count_step_tokens(stored, batch_size=4, pass_size=4) == [4 * 3, 4 * 5]


def test_annotated_examples_are_drawn_more_often() -> None:
    assert repeat_annotated([0, 2, 3], [True, False, False, True], 3) == [0, 0, 0, 2, 3, 3, 3]
    assert repeat_annotated([2, 3], [True, False, False, True], 1) == [2, 3]


def test_the_setting_repeats_annotated_examples_in_the_training_rows(
    workplace: Path, nano: Any, tmp_path: Path
) -> None:
    rows = pl.read_parquet(workplace / "train.parquet")
    marked = rows.with_columns(annotated=pl.int_range(pl.len()) < 2)
    marked.write_parquet(tmp_path / "train.parquet")
    shares = []
    for repeats in (1, rows.height):
        sft = {"annotated_repeats": repeats, "max_steps": 200, "batch_size": 4, "curriculum_share": 0.0}
        settings = tiny_models.settings({"sft": {**sft, "name_augmentation_share": 0.0}})
        examples = read_examples(tmp_path / "train.parquet", settings, tmp_path)
        made, too_long = make_training_rows(examples, nano[1], settings, tmp_path / str(repeats))
        assert too_long == 0
        whole = tokenise_examples(list(examples)[:2], nano[1])
        annotated = {(*tokens.prompt, *tokens.answer) for tokens in whole}
        shares.append(sum(tuple(ids) in annotated for ids in made["input_ids"]) / len(made))
    n = rows.height
    assert shares == pytest.approx([2 / n, 2 * n / (3 * n - 2)], rel=0.15)


def test_the_labels_of_a_batch_are_the_answers_with_the_eos_token(
    workplace: Path, examples: Any, nano: Any, tmp_path: Path
) -> None:
    from text2graph_dagster.training.sft import make_trainer

    model, tokenizer = nano
    config = read_config(TrainingConfig, workplace / "sft.json")
    store = store_tokens(examples, tokenizer, tmp_path / "tokens.arrow")
    schedule = plan_schedule(examples, measure_lengths(store), config.settings)
    rows = write_rows(tokenise_schedule(schedule, store, tokenizer), tmp_path / "course.arrow", ROW_TYPES)
    output = OutputDirectory(tmp_path / "out", "")
    trainer = make_trainer(copy.deepcopy(model), tokenizer, rows, config.settings, output, Reporter(None))
    padded = 0
    for batch in trainer.get_train_dataloader():
        assert batch["labels"].shape[0] == 4
        for ids, labels, mask in zip(batch["input_ids"], batch["labels"], batch["attention_mask"], strict=True):
            labelled = labels[labels != -100].tolist()
            assert labelled[-1] == tokenizer.eos_token_id and labelled.count(tokenizer.eos_token_id) == 1
            prompt, answer = tokenizer.decode(ids[(labels == -100) & (mask == 1)]), tokenizer.decode(labelled[:-1])
            parsed = parse(strip_leading_blanks(answer))
            assert parsed.strict and parsed.entities and all(text in prompt for text, _ in parsed.entities)
            assert tokenizer.pad_token_id not in labelled
            assert (labels[mask == 0] == -100).all()
            assert prompt.startswith('<|begin|>"person"') and prompt.endswith("<|answer|>")
            padded += int((mask == 0).sum())
    assert padded > 0


def test_the_rows_on_disk_are_in_the_planned_order(workplace: Path, examples: Any, nano: Any, tmp_path: Path) -> None:
    """Writing the rows in batches gives the same rows as writing them at once."""
    settings, (_, tokenizer) = (
        tiny_models.settings({"sft": {**tiny_models.SMALL["sft"], "name_augmentation_share": 0.5}}),
        nano,
    )
    everything = list(examples)
    tokens = list(tokenise_examples(everything, tokenizer))
    sft = settings.sft
    batches = plan_batches(
        [len(t) for t in tokens],
        batch_size=sft.batch_size,
        steps=sft.max_steps,
        curriculum_share=sft.curriculum_share,
        seed=settings.seed,
    )
    order = [everything[i] for batch in batches for i in batch]
    wanted = list(
        tokenise_examples(
            NameAugmenter(everything).augment(order, choose_name_augmentation_share(settings), settings), tokenizer
        )
    )
    store = store_tokens(examples, tokenizer, tmp_path / "tokens.arrow")
    schedule = plan_schedule(examples, measure_lengths(store), settings)
    found = write_rows(tokenise_schedule(schedule, store, tokenizer), tmp_path / "course.arrow", ROW_TYPES)
    assert found["input_ids"][:] == [[*t.prompt, *t.answer] for t in wanted]
    assert found["labels"][:] == [[-100] * len(t.prompt) + t.answer for t in wanted]
    assert found.cache_files == [{"filename": str(tmp_path / "course.arrow")}]  # memory-mapped
