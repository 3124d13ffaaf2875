"""SFT's token rows in training order, computed before training and memory-mapped.

`curriculum.plan_batches` decides the order of the examples; this module adds invented names and tokenises them.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.compute

from text2graph_dagster.errors import UserError
from text2graph_dagster.settings import Settings
from text2graph_dagster.training.data.arrow_files import BATCH_ROWS, iterate_batches, write_rows
from text2graph_dagster.training.data.curriculum import plan_batches
from text2graph_dagster.training.data.examples import Example, Examples, tokenise_examples
from text2graph_dagster.training.data.name_augmentation import NameAugmenter
from text2graph_dagster.training.student_defaults import choose_name_augmentation_share, choose_sft_steps

IGNORED = -100  # the label of a token without loss
_IDS = pyarrow.list_(pyarrow.int32())
ROW_TYPES = {"input_ids": _IDS, "labels": _IDS}
_TOKEN_TYPES = {"prompt": _IDS, "answer": _IDS}

Schedule = Iterable[tuple[int, Example | None]]  # index of the example, and its renamed version if it has one


def make_training_rows(examples: Examples, tokenizer: Any, settings: Settings, folder: Path) -> tuple[Any, int]:
    """Write SFT's token rows to `folder`; return (`datasets.Dataset`, number of examples that are too long).

    Raises:
        UserError: every example has more than `sft.max_length` tokens.
    """
    store = store_tokens(examples, tokenizer, folder / "tokens.arrow")
    lengths = measure_lengths(store)
    short = [i for i, length in enumerate(lengths) if length <= settings.sft.max_length]
    if not short:
        raise UserError("every example is longer than sft.max_length: raise sft.max_length, or use shorter passages.")
    pool = repeat_annotated(short, examples.annotated, settings.sft.annotated_repeats)
    schedule = plan_schedule(examples.select(pool), [lengths[i] for i in pool], settings)
    rows = tokenise_schedule(schedule, store.select(pool), tokenizer)
    return write_rows(rows, folder / "course.arrow", ROW_TYPES), len(examples) - len(short)


def repeat_annotated(indices: Sequence[int], annotated: Sequence[bool], repeats: int) -> list[int]:
    """Return the indices with those of annotated examples repeated, so that they are drawn `repeats` times as often."""
    return [i for i in indices for _ in range(repeats if annotated[i] else 1)]


def store_tokens(examples: Iterable[Example], tokenizer: Any, path: Path) -> Any:
    """Write the prompt and answer tokens of every example; return a memory-mapped `datasets.Dataset` of them."""
    rows = ({"prompt": t.prompt, "answer": t.answer} for t in tokenise_examples(examples, tokenizer))
    return write_rows(rows, path, _TOKEN_TYPES)


def measure_lengths(store: Any) -> list[int]:
    """Return the number of tokens of every example, prompt and answer together."""
    return [
        len(prompt) + len(answer)
        for batch in store.iter(BATCH_ROWS)
        for prompt, answer in zip(batch["prompt"], batch["answer"], strict=True)
    ]


def pad_lengths(lengths: Sequence[int], pass_size: int) -> list[int]:
    """Return the rows' lengths in tokens with padding, if rows are batched in order, `pass_size` per forward pass."""
    passes = [lengths[start : start + pass_size] for start in range(0, len(lengths), pass_size)]
    return [max(rows) for rows in passes for _ in rows]


def compute_padding_share(lengths: Sequence[int], pass_size: int) -> float:
    """Return the share of padding tokens if rows are batched in order, `pass_size` rows per forward pass."""
    tokens = sum(pad_lengths(lengths, pass_size))
    return 1 - sum(lengths) / tokens if tokens else 0.0


def measure_rows(rows: Any) -> list[int]:
    """Return the length in tokens of each training row, `rows` being a `datasets.Dataset`."""
    lengths: list[int] = pyarrow.compute.list_value_length(rows.data.column("input_ids")).to_pylist()
    return lengths


def count_step_tokens(rows: Any, batch_size: int, pass_size: int) -> list[int]:
    """Return the number of tokens of each training step, padding included."""
    lengths = pad_lengths(measure_rows(rows), pass_size)
    return [sum(lengths[start : start + batch_size]) for start in range(0, len(lengths), batch_size)]


def measure_padding(rows: Any, pass_size: int) -> float:
    """Return the share of padding tokens in the training rows; see `compute_padding_share`."""
    return compute_padding_share(measure_rows(rows), pass_size)


def plan_schedule(examples: Sequence[Example], lengths: Sequence[int], settings: Settings) -> Schedule:
    """Return (index, renamed example or None) of all examples in training order, repeats included.

    An example that is not renamed is later read from the stored tokens.
    """
    sft = settings.sft
    batches = plan_batches(
        lengths,
        batch_size=sft.batch_size,
        steps=choose_sft_steps(settings),
        curriculum_share=sft.curriculum_share,
        seed=settings.seed,
    )
    order = (i for batch in batches for i in batch)
    share = choose_name_augmentation_share(settings)
    return NameAugmenter(examples).augment_items(order, examples.__getitem__, share, settings)


def tokenise_schedule(schedule: Schedule, store: Any, tokenizer: Any) -> Iterator[dict[str, list[int]]]:
    """Yield the trainer's rows: token ids, and labels for the answer and its EOS only."""
    for batch in iterate_batches(schedule, BATCH_ROWS):
        stored = store[[index for index, _ in batch]]
        renamed = tokenise_examples([example for _, example in batch if example is not None], tokenizer)
        for place, (_, example) in enumerate(batch):
            prompt, answer = stored["prompt"][place], stored["answer"][place]
            if example is not None:
                prompt, answer = (fresh := next(renamed)).prompt, fresh.answer
            yield {"input_ids": [*prompt, *answer], "labels": [IGNORED] * len(prompt) + list(answer)}
