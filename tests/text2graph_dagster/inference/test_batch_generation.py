"""Answers in batches, by the fast decoder and by `generate`, with and without a grammar."""

from typing import Any

import pytest
import torch

from tests.text2graph_dagster.inference.decoding_cases import form_of, generate_greedily, random_prompts
from tests.text2graph_dagster.training import tiny_models
from text2graph_dagster.graph.legality import ground
from text2graph_dagster.graph.parsing import parse
from text2graph_dagster.inference.batch_generation import _generate, answer_prompts, continue_prompts
from text2graph_dagster.inference.chat_template import render_prompts
from text2graph_dagster.inference.constraints import GrammarConstraint
from text2graph_dagster.inference.decoder_weights import has_fast_decoder


def test_generate_follows_the_same_constraint(nano: Any, examples: Any) -> None:
    model, tokenizer = nano
    some = list(examples[:4])
    rendered = render_prompts([e.prompt for e in some], tokenizer)
    prompts = tokenizer(rendered, add_special_tokens=False)["input_ids"]
    forms = [form_of(e) for e in some]
    fast = continue_prompts(model, tokenizer, prompts, max_new_tokens=24, forms=forms)
    constraint = GrammarConstraint(tokenizer, model.config.vocab_size, forms)
    assert _generate(model, tokenizer, prompts, 24, 1, 0.0, constraint).tokens == fast.tokens
    free = continue_prompts(model, tokenizer, prompts, max_new_tokens=24)
    assert fast.tokens != free.tokens
    texts = [a.text for a in answer_prompts(model, tokenizer, rendered, max_new_tokens=24, batch_size=2, forms=forms)]
    assert all(text.startswith('{"entities":[') for text in texts)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_an_untrained_student_writes_only_legal_graphs(nano: Any, examples: Any, temperature: float) -> None:
    model, tokenizer = nano
    some = list(examples[:8])
    prompts = tokenizer(render_prompts([e.prompt for e in some], tokenizer), add_special_tokens=False)["input_ids"]
    forms = [form_of(e) for e in some]
    answers = continue_prompts(
        *(model, tokenizer, prompts),
        **{"max_new_tokens": 200, "samples": 2, "temperature": temperature, "forms": forms},
        generator=torch.Generator().manual_seed(1),
    )
    ended = 0
    for i, tokens in enumerate(answers.tokens):
        if tokens[-1] == tokenizer.eos_token_id:
            ended += 1
            parsed = parse(tokenizer.decode(tokens[:-1]))
            assert parsed.strict
            assert all(kind in tiny_models.ENTITY_TYPES for _, kind in parsed.entities)
            assert all(ground(text, some[i // 2].text) for text, _ in parsed.entities)
            names = {text for text, _ in parsed.entities}
            assert all({head, tail} <= names for head, _, tail in parsed.relations)
    assert ended or not temperature


def test_other_architectures_use_generate(nano: Any) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    _, tokenizer = nano
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    llama = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), attention_bias=True, **shape)).eval()
    assert not has_fast_decoder(llama)
    prompts = random_prompts([3, 8], len(tokenizer))
    answers = continue_prompts(llama, tokenizer, prompts, max_new_tokens=6)
    assert answers.tokens == [generate_greedily(llama, prompt, 6, tokenizer.eos_token_id) for prompt in prompts]
    assert len(continue_prompts(llama, tokenizer, prompts, max_new_tokens=3, samples=2, temperature=1.0).tokens) == 4


def test_answers_keep_the_order_of_their_prompts(nano: Any) -> None:
    model, tokenizer = nano
    prompts = ["text: " + "a b c " * n for n in (5, 1, 3)]
    together = answer_prompts(model, tokenizer, prompts, max_new_tokens=6, batch_size=2)
    alone = [answer_prompts(model, tokenizer, [p], max_new_tokens=6, batch_size=1)[0] for p in prompts]
    assert together == alone
    assert answer_prompts(model, tokenizer, [], max_new_tokens=6, batch_size=2) == []
