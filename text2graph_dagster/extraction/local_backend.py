"""A student that answers in the process that extracts."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from text2graph_dagster.extraction.document_run import PassageReply, PassageRequest
from text2graph_dagster.inference.batch_generation import answer_batches
from text2graph_dagster.inference.chat_template import render_prompts
from text2graph_dagster.inference.checkpoint import CheckpointRecipe
from text2graph_dagster.inference.loading import load_student
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.runtime.program import set_threads

_BATCHES = 8  # are taken together: among so many, passages of about the same length are found


class LocalBackend:
    """A model directory, run in this process: by the fast decoder where it fits, else by Transformers."""

    def __init__(
        self, checkpoint: Path, recipe: CheckpointRecipe, ontology: Ontology, batch_size: int, threads: int | None
    ) -> None:
        """Load the model; `threads` are processor cores, 0 all of them, None as many as torch thinks right.

        Raises:
            UserError: it cannot be loaded.
        """
        if threads is not None:
            set_threads(threads)
        self._model, self._tokenizer = load_student(checkpoint)
        self._recipe, self._ontology, self._batch_size = recipe, ontology, batch_size

    def answer(self, questions: Iterable[PassageRequest]) -> Iterator[tuple[PassageRequest, PassageReply]]:
        """Yield every question with its reply."""
        waiting = iter(questions)
        while some := list(islice(waiting, _BATCHES * self._batch_size)):
            yield from self._answer(some)

    def _answer(self, questions: list[PassageRequest]) -> Iterator[tuple[PassageRequest, PassageReply]]:
        messages = [[{"role": "user", "content": question.prompt}] for question in questions]
        prompts = render_prompts(messages, self._tokenizer)
        room = getattr(self._model.config, "max_position_embeddings", None)
        short: list[tuple[PassageRequest, list[int]]] = []
        for question, ids in zip(
            questions, self._tokenizer(prompts, add_special_tokens=False)["input_ids"], strict=True
        ):
            if room is None or len(ids) < room:
                short.append((question, ids))
            else:
                yield question, PassageReply("", "too_long")
        for batch in answer_batches(
            self._model,
            self._tokenizer,
            [ids for _, ids in short],
            max_new_tokens=self._recipe.max_new_tokens,
            batch_size=self._batch_size,
            forms=self._recipe.answer_forms((question.text for question, _ in short), self._ontology),
        ):
            for i, answer in batch.items():
                yield short[i][0], PassageReply(answer.text, "", answer.tokens)
