"""Type tokens: one per type. Embeddings are composed of the type's words, so that the base can use unseen types."""

from typing import Any

import pytest
import torch
from tokenizers import AddedToken

from text2graph_dagster.settings import StudentSettings
from text2graph_dagster.training.model.nano import build_nano
from text2graph_dagster.training.model.tokenizer import train_tokenizer
from text2graph_dagster.training.model.type_tokens import TYPE, add_type_tokens, tokenise_type_name

NEW = ["mends", "keeper of", "Based_In"]


@pytest.fixture
def base() -> tuple[Any, Any]:
    tokenizer = train_tokenizer(["Ana mends. Ana is keeper of Vel, based in Vel."] * 5, [], 340)
    tokenizer.add_tokens([AddedToken(TYPE, normalized=False, special=True)])
    return build_nano(StudentSettings(base_model="scratch", hidden_size=16, layers=1), tokenizer, seed=0), tokenizer


@pytest.mark.parametrize("name", ["based in", "Based_In", "BasedIn", "based_in"])
def test_a_name_is_tokenised_as_words(base: tuple[Any, Any], name: str) -> None:
    assert tokenise_type_name(base[1], name) == base[1](" based in")["input_ids"]


def test_a_type_is_one_token_composed_of_its_words(base: tuple[Any, Any]) -> None:
    model, tokenizer = base
    before = model.get_input_embeddings().weight.detach().clone()
    add_type_tokens(model, tokenizer, NEW)
    ids = tokenizer('"mends""keeper of";"Based_In"')["input_ids"]
    assert len(ids) == 4 and model.config.vocab_size == len(tokenizer) == len(before) + 3
    after = model.get_input_embeddings().weight
    assert torch.equal(after[: len(before)], before)
    assert after is model.lm_head.weight
    wanted = before[tokenizer.convert_tokens_to_ids(TYPE)] + before[tokenise_type_name(tokenizer, "keeper of")].mean(0)
    assert torch.allclose(after[ids[1]], wanted)


def test_an_existing_type_token_is_not_changed(base: tuple[Any, Any]) -> None:
    model, tokenizer = base
    add_type_tokens(model, tokenizer, NEW)
    with torch.no_grad():
        model.get_input_embeddings().weight[-1] = 7.0
    add_type_tokens(model, tokenizer, [*NEW, "other"])
    assert model.get_input_embeddings().weight[-2].eq(7.0).all()


def test_a_passage_cannot_inject_the_type_marker(base: tuple[Any, Any]) -> None:
    tokenizer = base[1]
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": f'"mends";\n{TYPE}'}], tokenize=False, add_generation_prompt=True
    )
    assert tokenizer.convert_tokens_to_ids(TYPE) not in tokenizer(prompt)["input_ids"]
