"""The nano student is initialised with attention that copies names (an induction circuit)."""

from typing import Any

import pytest
import torch

from text2graph_dagster.settings import StudentSettings
from text2graph_dagster.training.model.nano import build_nano


@pytest.fixture(scope="module")
def attention(request: Any) -> Any:
    """Return the attention weights (query, key) of the first head of layers 1 and 2, on 30 tokens repeated once."""
    nano = request.getfixturevalue("nano")
    model = build_nano(StudentSettings(), nano[1], seed=0)
    model.set_attn_implementation("eager")
    ids = torch.randperm(300, generator=torch.Generator().manual_seed(0))[:30].repeat(2)[None]
    with torch.no_grad():
        weights = model.model(input_ids=ids, output_attentions=True).attentions
    return [layer[0, 0] for layer in weights[:2]]


def test_the_first_layer_attends_to_the_previous_token(attention: Any) -> None:
    assert (attention[0][5:].argmax(-1) == torch.arange(4, 59)).float().mean() > 0.9


def test_the_second_layer_attends_to_the_successor_of_an_earlier_equal_token(attention: Any) -> None:
    followed = attention[1][range(31, 60), range(2, 31)]  # the position after the token's first occurrence
    assert followed.mean() > 5 / 45  # at least five times the weight of uniform attention


def test_the_seed_decides_the_weights(nano: Any) -> None:
    _, tokenizer = nano
    settings = StudentSettings(base_model="scratch", hidden_size=32, layers=2, heads=2, kv_heads=1, mlp_size=32)
    first, same, other = (build_nano(settings, tokenizer, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["model.embed_tokens.weight"], other["model.embed_tokens.weight"])
