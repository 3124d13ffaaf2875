"""Sampling of tokens under a constraint."""

import random
from collections.abc import Sequence

import torch
from torch import Tensor

from text2graph_dagster.inference.sampling import sample_allowed_tokens


class EvenTokens:
    """Allows even tokens only."""

    def advance(self, answers: Sequence[int], tokens: Sequence[int]) -> list[int]:
        return [i for i, token in enumerate(tokens) if token % 2]

    def allowed_tokens(self, answers: Sequence[int]) -> Tensor:
        return (torch.arange(6) % 2 == 0).expand(len(answers), 6)


def test_constrained_samples_follow_the_distribution_over_allowed_tokens() -> None:
    rng, rows = random.Random(0), 8000
    logits = torch.tensor([rng.gauss(0, 1) for _ in range(6)])
    running = torch.ones(rows, dtype=torch.bool)
    running[-1] = False
    token, log_probability = sample_allowed_tokens(
        logits.expand(rows, 6), torch.arange(rows), running, EvenTokens(), 1.0, torch.Generator().manual_seed(0)
    )
    drawn = torch.bincount(token[:-1], minlength=6) / (rows - 1)
    assert (drawn - torch.softmax(logits.masked_fill(torch.arange(6) % 2 == 1, float("-inf")), -1)).abs().max() < 0.02
    assert torch.allclose(log_probability, torch.log_softmax(logits, -1)[token], atol=1e-5)
