"""Answers held to a grammar: every right answer is allowed, no ill-formed one, and what is written keeps to it."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.text2graph_dagster.training import tiny_models
from text2graph_dagster.grammar import Form
from text2graph_dagster.graph.legality import ground
from text2graph_dagster.graph.parsing import parse
from text2graph_dagster.graph.wire import WireForm, serialise
from text2graph_dagster.inference.batch_generation import _generate, answer_prompts, continue_prompts
from text2graph_dagster.inference.chat_template import render_prompts
from text2graph_dagster.inference.constraints import GrammarConstraint
from text2graph_dagster.inference.sampling import sample_allowed_tokens
from text2graph_dagster.training.data.examples import tokenise

TEXT = "Ana Torvik works for Bakelo.\nShe said: “No”, it's a \\ or a \"."
FORM = Form(tuple(tiny_models.ENTITY_TYPES), tuple(tiny_models.RELATION_TYPES), TEXT, "indexed", True, True, False)
ENTITIES = '{"entities":[{"id":0,"text":"Ana Torvik","type":"person"},{"id":1,"text":"Bakelo","type":"company"}]'


def allows(tokenizer: Any, form: Form, answer: str) -> bool:
    """Tell whether the grammar takes the answer as the tokenizer cuts it, and then the end."""
    ids = tokenizer(answer, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
    constraint = GrammarConstraint(tokenizer, len(tokenizer), [form])
    return not any(constraint.advance([0], [token]) for token in ids)


def form_of(example: Any, **changes: Any) -> Form:
    return replace(
        FORM, text=example.text, entity_types=example.entity_types, relation_types=example.relation_types, **changes
    )


@pytest.mark.parametrize("wire", ["public", "compact", "indexed"])
@pytest.mark.parametrize("copied", [True, False])
@pytest.mark.parametrize("requested", [True, False])
def test_every_gold_answer_is_allowed(nano: Any, examples: Any, wire: WireForm, copied: bool, requested: bool) -> None:
    _, tokenizer = nano
    some = [replace(e, answer=serialise(e.graph, wire)) for e in examples[:20]]
    thought = [replace(e, answer=f'<think>It says {{"so"}}: é.</think>\n{e.answer}') for e in some]
    for thinking, asked in ((False, some), (True, some), (True, thought)):
        forms = [form_of(e, wire=wire, copied=copied, requested=requested, thinking=thinking) for e in asked]
        constraint = GrammarConstraint(tokenizer, len(tokenizer), forms)
        for i, tokens in enumerate(tokenise(asked, tokenizer)):
            assert not [token for token in tokens.answer if constraint.advance([i], [token])], asked[i].answer


@pytest.mark.parametrize(
    "answer",
    [
        ENTITIES + ',"relations":[{"head":0,"type":"works for","tail":1}]}',
        ENTITIES + ',"relations":[]}',
        '{"entities":[],"relations":[]}',
        '{"entities":[{"id":0,"text":"\\"","type":"person"}],"relations":[]}',
        '{"entities":[{"id":0,"text":"it\'s a \\\\ or","type":"person"}],"relations":[]}',
        '{"entities":[{"id":0,"text":"Bakelo.\\nShe said: “No”","type":"person"}],"relations":[]}',
    ],
)
def test_a_well_formed_answer_is_allowed(nano: Any, answer: str) -> None:
    assert allows(nano[1], FORM, answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "none",
        ENTITIES + ',"relations":[]',  # cut
        ENTITIES + ',"relations":[]}}',
        ENTITIES + ',"relations":[]} as the text says',
        ENTITIES + "}",
        ENTITIES + ',"relations":[{"head":0,"type":"works for","tail":2}]}',  # an end that is no entity
        ENTITIES + ',"relations":[{"head":0,"type":"owns","tail":1}]}',  # a type that was not requested
        ENTITIES + ',"relations":[{"head":0,"tail":1,"type":"works for"}]}',  # another wire form
        ENTITIES + ',"relations":[{"head":0,"type":"works for","tail":1},]}',
        '{"entities":[{"id":1,"text":"Bakelo","type":"company"}],"relations":[]}',  # does not count from 0
        '{"entities":[],"relations":[{"head":0,"type":"works for","tail":0}]}',
        '{"entities":[{"id":0,"text":"Bake","type":"company"}],"relations":[]}',  # half a word
        '{"entities":[{"id":0,"text":"Bakelo Torvik","type":"company"}],"relations":[]}',
        '{"entities":[{"id":0,"text":"","type":"company"}],"relations":[]}',
        '{"entities":[{"id":0,"text":" ","type":"company"}],"relations":[]}',
        '{"entities":[{"id":0,"text":"\\n","type":"company"}],"relations":[]}',
        "<think>No thinking was asked for.</think>\n" + ENTITIES + ',"relations":[]}',
    ],
)
def test_an_ill_formed_answer_is_refused(nano: Any, answer: str) -> None:
    assert not allows(nano[1], FORM, answer)


def test_types_that_were_not_requested_are_refused_only_where_that_is_wanted(nano: Any) -> None:
    answer = '{"entities":[{"id":0,"text":"Bakelo","type":"a \\"shop\\""}],"relations":[]}'
    assert allows(nano[1], replace(FORM, requested=False), answer)
    assert not allows(nano[1], FORM, answer)
    assert not allows(nano[1], replace(FORM, relation_types=()), ENTITIES + ',"relations":[{"head":0')


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_an_untaught_student_writes_nothing_but_legal_graphs(nano: Any, examples: Any, temperature: float) -> None:
    model, tokenizer = nano
    asked = list(examples[:8])
    prompts = tokenizer(render_prompts([e.prompt for e in asked], tokenizer), add_special_tokens=False)["input_ids"]
    forms = [form_of(e) for e in asked]
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
            assert all(ground(text, asked[i // 2].text) for text, _ in parsed.entities)
            names = {text for text, _ in parsed.entities}
            assert all({head, tail} <= names for head, _, tail in parsed.relations)
    assert ended or not temperature


def test_generate_is_held_to_the_same_form(nano: Any, examples: Any) -> None:
    model, tokenizer = nano
    asked = list(examples[:4])
    rendered = render_prompts([e.prompt for e in asked], tokenizer)
    prompts = tokenizer(rendered, add_special_tokens=False)["input_ids"]
    forms = [form_of(e) for e in asked]
    fast = continue_prompts(model, tokenizer, prompts, max_new_tokens=24, forms=forms)
    held = GrammarConstraint(tokenizer, model.config.vocab_size, forms)
    assert _generate(model, tokenizer, prompts, 24, 1, 0.0, held).tokens == fast.tokens
    free = continue_prompts(model, tokenizer, prompts, max_new_tokens=24)
    assert fast.tokens != free.tokens
    texts = [a.text for a in answer_prompts(model, tokenizer, rendered, max_new_tokens=24, batch_size=2, forms=forms)]
    assert all(text.startswith('{"entities":[') for text in texts)


class Even:
    """Allows even tokens only."""

    def advance(self, answers: Sequence[int], tokens: Sequence[int]) -> list[int]:
        return [i for i, token in enumerate(tokens) if token % 2]

    def allowed_tokens(self, answers: Sequence[int]) -> Tensor:
        return (torch.arange(6) % 2 == 0).expand(len(answers), 6)


def test_tokens_are_drawn_as_if_from_the_allowed_ones_alone() -> None:
    rng, rows = random.Random(0), 8000
    logits = torch.tensor([rng.gauss(0, 1) for _ in range(6)])
    running = torch.ones(rows, dtype=torch.bool)
    running[-1] = False
    token, log_probability = sample_allowed_tokens(
        logits.expand(rows, 6), torch.arange(rows), running, Even(), 1.0, torch.Generator().manual_seed(0)
    )
    drawn = torch.bincount(token[:-1], minlength=6) / (rows - 1)
    assert (drawn - torch.softmax(logits.masked_fill(torch.arange(6) % 2 == 1, float("-inf")), -1)).abs().max() < 0.02
    assert torch.allclose(log_probability, torch.log_softmax(logits, -1)[token], atol=1e-5)
