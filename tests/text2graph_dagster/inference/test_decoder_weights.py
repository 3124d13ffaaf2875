"""Which models the fast decoder supports, and the precision of its weights."""

from copy import deepcopy
from typing import Any

import pytest
import torch

from tests.text2graph_dagster.inference.decoding_cases import generate_greedily, random_prompts
from text2graph_dagster.inference import precision
from text2graph_dagster.inference.batch_generation import continue_prompts
from text2graph_dagster.inference.decoder_weights import has_fast_decoder, read_weights
from text2graph_dagster.inference.fast_decoder import decode_batch
from text2graph_dagster.settings import LoraSettings
from text2graph_dagster.training.model.adapters import add_lora


@pytest.fixture
def llama() -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
    return LlamaForCausalLM(LlamaConfig(vocab_size=300, num_key_value_heads=2, **shape)).eval()


@pytest.mark.parametrize(
    "change",
    [
        {"attention_bias": True},
        {"mlp_bias": True},
        {"hidden_act": "gelu"},
        {"use_sliding_window": True},
        {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 10_000.0}},
        {"model_type": "mistral"},
    ],
)
def test_other_computations_are_refused(llama: Any, change: dict[str, Any]) -> None:
    assert has_fast_decoder(llama)
    changed = deepcopy(llama)
    changed.config.update(change)
    assert not has_fast_decoder(changed)


def test_other_layers_and_other_devices_are_refused(llama: Any) -> None:
    class Quantised(torch.nn.Linear):
        """Stands for a layer of bitsandbytes, whose output layer is not quantised."""

    changed = deepcopy(llama)
    changed.model.layers[1].mlp.up_proj = Quantised(32, 48, bias=False)
    assert not has_fast_decoder(changed)
    adapted = add_lora(deepcopy(llama), LoraSettings(rank=2), 0)
    assert not has_fast_decoder(adapted) and not has_fast_decoder(adapted.get_base_model())
    assert not has_fast_decoder(deepcopy(llama).to("meta"))


def test_the_precision_is_chosen_by_processor_and_size(llama: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_weights(llama).dtype == torch.float32
    assert read_weights(deepcopy(llama).bfloat16()).dtype == torch.float32
    monkeypatch.setattr(precision, "prefers_bfloat16", lambda model: True)
    assert read_weights(llama).dtype == torch.bfloat16
    assert read_weights(llama, "float32").dtype == torch.float32


def test_bfloat16_gives_nearly_the_same_log_probabilities(llama: Any) -> None:
    drawn = []
    for name in ("float32", "bfloat16"):
        generator = torch.Generator().manual_seed(1)
        how: dict[str, Any] = {"max_new_tokens": 1, "temperature": 1.0, "generator": generator}
        drawn.append(decode_batch(read_weights(llama, name), random_prompts([3, 9, 17], 300), end_tokens=[-1], **how))
    exact, rounded = drawn
    assert exact.tokens == rounded.tokens
    assert exact.log_probabilities != rounded.log_probabilities  # it did run in another precision
    for one, other in zip(exact.log_probabilities, rounded.log_probabilities, strict=True):
        assert one == pytest.approx(other, abs=0.05)


def test_a_model_with_bfloat16_weights_is_decoded(llama: Any) -> None:
    model, prompts = llama.bfloat16(), random_prompts([3, 9], 300)
    expected = [generate_greedily(deepcopy(model).float(), prompt, 6, end=-1) for prompt in prompts]
    assert decode_batch(read_weights(model), prompts, end_tokens=[-1], max_new_tokens=6).tokens == expected


def test_changed_weights_change_the_next_answers(llama: Any, nano: Any) -> None:
    tokenizer, prompts = nano[1], random_prompts([5], 300)
    before = continue_prompts(llama, tokenizer, prompts, max_new_tokens=6).tokens
    with torch.no_grad():
        for weight in llama.parameters():
            weight.add_(torch.randn_like(weight))
    after = continue_prompts(llama, tokenizer, prompts, max_new_tokens=6).tokens
    assert before != after == [generate_greedily(llama, prompts[0], 6, tokenizer.eos_token_id)]
