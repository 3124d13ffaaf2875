"""One token per type, whose embedding is composed of the embeddings of the words of the type's name.

With one token per type, prompts and answers are short. The token of a new type must be meaningful to the pretrained
base before any training. Its embedding is the embedding of `TYPE`, which distinguishes types from words of the passage,
plus the mean embedding of the words of its name. The base was pretrained with type tokens composed in the same way.
"""

import re
from collections.abc import Iterable
from typing import Any

import torch
from tokenizers import AddedToken

TYPE = "<|type|>"
_CAMEL_CASE = re.compile(r"(?<=[a-z])(?=[A-Z])")


def tokenise_type_name(tokenizer: Any, name: str) -> list[int]:
    """Return the token ids of a type's name, written as words: "BasedIn" and "based_in" become " based in"."""
    words = _CAMEL_CASE.sub(" ", name).replace("_", " ").lower().split()
    ids: list[int] = tokenizer(" " + " ".join(words), add_special_tokens=False)["input_ids"]
    return ids


@torch.no_grad()
def add_type_tokens(model: Any, tokenizer: Any, names: Iterable[str]) -> None:
    """Add a token for every type to a pretrained nano, in quotes as in prompts and answers."""
    new = [name for name in dict.fromkeys(names) if f'"{name}"' not in tokenizer.get_added_vocab()]
    composed = [tokenise_type_name(tokenizer, name) for name in new]
    first = len(tokenizer)
    tokenizer.add_tokens([AddedToken(f'"{name}"', normalized=False, special=False) for name in new])
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    embedding = model.get_input_embeddings().weight
    marker = embedding[tokenizer.convert_tokens_to_ids(TYPE)]
    for row, ids in enumerate(composed, start=first):
        embedding[row] = marker + embedding[ids].mean(0)
