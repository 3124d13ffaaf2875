"""Choice of the next token of every answer: greedy or sampled, and under a constraint only among the allowed tokens."""

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional


class Constraint(Protocol):
    """Limits the answers of a batch; tracks each answer token by token."""

    def advance(self, answers: list[int], tokens: list[int]) -> list[int]:
        """Append a token to each of these answers; return the list indices of the tokens that are rejected."""

    def allowed_tokens(self, answers: list[int]) -> Tensor:
        """Return which tokens may come next, as booleans of shape (answers, vocabulary)."""


def sample_tokens(logits: Tensor, temperature: float, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Choose a token for each row of `logits` (rows, vocabulary): the argmax at temperature 0, else a sample.

    Returns:
        The tokens and their log-probabilities at `temperature` (0 at temperature 0), each of shape (rows,).
    """
    if temperature == 0:
        best, token = logits.max(-1)  # much faster than argmax on a CPU
        return token, torch.zeros_like(best)
    log_probabilities = functional.log_softmax(logits.float() / temperature, -1)
    # Inverse transform sampling: one uniform number per row, much faster than torch.multinomial.
    cumulated = log_probabilities.exp().cumsum(-1)
    draw = torch.rand(len(cumulated), 1, generator=generator) * cumulated[:, -1:]
    token = (cumulated < draw).sum(-1).clamp(max=logits.shape[-1] - 1)
    return token, log_probabilities.gather(1, token[:, None])[:, 0]


def sample_allowed_tokens(
    logits: Tensor,
    answers: Tensor,
    running: Tensor,
    constraint: Constraint,
    temperature: float,
    generator: torch.Generator | None,
) -> tuple[Tensor, Tensor]:
    """Choose a token like `sample_tokens`, but only among the allowed ones.

    The set of allowed tokens is computed only for rows whose first choice is rejected: checking one token costs a
    fraction of listing all allowed ones. A token's probability is the same as if it were sampled from the allowed
    tokens directly. The log-probabilities are those of the unconstrained model.

    Args:
        answers: the number of each row's answer in `constraint`, shape (rows,).
        running: false for rows that have ended, which are not checked; shape (rows,).
    """
    token, log_probability = sample_tokens(logits, temperature, generator)
    rows = running.nonzero()[:, 0]
    numbers = answers[rows].tolist()
    if rejected := constraint.advance(numbers, token[rows].tolist()):
        again, which = rows[rejected], [numbers[i] for i in rejected]
        masked = logits[again].masked_fill(~constraint.allowed_tokens(which), float("-inf"))
        token[again] = sample_tokens(masked, temperature, generator)[0]
        if temperature:
            own = functional.log_softmax(logits[again].float() / temperature, -1)
            log_probability[again] = own.gather(1, token[again, None])[:, 0]
        constraint.advance(which, token[again].tolist())
    return token, log_probability
