"""From rows of filtered_dataset to what a student reads and writes."""

import atexit
import itertools
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import polars as pl

from text2graph_dagster.errors import UserError
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.graph.rows import from_rows
from text2graph_dagster.graph.wire import serialise
from text2graph_dagster.inference.answer_format import choose_wire
from text2graph_dagster.inference.chat_template import Message, render_prompts
from text2graph_dagster.prompts.rendering import Task
from text2graph_dagster.settings import Settings
from text2graph_dagster.training.data.arrow_files import ROWS, from_parquet, in_batches

COLUMNS = ("example_id", "corpus", "messages", "entity_types", "relation_types", "entities", "relations", "text")


OPTIONAL_COLUMNS = ("task", "passage_id", "trusted")  # a gold passage is asked for everything, and its graph is right


@dataclass(frozen=True)
class Example:
    """One question and its answer. `graph` holds what is asked for; `answer` is it in the student's wire form.

    A graph that is not `trusted` is no measure of an answer where a reward model can judge instead.
    """

    example_id: str
    corpus: str
    text: str
    prompt: tuple[Message, ...]
    answer: str
    entity_types: tuple[str, ...]
    relation_types: tuple[str, ...]
    graph: Graph
    task: Task = "both"
    passage_id: str = ""
    trusted: bool = True


@dataclass(frozen=True)
class Tokens:
    """Token ids of a prompt and of the answer with its end token; `index` is the example's number."""

    index: int
    prompt: list[int]
    answer: list[int]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


class Examples(Sequence[Example]):
    """Examples in a memory-mapped data set; each becomes an object when it is asked for, and only then."""

    def __init__(self, rows: Any, settings: Settings) -> None:
        self._rows, self._settings = rows, settings

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Example: ...

    @overload
    def __getitem__(self, index: slice) -> list[Example]: ...

    def __getitem__(self, index: int | slice) -> Example | list[Example]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return _example(self._rows[index], self._settings)

    def __iter__(self) -> Iterator[Example]:
        for some in self._rows.iter(ROWS):
            for values in zip(*some.values(), strict=True):
                yield _example(dict(zip(some, values, strict=True)), self._settings)

    def select(self, indices: Sequence[int]) -> "Examples":
        """Return these examples, in this order."""
        return Examples(self._rows.select(indices), self._settings)


def read_examples(path: Path, settings: Settings, cache: Path | None = None) -> Examples:
    """Read a parquet file of examples.

    Args:
        cache: a folder for the memory-mapped copy; none: one that lasts as long as this process.

    Raises:
        UserError: the file is missing, lacks a column, or is empty.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist: name the parquet file of examples in the configuration.")
    there = pl.read_parquet_schema(path)
    if missing := [column for column in COLUMNS if column not in there]:
        raise UserError(f"{path} lacks the column {missing[0]!r}: give it the columns of filtered_dataset and `text`.")
    columns = [*COLUMNS, *(column for column in OPTIONAL_COLUMNS if column in there)]
    rows = from_parquet(path, (cache or _scratch()) / f"{path.stem}.arrow", columns)
    if not len(rows):
        raise UserError(f"{path} holds no examples: there is nothing to learn from.")
    return Examples(rows, settings)


def _scratch() -> Path:
    folder = tempfile.mkdtemp(prefix="text2graph-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _example(row: Mapping[str, Any], settings: Settings) -> Example:
    graph = from_rows(row["entities"], row["relations"])
    prompt = tuple({"role": m["role"], "content": m["content"]} for m in row["messages"] if m["role"] != "assistant")
    taught = next((m["content"] for m in row["messages"] if m["role"] == "assistant"), "")
    return Example(
        row["example_id"],
        row["corpus"],
        row["text"],
        prompt,
        (_thinking(taught) if settings.dataset.thinking else "") + serialise(graph, choose_wire(settings.student)),
        tuple(row["entity_types"]),
        tuple(row["relation_types"]),
        graph,
        row.get("task") or "both",
        row.get("passage_id") or "",
        row.get("trusted") is not False,
    )


def _thinking(answer: str) -> str:
    """Return the rationale that stands before the JSON, with its tags; "" when there is none."""
    before, closed, _ = answer.rpartition("</think>")
    return f"{before}{closed}\n" if closed else ""


def tokenise(examples: Iterable[Example], tokenizer: Any) -> Iterator[Tokens]:
    """Yield the token ids of every example by the tokenizer's chat template, as they are asked for.

    The prompt ends where the model begins to write; the answer is what the template adds to it, end token included.

    Raises:
        UserError: the chat template does not put the answer after the prompt, or never ends it.
    """
    number = itertools.count()
    for some in in_batches(examples, ROWS):
        prompts = render_prompts([example.prompt for example in some], tokenizer)
        turns = [[*example.prompt, {"role": "assistant", "content": example.answer}] for example in some]
        wholes = tokenizer.apply_chat_template(turns, tokenize=False, enable_thinking=False)
        if not all(whole.startswith(prompt) for prompt, whole in zip(prompts, wholes, strict=True)):
            raise UserError("the chat template does not put the answer after its prompt: choose another base model.")
        rests = [whole[len(prompt) :] for prompt, whole in zip(prompts, wholes, strict=True)]
        prompt_ids, answer_ids = (tokenizer(texts, add_special_tokens=False)["input_ids"] for texts in (prompts, rests))
        for prompt, answer in zip(prompt_ids, answer_ids, strict=True):
            yield Tokens(next(number), prompt, _end_once(answer, tokenizer.eos_token_id))


def _end_once(ids: list[int], end: int) -> list[int]:
    """Return the ids up to the end token: what a template writes after it (Qwen: a line end) is not taught."""
    return ids[: ids.index(end) + 1] if end in ids else [*ids, end]
