"""A student that answers in the process that extracts."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from text2graph_dagster.extract.documents import Question, Reply
from text2graph_dagster.training.answering import answer_prompts
from text2graph_dagster.training.examples import render_prompts
from text2graph_dagster.training.program import set_threads
from text2graph_dagster.training.students import load_student

_BATCHES = 8  # are answered together: among so many, passages of about the same length are found


class LocalStudent:
    """A model directory, run in this process: by the fast decoder where it fits, else by Transformers."""

    def __init__(self, checkpoint: Path, max_new_tokens: int, batch_size: int, threads: int | None) -> None:
        """Load the model; `threads` are processor cores, 0 all of them, None as many as torch thinks right.

        Raises:
            UserError: it cannot be loaded.
        """
        if threads is not None:
            set_threads(threads)
        self._model, self._tokenizer = load_student(checkpoint)
        self._max_new_tokens, self._batch_size = max_new_tokens, batch_size

    def answers(self, questions: Iterable[Question]) -> Iterator[tuple[Question, Reply]]:
        """Yield every question with its reply."""
        waiting = iter(questions)
        while some := list(islice(waiting, _BATCHES * self._batch_size)):
            yield from self._answer(some)

    def _answer(self, questions: list[Question]) -> Iterator[tuple[Question, Reply]]:
        messages = [[{"role": "user", "content": question.prompt}] for question in questions]
        prompts = render_prompts(messages, self._tokenizer)
        room = getattr(self._model.config, "max_position_embeddings", None)
        lengths = [len(ids) for ids in self._tokenizer(prompts, add_special_tokens=False)["input_ids"]]
        fits = [room is None or length < room for length in lengths]
        answers = iter(
            answer_prompts(
                self._model,
                self._tokenizer,
                [prompt for prompt, fit in zip(prompts, fits, strict=True) if fit],
                max_new_tokens=self._max_new_tokens,
                batch_size=self._batch_size,
            )
        )
        for question, fit in zip(questions, fits, strict=True):
            answer = next(answers) if fit else None
            yield question, Reply(answer.text, "", answer.tokens) if answer else Reply("", "too_long")
