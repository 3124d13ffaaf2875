"""What is taught, in its order, as rows of tokens on disk: written before training, memory-mapped while it runs."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.compute

from text2graph_dagster.settings import Settings
from text2graph_dagster.training.data.arrow_files import ROWS, from_rows, in_batches
from text2graph_dagster.training.data.curriculum import lay_out
from text2graph_dagster.training.data.examples import Example, tokenise
from text2graph_dagster.training.data.name_augmentation import Renamer
from text2graph_dagster.training.student_defaults import name_augmentation_share

IGNORED = -100  # the label of a token that is not taught
_IDS = pyarrow.list_(pyarrow.int32())
ROW = {"input_ids": _IDS, "labels": _IDS}
_STORED = {"prompt": _IDS, "answer": _IDS}

Course = Iterable[tuple[int, Example | None]]


def store_tokens(examples: Iterable[Example], tokenizer: Any, path: Path) -> Any:
    """Return a memory-mapped `datasets.Dataset` of every example's tokens, prompt and answer."""
    rows = ({"prompt": t.prompt, "answer": t.answer} for t in tokenise(examples, tokenizer))
    return from_rows(rows, path, _STORED)


def measure_lengths(store: Any) -> list[int]:
    """Return the number of tokens of every example, prompt and answer together."""
    return [len(p) + len(a) for some in store.iter(ROWS) for p, a in zip(some["prompt"], some["answer"], strict=True)]


def padding_share(lengths: Sequence[int], pass_size: int) -> float:
    """Return the share of places that hold padding, where rows are read in their order, `pass_size` at a time."""
    passes = [lengths[start : start + pass_size] for start in range(0, len(lengths), pass_size)]
    places = sum(len(some) * max(some) for some in passes)
    return 1 - sum(lengths) / places if places else 0.0


def padding_of(rows: Any, pass_size: int) -> float:
    """Return the share of a course's places that hold padding; `rows` is its `datasets.Dataset`."""
    return padding_share(pyarrow.compute.list_value_length(rows.data.column("input_ids")).to_pylist(), pass_size)


def lay_course(examples: Sequence[Example], lengths: Sequence[int], settings: Settings) -> Course:
    """Yield the numbers of the examples as often and in the order that they are taught, some with invented names.

    A renamed example is another each time, so it comes with its number; the others are read where they are stored.
    """
    sft = settings.sft
    batches = lay_out(
        lengths,
        batch_size=sft.batch_size,
        steps=sft.max_steps,
        curriculum_share=sft.curriculum_share,
        seed=settings.seed,
    )
    order = (i for batch in batches for i in batch)
    return Renamer(examples).draw(order, examples.__getitem__, name_augmentation_share(settings), settings)


def rows_of_course(course: Course, store: Any, tokenizer: Any) -> Iterator[dict[str, list[int]]]:
    """Yield what the trainer reads: token ids, and labels for the answer and its end token only."""
    for some in in_batches(course, ROWS):
        known = store[[number for number, _ in some]]
        renamed = tokenise([example for _, example in some if example is not None], tokenizer)
        for place, (_, example) in enumerate(some):
            prompt, answer = known["prompt"][place], known["answer"][place]
            if example is not None:
                prompt, answer = (fresh := next(renamed)).prompt, fresh.answer
            yield {"input_ids": [*prompt, *answer], "labels": [IGNORED] * len(prompt) + list(answer)}
