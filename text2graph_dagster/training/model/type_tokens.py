"""A type's name as one token, made of the tokens of its words.

Every type of a prompt and of an answer is one token, so that both are short. To a base model that was pretrained the
token of a new type must mean something before it is trained: its embedding is that of `TYPE`, which says that this is
a type and no word of the passage, plus the mean of its words' embeddings. The base was pretrained with type tokens made
in just this way.
"""

import re
from collections.abc import Iterable
from typing import Any

import torch
from tokenizers import AddedToken

TYPE = "<|type|>"
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def pieces(tokenizer: Any, name: str) -> list[int]:
    """Return the tokens of a type's name written as words: "BasedIn" and "based_in" are " based in"."""
    words = _HUMP.sub(" ", name).replace("_", " ").lower().split()
    ids: list[int] = tokenizer(" " + " ".join(words), add_special_tokens=False)["input_ids"]
    return ids


@torch.no_grad()
def add_types(model: Any, tokenizer: Any, names: Iterable[str]) -> None:
    """Give a pretrained nano a token for every type, in quotes as prompts and answers write it."""
    new = [name for name in dict.fromkeys(names) if f'"{name}"' not in tokenizer.get_added_vocab()]
    composed = [pieces(tokenizer, name) for name in new]
    first = len(tokenizer)
    tokenizer.add_tokens([AddedToken(f'"{name}"', normalized=False, special=False) for name in new])
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    embedding = model.get_input_embeddings().weight
    marker = embedding[tokenizer.convert_tokens_to_ids(TYPE)]
    for row, ids in enumerate(composed, start=first):
        embedding[row] = marker + embedding[ids].mean(0)
