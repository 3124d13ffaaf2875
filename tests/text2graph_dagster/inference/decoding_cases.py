"""Shared by the decoding tests: a form, random prompts, and HF `generate` as the reference."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from tests.text2graph_dagster.training import tiny_models
from text2graph_dagster.grammar import AnswerForm

TEXT = "Ana Torvik works for Bakelo.\nShe said: “No”, it's a \\ or a \"."
FORM = AnswerForm(
    tuple(tiny_models.ENTITY_TYPES), tuple(tiny_models.RELATION_TYPES), TEXT, "indexed", True, True, False
)


def form_of(example: Any, **changes: Any) -> AnswerForm:
    return replace(
        FORM, text=example.text, entity_types=example.entity_types, relation_types=example.relation_types, **changes
    )


def random_prompts(lengths: Sequence[int], vocabulary: int) -> list[list[int]]:
    rng = random.Random(0)
    return [[rng.randrange(4, vocabulary) for _ in range(length)] for length in lengths]


def generate_greedily(model: Any, prompt: Sequence[int], new: int, end: int) -> list[int]:
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
