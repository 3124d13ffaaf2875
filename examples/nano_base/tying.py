"""Tie the embeddings of type tokens to the embeddings of their words during pretraining.

An independent type token would learn the meaning of one type and nothing about unseen types. A tied one
(`type_tokens.py`) trains the embeddings of its words. The trainer is not involved: the gradient of a type's row is
passed to the rows of its words, and after each step the row is recomputed.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import TrainerCallback


class TiedTypes(TrainerCallback):  # type: ignore[misc]
    """Ties the last rows of a model's embedding, one per list of `pieces`, to the rows of pieces and marker."""

    def __init__(self, model: Any, pieces: Sequence[Sequence[int]], marker: int) -> None:
        self._weight = model.get_input_embeddings().weight
        self._first, self._marker = len(self._weight) - len(pieces), marker
        self._piece = torch.tensor([piece for ids in pieces for piece in ids])
        self._owner = torch.tensor([row for row, ids in enumerate(pieces) for _ in ids])
        self._share = torch.tensor([1 / len(ids) for ids in pieces for _ in ids])[:, None]
        self.compose()
        self._weight.register_hook(self.pass_gradient)

    @torch.no_grad()
    def compose(self) -> None:
        """Compute the row of every type from the rows of its words."""
        rows = torch.zeros_like(self._weight[self._first :])
        rows.index_add_(0, self._owner, self._weight[self._piece] * self._share)
        self._weight[self._first :] = rows + self._weight[self._marker]

    def pass_gradient(self, gradient: Tensor) -> Tensor:
        """Return the gradient of the embedding with that of type rows passed to the rows of their words."""
        passed = gradient.clone()
        types = gradient[self._first :]
        passed[self._first :] = 0
        passed.index_add_(0, self._piece, types[self._owner] * self._share)
        passed[self._marker] += types.sum(0)
        return passed

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        """Recompute the rows of the types."""
        self.compose()

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        """Compute the rows of the types from the loaded checkpoint."""
        self.compose()
