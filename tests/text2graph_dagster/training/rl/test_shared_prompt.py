"""Completions side by side have the log-probabilities, entropies and gradients that each has alone."""

import random
from typing import Any

import pytest
import torch
from torch import Tensor
from trl.trainer.utils import add_fused_lm_head

from text2graph_dagster.training.rl.shared_prompt import lay_out, score, supports

VOCABULARY, TEMPERATURE = 60, 0.7
PROMPTS = [[5, 6, 7, 8], [9], [5, 6, 7, 8], [10, 11], [9], [5, 6, 7, 8], [5, 6, 7, 9]]
LENGTHS = [3, 6, 1, 4, 2, 5, 3]
CUT_OFF = 5  # a completion that is masked whole


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
    """The batch as TRL makes it: prompts padded on the left, completions on the right, one masked for being cut off."""
    left, right = max(map(len, PROMPTS)), max(LENGTHS)
    prompts, answers, seen = [], [], []
    for i, (prompt, completion) in enumerate(zip(PROMPTS, completions(), strict=True)):
        before, after = left - len(prompt), right - len(completion)
        prompts.append([0] * before + prompt)
        answers.append(completion + [0] * after)
        counts = int(i != CUT_OFF)
        seen.append([0] * before + [1] * len(prompt) + [counts] * len(completion) + [0] * after)
    return torch.tensor(prompts), torch.tensor(answers), torch.tensor(seen)


def alone(model: Any) -> tuple[Tensor, Tensor]:
    """Each completion in a row of its own, by the model's plain forward."""
    values, entropies = (torch.zeros(len(LENGTHS), max(LENGTHS)) for _ in range(2))
    for i, (prompt, completion) in enumerate(zip(PROMPTS, completions(), strict=True)):
        if i == CUT_OFF:
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
@pytest.mark.parametrize("longest", [1024, 9, 1])  # all of a prompt in one row, some, each alone
def test_side_by_side_is_as_alone(architecture: str, longest: int) -> None:
    model = build(architecture)
    assert supports(model)
    expected, entropies = alone(model)
    expected_gradient = gradient(model, expected)
    add_fused_lm_head(model, temperature=TEMPERATURE, outputs=("log_probs", "entropy"))
    values, spread = score(model, *padded(), longest=longest)
    assert spread is not None
    assert (values - expected).abs().max() < 1e-5 and (spread - entropies).abs().max() < 1e-5
    assert (gradient(model, values) - expected_gradient).abs().max() < 1e-5 * expected_gradient.abs().max()
    assert values[CUT_OFF].abs().sum() == 0 and expected.abs().sum() > 1


def test_a_prompt_stands_once_in_a_row_and_rows_are_bounded() -> None:
    together = lay_out(PROMPTS, completions())
    assert together.ids.shape == (4, 3 + 3 + 1 + 5)  # four different prompts, the longest row with three completions
    assert lay_out(PROMPTS, completions(), longest=9).ids.shape == (5, 3 + 5)
    assert lay_out(PROMPTS, completions(), longest=1).ids.shape == (7, 3 + 5)
    assert (together.labels != -100).sum() == sum(LENGTHS) == len(together.number)


def test_other_attention_is_left_to_the_plain_pass() -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    sliding = AutoConfig.for_model("qwen2", **shape, vocab_size=60, num_key_value_heads=2, use_sliding_window=True)
    mistral = AutoConfig.for_model("mistral", **shape, vocab_size=60, num_key_value_heads=2)
    assert not any(supports(AutoModelForCausalLM.from_config(config)) for config in (sliding, mistral))
    assert not supports(AutoModelForCausalLM.from_config(build("llama").config, attn_implementation="eager"))
