"""A student that answers in the process that extracts."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from text2graph_dagster.extract.documents import Question, Reply
from text2graph_dagster.extract.recipe import Recipe
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.training.answering import answer_prompts
from text2graph_dagster.training.examples import render_prompts
from text2graph_dagster.training.program import set_threads
from text2graph_dagster.training.students import load_student

_BATCHES = 8  # are taken together: among so many, passages of about the same length are found


class LocalStudent:
    """A model directory, run in this process: by the fast decoder where it fits, else by Transformers."""

    def __init__(
        self, checkpoint: Path, recipe: Recipe, ontology: Ontology, batch_size: int, threads: int | None
    ) -> None:
        """Load the model; `threads` are processor cores, 0 all of them, None as many as torch thinks right.

        Raises:
            UserError: it cannot be loaded.
        """
        if threads is not None:
            set_threads(threads)
        self._model, self._tokenizer = load_student(checkpoint)
        self._recipe, self._ontology, self._batch_size = recipe, ontology, batch_size

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
        yield from ((q, Reply("", "too_long")) for q, n in zip(questions, lengths, strict=True) if room and n >= room)
        short = sorted((n, i) for i, n in enumerate(lengths) if room is None or n < room)
        for start in range(0, len(short), self._batch_size):
            batch = [i for _, i in short[start : start + self._batch_size]]
            answers = answer_prompts(
                self._model,
                self._tokenizer,
                [prompts[i] for i in batch],
                max_new_tokens=self._recipe.max_new_tokens,
                batch_size=self._batch_size,
                forms=self._recipe.forms((questions[i].text for i in batch), self._ontology),
            )
            for i, answer in zip(batch, answers, strict=True):
                yield questions[i], Reply(answer.text, "", answer.tokens)
