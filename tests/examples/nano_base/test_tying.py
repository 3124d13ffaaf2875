"""Tied type embeddings are computed from word embeddings, and gradients reach the word embeddings."""

import torch
from torch.nn import functional
from transformers import Qwen2Config, Qwen2ForCausalLM

from examples.nano_base.tying import TiedTypes

PIECES, MARKER, WORDS = [[3, 4], [5], [4, 4, 6]], 7, 8
SIZE = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1}


def _model(vocabulary: int) -> Qwen2ForCausalLM:
    torch.manual_seed(0)
    return Qwen2ForCausalLM(Qwen2Config(vocab_size=vocabulary, intermediate_size=8, tie_word_embeddings=True, **SIZE))


def _composed(words: torch.Tensor) -> torch.Tensor:
    return torch.stack([words[ids].mean(0) for ids in PIECES]) + words[MARKER]


def test_type_embeddings_are_computed_at_the_start_and_after_every_step() -> None:
    model = _model(WORDS + len(PIECES))
    ties = TiedTypes(model, PIECES, MARKER)
    weight = model.get_input_embeddings().weight
    assert torch.allclose(weight[WORDS:], _composed(weight[:WORDS]))
    with torch.no_grad():
        weight.add_(torch.randn_like(weight))
    ties.on_step_end()
    assert torch.allclose(weight[WORDS:], _composed(weight[:WORDS]))


def test_word_embeddings_get_the_gradients_of_their_type_embeddings() -> None:
    model = _model(WORDS + len(PIECES))
    TiedTypes(model, PIECES, MARKER)
    weight = model.get_input_embeddings().weight
    ids = torch.tensor([[1, 8, 3, 10, 9, 2]])
    model(input_ids=ids, labels=ids).loss.backward()

    words = weight[:WORDS].detach().clone().requires_grad_()
    whole = torch.cat([words, _composed(words)])
    hidden = model.model(inputs_embeds=whole[ids]).last_hidden_state
    functional.cross_entropy((hidden @ whole.T)[0, :-1], ids[0, 1:]).backward()
    assert weight.grad is not None and words.grad is not None
    assert torch.allclose(weight.grad[:WORDS], words.grad, atol=1e-6)
    assert not weight.grad[WORDS:].any()
