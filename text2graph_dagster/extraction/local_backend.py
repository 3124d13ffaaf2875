"""The backend that runs the student in this process."""

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

_BATCHES = 8  # batches read ahead, so that a batch can hold passages of similar length


class LocalBackend:
    """Runs a model directory in this process, with the fast decoder if it supports the model."""

    def __init__(
        self, checkpoint: Path, recipe: CheckpointRecipe, ontology: Ontology, batch_size: int, threads: int | None
    ) -> None:
        """Load the model; `threads` is the number of processor cores (0: all; None: torch's default).

        Raises:
            UserError: the model cannot be loaded.
        """
        if threads is not None:
            set_threads(threads)
        self._model, self._tokenizer = load_student(checkpoint)
        self._recipe, self._ontology, self._batch_size = recipe, ontology, batch_size

    def answer(self, requests: Iterable[PassageRequest]) -> Iterator[tuple[PassageRequest, PassageReply]]:
        """Yield every request with its reply; a prompt longer than the model's context gets the problem "too_long"."""
        remaining = iter(requests)
        while some := list(islice(remaining, _BATCHES * self._batch_size)):
            yield from self._answer(some)

    def _answer(self, requests: list[PassageRequest]) -> Iterator[tuple[PassageRequest, PassageReply]]:
        messages = [[{"role": "user", "content": request.prompt}] for request in requests]
        prompts = render_prompts(messages, self._tokenizer)
        context = getattr(self._model.config, "max_position_embeddings", None)
        fitting: list[tuple[PassageRequest, list[int]]] = []
        for request, ids in zip(requests, self._tokenizer(prompts, add_special_tokens=False)["input_ids"], strict=True):
            if context is None or len(ids) < context:
                fitting.append((request, ids))
            else:
                yield request, PassageReply("", "too_long")
        for batch in answer_batches(
            self._model,
            self._tokenizer,
            [ids for _, ids in fitting],
            max_new_tokens=self._recipe.max_new_tokens,
            batch_size=self._batch_size,
            forms=self._recipe.answer_forms((request.text for request, _ in fitting), self._ontology),
            precision=self._recipe.decoding.precision,
        ):
            for i, answer in batch.items():
                yield fitting[i][0], PassageReply(answer.text, "", answer.tokens)
