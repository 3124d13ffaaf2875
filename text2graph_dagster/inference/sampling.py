"""The next token of every answer: the likeliest or one drawn, and where answers are held to a form, an allowed one."""

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional


class Constraint(Protocol):
    """What the answers of a batch are held to; it follows each of them token by token."""

    def advance(self, answers: list[int], tokens: list[int]) -> list[int]:
        """Take in the next token of each of these answers; return the places in the list of those it does not take."""

    def allowed_tokens(self, answers: list[int]) -> Tensor:
        """Return which tokens may come next: booleans (answers, vocabulary)."""


def sample_tokens(logits: Tensor, temperature: float, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Return (token, its log-probability) for each row: the likeliest, or one drawn at `temperature`."""
    log_probabilities = functional.log_softmax(logits.float() / (temperature or 1.0), -1)
    if temperature == 0:
        token = logits.argmax(-1)
    else:  # by the inverse of the distribution function: one uniform number per row, much faster than multinomial
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
    """Return `pick` among the allowed tokens, for the rows that are `running`; `answers` numbers the rows' answers.

    What may come next is asked only where the token that was picked first may not: to check one token costs a fraction
    of listing all that are allowed. Drawn so, a token has the same probability as if it were drawn from the allowed
    ones at once. The log-probabilities are the model's own.
    """
    token, log_probability = sample_tokens(logits, temperature, generator)
    rows = running.nonzero()[:, 0]
    numbers = answers[rows].tolist()
    if refused := constraint.advance(numbers, token[rows].tolist()):
        again, which = rows[refused], [numbers[i] for i in refused]
        masked = logits[again].masked_fill(~constraint.allowed_tokens(which), float("-inf"))
        token[again] = sample_tokens(masked, temperature, generator)[0]
        own = functional.log_softmax(logits[again].float() / (temperature or 1.0), -1)
        log_probability[again] = own.gather(1, token[again, None])[:, 0]
        constraint.advance(which, token[again].tolist())
    return token, log_probability
