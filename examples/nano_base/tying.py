"""Keeps the embeddings of type tokens made of their words' embeddings while the base is pretrained.

A type token of its own would learn what this type means, and nothing of the types to come. Tied to the embeddings of
its words (`type_tokens.py`), what it learns its words learn. The trainer knows nothing of it: the
gradient of a type's row is handed on to the rows that it is made of, and after each step the row is made anew.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import TrainerCallback


class TiedTypes(TrainerCallback):  # type: ignore[misc]
    """Ties the last rows of a model's embedding, one for each list of `pieces`, to the rows of pieces and marker."""

    def __init__(self, model: Any, pieces: Sequence[Sequence[int]], marker: int) -> None:
        self._weight = model.get_input_embeddings().weight
        self._first, self._marker = len(self._weight) - len(pieces), marker
        self._piece = torch.tensor([piece for ids in pieces for piece in ids])
        self._owner = torch.tensor([row for row, ids in enumerate(pieces) for _ in ids])
        self._share = torch.tensor([1 / len(ids) for ids in pieces for _ in ids])[:, None]
        self.compose()
        self._weight.register_hook(self.hand_on)

    @torch.no_grad()
    def compose(self) -> None:
        """Make every type's row of its words' rows."""
        rows = torch.zeros_like(self._weight[self._first :])
        rows.index_add_(0, self._owner, self._weight[self._piece] * self._share)
        self._weight[self._first :] = rows + self._weight[self._marker]

    def hand_on(self, gradient: Tensor) -> Tensor:
        """Return the embedding's gradient with that of the types' rows given to the rows they are made of."""
        handed = gradient.clone()
        types = gradient[self._first :]
        handed[self._first :] = 0
        handed.index_add_(0, self._piece, types[self._owner] * self._share)
        handed[self._marker] += types.sum(0)
        return handed

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        """Make the types' rows anew."""
        self.compose()

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        """Make the types' rows of what a checkpoint held."""
        self.compose()
