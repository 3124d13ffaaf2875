"""Training examples: rows of filtered_dataset as prompts and answers, and their token ids."""

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
from text2graph_dagster.training.data.arrow_files import BATCH_ROWS, convert_parquet, iterate_batches

COLUMNS = ("example_id", "corpus", "messages", "entity_types", "relation_types", "entities", "relations", "text")
# Without these, the task is "both", and every graph is trusted and comes from a teacher.
OPTIONAL_COLUMNS = ("task", "passage_id", "trusted", "annotated")


@dataclass(frozen=True)
class Example:
    """A prompt and its answer. `graph` has the requested types only; `answer` is the graph in the student's wire form.

    If the graph is not `trusted`, GRPO scores answers with the reward model, if there is one.
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
    """Token ids of a prompt and of its answer, which ends with EOS; `index` is the example's number."""

    index: int
    prompt: list[int]
    answer: list[int]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


class Examples(Sequence[Example]):
    """Examples in a memory-mapped dataset; an `Example` is made on each access."""

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
        return _make_example(self._rows[index], self._settings)

    def __iter__(self) -> Iterator[Example]:
        for batch in self._rows.iter(BATCH_ROWS):
            for values in zip(*batch.values(), strict=True):
                yield _make_example(dict(zip(batch, values, strict=True)), self._settings)

    @property
    def annotated(self) -> list[bool]:
        """Whether each example's graph is an annotation; False if it is from a teacher, or unknown."""
        known = "annotated" in self._rows.column_names
        return list(self._rows["annotated"]) if known else [False] * len(self)

    def select(self, indices: Sequence[int]) -> "Examples":
        """Return the examples with these indices, in this order."""
        return Examples(self._rows.select(indices), self._settings)


def read_examples(path: Path, settings: Settings, cache: Path | None = None) -> Examples:
    """Read a parquet file of examples.

    Args:
        cache: folder of the memory-mapped copy; None: a temporary folder, removed when the process ends.

    Raises:
        UserError: the file is missing or empty, or lacks a column.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist: name the parquet file of examples in the configuration.")
    schema = pl.read_parquet_schema(path)
    if missing := [column for column in COLUMNS if column not in schema]:
        raise UserError(
            f"{path} lacks the column {missing[0]!r}: the file must have the columns of filtered_dataset, and `text`."
        )
    columns = [*COLUMNS, *(column for column in OPTIONAL_COLUMNS if column in schema)]
    rows = convert_parquet(path, (cache or _make_temporary_folder()) / f"{path.stem}.arrow", columns)
    if not len(rows):
        raise UserError(f"{path} has no examples: lower the thresholds of filtered_dataset, or name another file.")
    return Examples(rows, settings)


def _make_temporary_folder() -> Path:
    folder = tempfile.mkdtemp(prefix="text2graph-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _make_example(row: Mapping[str, Any], settings: Settings) -> Example:
    graph = from_rows(row["entities"], row["relations"])
    prompt = tuple({"role": m["role"], "content": m["content"]} for m in row["messages"] if m["role"] != "assistant")
    stored = next((m["content"] for m in row["messages"] if m["role"] == "assistant"), "")
    return Example(
        row["example_id"],
        row["corpus"],
        row["text"],
        prompt,
        (_read_rationale(stored) if settings.dataset.thinking else "") + serialise(graph, choose_wire(settings)),
        tuple(row["entity_types"]),
        tuple(row["relation_types"]),
        graph,
        row.get("task") or "both",
        row.get("passage_id") or "",
        row.get("trusted") is not False,
    )


def _read_rationale(answer: str) -> str:
    """Return the rationale before the JSON, with its tags; "" if there is none."""
    before, closed, _ = answer.rpartition("</think>")
    return f"{before}{closed}\n" if closed else ""


def tokenise_examples(examples: Iterable[Example], tokenizer: Any) -> Iterator[Tokens]:
    """Yield the token ids of every example, lazily, by the tokenizer's chat template.

    The prompt includes the template's generation prompt; the answer is the text that follows it, up to EOS.

    Raises:
        UserError: the chat template does not put the answer after the prompt.
    """
    index = itertools.count()
    for batch in iterate_batches(examples, BATCH_ROWS):
        prompts = render_prompts([example.prompt for example in batch], tokenizer)
        turns = [[*example.prompt, {"role": "assistant", "content": example.answer}] for example in batch]
        dialogues = tokenizer.apply_chat_template(turns, tokenize=False, enable_thinking=False)
        if not all(dialogue.startswith(prompt) for prompt, dialogue in zip(prompts, dialogues, strict=True)):
            raise UserError("the chat template does not put the answer after its prompt: choose another base model.")
        answers = [dialogue[len(prompt) :] for prompt, dialogue in zip(prompts, dialogues, strict=True)]
        prompt_ids, answer_ids = (
            tokenizer(texts, add_special_tokens=False)["input_ids"] for texts in (prompts, answers)
        )
        for prompt, answer in zip(prompt_ids, answer_ids, strict=True):
            yield Tokens(next(index), prompt, _cut_after_eos(answer, tokenizer.eos_token_id))


def _cut_after_eos(ids: list[int], eos: int) -> list[int]:
    """Return the ids up to EOS, without the text that a template writes after EOS (Qwen: a newline)."""
    return ids[: ids.index(eos) + 1] if eos in ids else [*ids, eos]
