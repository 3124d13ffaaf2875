"""Log-probabilities of several completions of one prompt in one forward pass that computes the prompt once.

A row of the batch has a prompt and then a block for each of its completions. A block attends to the prompt and itself,
and its positions continue the prompt's. So each token has the same log-probability as with one completion per row
(tested). Each block begins with the prompt's last token, which predicts the completion's first token, so every position
of a block has one label. The last token of a completion is left out, because it predicts nothing.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

_IGNORED = -100  # the label of a position that is not scored
_PROMPT, _PADDING = 0, -1  # block numbers; a completion's block number is its index + 1
_MAX_ROW_LENGTH = 1024  # tokens: attention is quadratic in the row length; longer rows would cancel the gain
_ARCHITECTURES = ("llama", "qwen2", "qwen3")  # these accept a four-dimensional mask and given positions (tested)


def supports_shared_prompt(model: Any) -> bool:
    """Tell whether the model accepts arbitrary attention masks: full attention, computed by `sdpa`."""
    config = getattr(model, "config", None)
    if getattr(config, "model_type", "") not in _ARCHITECTURES or getattr(config, "use_sliding_window", False):
        return False
    return getattr(config, "_attn_implementation", "") == "sdpa"


@dataclass
class _Row:
    """A prompt and its completions, being packed token by token."""

    ids: list[int]
    positions: list[int]
    labels: list[int]
    blocks: list[int]
    completions: list[int] = field(default_factory=list)  # the completion of every scored position
    offsets: list[int] = field(default_factory=list)  # position of the scored token in its completion

    @classmethod
    def from_prompt(cls, prompt: Sequence[int]) -> "_Row":
        length = len(prompt) - 1  # the last token begins every block
        return cls(list(prompt[:-1]), list(range(length)), [_IGNORED] * length, [_PROMPT] * length)

    def add(self, index: int, prompt: Sequence[int], completion: Sequence[int]) -> None:
        begin, length = len(prompt) - 1, len(completion)
        self.ids += [prompt[-1], *completion[:-1]]
        self.positions += range(begin, begin + length)
        self.labels += completion
        self.blocks += [index + 1] * length
        self.completions += [index] * length
        self.offsets += range(length)


@dataclass(frozen=True)
class PackedRows:
    """The model's inputs, and the completion and token of every scored position."""

    ids: Tensor  # (rows, length), like the next two
    positions: Tensor
    labels: Tensor
    mask: Tensor  # (rows, 1, length, length): true where a position may attend
    completion: Tensor  # (scored positions,): index of the completion, in the order of the labels
    offset: Tensor  # (scored positions,): position of the token in the completion

    @property
    def scored(self) -> Tensor:
        """Mask of the scored positions (rows, length)."""
        return self.labels != _IGNORED

    def gather(self, values: Tensor, completions: int, length: int) -> Tensor:
        """Return values of the scored positions as (completions, length); 0 where there is no token."""
        return values.new_zeros(completions, length).index_put((self.completion, self.offset), values.flatten())


def pack_rows(
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[int]],
    device: torch.device | str = "cpu",
    max_length: int = _MAX_ROW_LENGTH,
) -> PackedRows:
    """Pack completions into rows with their prompts; equal prompts share a row up to `max_length` tokens.

    Empty completions are skipped.
    """
    rows: list[_Row] = []
    with_room: dict[tuple[int, ...], _Row] = {}
    for index, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
        if not completion:
            continue
        row = with_room.get(tuple(prompt))
        if row is None or len(row.ids) + len(completion) > max_length:
            row = with_room[tuple(prompt)] = _Row.from_prompt(prompt)
            rows.append(row)
        row.add(index, prompt, completion)
    blocks = _pad([row.blocks for row in rows], _PADDING)
    key, query = blocks[:, None, :], blocks[:, :, None]
    causal = torch.ones(blocks.shape[1], blocks.shape[1], dtype=torch.bool).tril()
    mask = ((key == query) | (key == _PROMPT)) & causal  # padding attends to itself, since a fully masked row gives NaN
    tensors = (
        _pad([row.ids for row in rows], 0),
        _pad([row.positions for row in rows], 0),
        _pad([row.labels for row in rows], _IGNORED),
        mask[:, None],
        torch.tensor([index for row in rows for index in row.completions]),
        torch.tensor([offset for row in rows for offset in row.offsets]),
    )
    return PackedRows(*(tensor.to(device) for tensor in tensors))


def _pad(rows: Sequence[Sequence[int]], padding: int) -> Tensor:
    length = max(map(len, rows))
    return torch.tensor([[*row, *[padding] * (length - len(row))] for row in rows])


def shared_prompt_logprobs(
    model: Any, prompts: Tensor, completions: Tensor, attention_mask: Tensor, max_length: int = _MAX_ROW_LENGTH
) -> tuple[Tensor, Tensor | None]:
    """Return the log-probabilities and entropies (completions, tokens) of padded completions.

    Args:
        model: with the head of `trl.trainer.utils.add_fused_lm_head`, which applies the temperature.
        prompts: (completions, prompt tokens), padded anywhere.
        completions: (completions, tokens), padded anywhere.
        attention_mask: (completions, prompt tokens + tokens): 0 at padding, else 1. Fully masked
            completions are skipped; at least one completion must not be fully masked.
    """
    split = prompts.shape[1]
    prompt_ids, completion_ids = (
        _unpad(prompts, attention_mask[:, :split]),
        _unpad(completions, attention_mask[:, split:]),
    )
    rows = pack_rows(prompt_ids, completion_ids, completions.device, max_length)
    with _head_only_at(rows.scored, model):
        output = model(
            input_ids=rows.ids,
            attention_mask=rows.mask,
            position_ids=rows.positions,
            shift_labels=rows.labels[rows.scored][None],
            fused_lm_head=True,
        )
    log_probabilities, entropy = (
        None if values is None else rows.gather(values, *completions.shape)
        for values in (output.log_probs, output.entropy)
    )
    assert log_probabilities is not None
    return log_probabilities, entropy


@contextmanager
def _head_only_at(positions: Tensor, model: Any) -> Iterator[None]:
    """Pass only the hidden states at these positions to TRL's head, which on the CPU would compute all positions."""

    def select(backbone: Any, arguments: Any, output: Any) -> Any:
        output.last_hidden_state = output.last_hidden_state[positions][None]
        return output

    unwrapped = model.get_base_model() if hasattr(model, "get_base_model") else model  # unwrap adapters
    hook = unwrapped.base_model.register_forward_hook(select)
    try:
        yield
    finally:
        hook.remove()


def _unpad(ids: Tensor, mask: Tensor) -> list[list[int]]:
    pairs = zip(ids.tolist(), mask.tolist(), strict=True)
    return [[token for token, keep in zip(row, kept, strict=True) if keep] for row, kept in pairs]
