"""Packed completions have the same log-probabilities, entropies and gradients as in separate rows."""

import random
from typing import Any

import pytest
import torch
from torch import Tensor
from trl.trainer.utils import add_fused_lm_head

from text2graph_dagster.training.rl.shared_prompt import (
    pack_rows,
    shared_prompt_logprobs,
    supports_shared_prompt,
)

VOCABULARY, TEMPERATURE = 60, 0.7
PROMPTS = [[5, 6, 7, 8], [9], [5, 6, 7, 8], [10, 11], [9], [5, 6, 7, 8], [5, 6, 7, 9]]
LENGTHS = [3, 6, 1, 4, 2, 5, 3]
TRUNCATED = 5  # index of a completion that is masked entirely


def build(architecture: str) -> Any:
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(2)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "intermediate_size": 48, "vocab_size": VOCABULARY}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}
    config = AutoConfig.for_model(architecture, **shape, **heads, initializer_range=0.3)
    return AutoModelForCausalLM.from_config(config).eval()


def completions() -> list[list[int]]:
    rng = random.Random(0)
    return [[rng.randrange(1, VOCABULARY) for _ in range(length)] for length in LENGTHS]


def padded() -> tuple[Tensor, Tensor, Tensor]:
    """Return the batch in TRL's layout: prompts left-padded, completions right-padded, the truncated one masked."""
    left, right = max(map(len, PROMPTS)), max(LENGTHS)
    prompts, answers, seen = [], [], []
    for i, (prompt, completion) in enumerate(zip(PROMPTS, completions(), strict=True)):
        before, after = left - len(prompt), right - len(completion)
        prompts.append([0] * before + prompt)
        answers.append(completion + [0] * after)
        counts = int(i != TRUNCATED)
        seen.append([0] * before + [1] * len(prompt) + [counts] * len(completion) + [0] * after)
    return torch.tensor(prompts), torch.tensor(answers), torch.tensor(seen)


def alone(model: Any) -> tuple[Tensor, Tensor]:
    """Return log-probabilities and entropies of the model's plain forward pass, with one completion per row."""
    values, entropies = (torch.zeros(len(LENGTHS), max(LENGTHS)) for _ in range(2))
    for i, (prompt, completion) in enumerate(zip(PROMPTS, completions(), strict=True)):
        if i == TRUNCATED:
            continue
        logits = model(input_ids=torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1]
        logs = torch.log_softmax(logits / TEMPERATURE, -1)
        values[i, : len(completion)] = logs.gather(1, torch.tensor(completion)[:, None])[:, 0]
        entropies[i, : len(completion)] = -(logs.exp() * logs).sum(-1)
    return values, entropies


def gradient(model: Any, values: Tensor) -> Tensor:
    model.zero_grad()
    torch.autograd.backward((values * torch.linspace(-1, 1, values.numel()).view(values.shape)).sum())
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "qwen3"])
@pytest.mark.parametrize(
    "max_length", [1024, 9, 1]
)  # rows with all completions of a prompt, with some of them, with one
def test_packed_completions_have_the_same_log_probabilities_as_separate_rows(
    architecture: str, max_length: int
) -> None:
    model = build(architecture)
    assert supports_shared_prompt(model)
    expected, entropies = alone(model)
    expected_gradient = gradient(model, expected)
    add_fused_lm_head(model, temperature=TEMPERATURE, outputs=("log_probs", "entropy"))
    values, spread = shared_prompt_logprobs(model, *padded(), max_length=max_length)
    assert spread is not None
    assert (values - expected).abs().max() < 1e-5 and (spread - entropies).abs().max() < 1e-5
    assert (gradient(model, values) - expected_gradient).abs().max() < 1e-5 * expected_gradient.abs().max()
    assert values[TRUNCATED].abs().sum() == 0 and expected.abs().sum() > 1


def test_packed_rows_share_prompts_and_have_a_bounded_length() -> None:
    together = pack_rows(PROMPTS, completions())
    assert together.ids.shape == (4, 3 + 3 + 1 + 5)  # four different prompts, the longest row with three completions
    assert pack_rows(PROMPTS, completions(), max_length=9).ids.shape == (5, 3 + 5)
    assert pack_rows(PROMPTS, completions(), max_length=1).ids.shape == (7, 3 + 5)
    assert (together.labels != -100).sum() == sum(LENGTHS) == len(together.completion)


def test_other_attention_is_not_supported() -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    sliding = AutoConfig.for_model("qwen2", **shape, vocab_size=60, num_key_value_heads=2, use_sliding_window=True)
    mistral = AutoConfig.for_model("mistral", **shape, vocab_size=60, num_key_value_heads=2)
    assert not any(supports_shared_prompt(AutoModelForCausalLM.from_config(config)) for config in (sliding, mistral))
    assert not supports_shared_prompt(
        AutoModelForCausalLM.from_config(build("llama").config, attn_implementation="eager")
    )
