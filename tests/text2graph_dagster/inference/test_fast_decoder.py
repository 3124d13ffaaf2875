"""The fast decoder writes what `generate` writes, and samples what the model says."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from text2graph_dagster.inference.batch_generation import answer_prompts, continue_prompts
from text2graph_dagster.inference.fast_decoder import decode_batch, has_fast_decoder


def prompts_of(lengths: Sequence[int], vocabulary: int) -> list[list[int]]:
    rng = random.Random(0)
    return [[rng.randrange(4, vocabulary) for _ in range(length)] for length in lengths]


def by_generate(model: Any, prompt: Sequence[int], new: int, end: int) -> list[int]:
    written = model.generate(
        input_ids=torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        max_new_tokens=new,
        do_sample=False,
        eos_token_id=end,
        pad_token_id=0,
    )
    ids: list[int] = written[0, len(prompt) :].tolist()
    return ids


@pytest.fixture(params=["nano", "several heads, no shared weights", "one key-value head"])
def model(request: Any, nano: Any) -> Any:
    if request.param == "nano":
        return nano[0]
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(1)
    shared = request.param == "one key-value head"
    config = Qwen2Config(
        **{"vocab_size": 300, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4},
        **{"num_key_value_heads": 1 if shared else 4, "intermediate_size": 48, "tie_word_embeddings": shared},
        rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0},
        initializer_range=0.5,
    )
    return Qwen2ForCausalLM(config).eval()


def test_greedy_answers_equal_those_of_generate_token_for_token(model: Any) -> None:
    prompts = prompts_of([1, 3, 9, 9, 17, 40], 300)
    # An end token that some answers reach early and others never, so that rows are dropped on the way.
    end = by_generate(model, prompts[2], 12, end=-1)[5]
    expected = [by_generate(model, prompt, 24, end) for prompt in prompts]
    assert len({len(answer) for answer in expected}) > 1
    assert decode_batch(model, prompts, end_tokens=[end], max_new_tokens=24).tokens == expected


def test_samples_follow_the_models_own_distribution(nano: Any) -> None:
    model, tokenizer = nano
    prompt = prompts_of([6], 300)[0]
    generator = torch.Generator().manual_seed(0)
    answers = decode_batch(
        *(model, [prompt]),
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


def test_the_same_generator_draws_the_same_answers(nano: Any) -> None:
    model, tokenizer = nano
    prompts = prompts_of([4, 7], 300)

    def draw() -> list[list[int]]:
        generator = torch.Generator().manual_seed(5)
        arguments: dict[str, Any] = {"max_new_tokens": 8, "samples": 3, "temperature": 1.0, "generator": generator}
        return decode_batch(model, prompts, end_tokens=[tokenizer.eos_token_id], **arguments).tokens

    first = draw()
    assert len(first) == 6 and first == draw()
    assert first[0] != first[1]  # two samples of one prompt


def test_another_architecture_is_answered_by_generate(nano: Any) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    _, tokenizer = nano
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    llama = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **shape)).eval()
    assert not has_fast_decoder(llama)
    prompts = prompts_of([3, 8], len(tokenizer))
    answers = continue_prompts(llama, tokenizer, prompts, max_new_tokens=6)
    assert answers.tokens == [by_generate(llama, prompt, 6, tokenizer.eos_token_id) for prompt in prompts]
    assert len(continue_prompts(llama, tokenizer, prompts, max_new_tokens=3, samples=2, temperature=1.0).tokens) == 4


def test_answers_keep_the_order_of_their_prompts(nano: Any) -> None:
    model, tokenizer = nano
    prompts = ["text: " + "a b c " * n for n in (5, 1, 3)]
    together = answer_prompts(model, tokenizer, prompts, max_new_tokens=6, batch_size=2)
    alone = [answer_prompts(model, tokenizer, [p], max_new_tokens=6, batch_size=1)[0] for p in prompts]
    assert together == alone
    assert answer_prompts(model, tokenizer, [], max_new_tokens=6, batch_size=2) == []
