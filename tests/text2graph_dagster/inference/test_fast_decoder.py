"""The fast decoder writes what `generate` writes, and samples from the model's distribution."""

from typing import Any

import pytest
import torch

from tests.text2graph_dagster.inference.decoding_cases import generate_greedily, random_prompts
from text2graph_dagster.inference import fast_decoder
from text2graph_dagster.inference.decoder_weights import read_weights
from text2graph_dagster.inference.fast_decoder import decode_batch


@pytest.fixture(params=["nano", "several heads, no shared weights", "one key-value head", "llama"])
def model(request: Any, nano: Any) -> Any:
    if request.param == "nano":
        return nano[0]
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(1)
    shared = request.param == "one key-value head"
    llama = request.param == "llama"
    config = (LlamaConfig if llama else Qwen2Config)(
        **{"vocab_size": 300, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4},
        **{
            "num_key_value_heads": 1 if shared else 2 if llama else 4,
            "intermediate_size": 48,
            "tie_word_embeddings": shared,
        },
        rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0},
        initializer_range=0.5,
    )
    return (LlamaForCausalLM if llama else Qwen2ForCausalLM)(config).eval()


def test_greedy_answers_equal_those_of_generate(model: Any) -> None:
    prompts = random_prompts([40, 1, 3, 9, 9, 17, *range(12, 30)], 300)  # more than are run in one forward pass
    # An EOS token that some answers reach early and others never, so that rows are dropped during decoding.
    end = generate_greedily(model, prompts[3], 12, end=-1)[5]
    expected = [generate_greedily(model, prompt, 24, end) for prompt in prompts]
    assert len({len(answer) for answer in expected}) > 1
    assert decode_batch(read_weights(model), prompts, end_tokens=[end], max_new_tokens=24).tokens == expected


@pytest.mark.parametrize("lengths", [[4, 9, 2], [1, 5], [3, 3, 3], [8]])
def test_a_common_beginning_changes_no_answer(model: Any, lengths: list[int]) -> None:
    beginning, *ends = random_prompts([40, *lengths], 300)
    prompts = [beginning + end for end in ends]
    prompts += [beginning + ends[0][:1], prompts[0]]  # the beginning of another prompt, and an equal prompt
    for some in (prompts, prompts[:1], [prompts[0]] * 2):
        expected = [generate_greedily(model, prompt, 8, end=-1) for prompt in some]
        assert decode_batch(read_weights(model), some, end_tokens=[-1], max_new_tokens=8).tokens == expected


def test_the_common_beginning_is_computed_once(nano: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[tuple[int, ...]] = []
    forward = fast_decoder._forward

    def record(weights: Any, ids: torch.Tensor, *others: Any) -> torch.Tensor:
        computed.append(tuple(ids.shape))
        return forward(weights, ids, *others)

    monkeypatch.setattr(fast_decoder, "_forward", record)
    beginning, *ends = random_prompts([40, 3, 5], 300)
    decode_batch(read_weights(nano[0]), [beginning + end for end in ends], end_tokens=[-1], max_new_tokens=1)
    assert computed == [(1, 40), (2, 5)]


def test_samples_follow_the_distribution_of_the_model(nano: Any) -> None:
    model, tokenizer = nano
    prompt = random_prompts([6], 300)[0]
    generator = torch.Generator().manual_seed(0)
    answers = decode_batch(
        *(read_weights(model), [prompt]),
        end_tokens=[tokenizer.eos_token_id],
        **{"max_new_tokens": 1, "samples": 4000, "temperature": 0.1, "generator": generator},
    )
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([prompt])).logits[0, -1]
    expected = torch.softmax(logits / 0.1, -1)
    drawn = torch.bincount(torch.tensor(answers.tokens)[:, 0], minlength=len(expected)) / 4000
    assert (drawn - expected).abs().max() < 0.03
    for token, log_probability in zip(answers.tokens[:50], answers.log_probabilities[:50], strict=True):
        assert log_probability[0] == pytest.approx(expected[token[0]].log().item(), abs=1e-4)


def test_the_same_seed_gives_the_same_samples(nano: Any) -> None:
    model, tokenizer = nano
    prompts = random_prompts([4, 7], 300)

    def draw() -> list[list[int]]:
        generator = torch.Generator().manual_seed(5)
        arguments: dict[str, Any] = {"max_new_tokens": 8, "samples": 3, "temperature": 1.0, "generator": generator}
        return decode_batch(read_weights(model), prompts, end_tokens=[tokenizer.eos_token_id], **arguments).tokens

    first = draw()
    assert len(first) == 6 and first == draw()
    assert first[0] != first[1]  # two samples of one prompt
