"""Log-probabilities of several completions of one prompt in one pass: the prompt once, the completions side by side.

A row of the batch holds a prompt and then a block for each of its completions. A block sees the prompt and itself, and
its positions go on from the prompt's, so every token's log-probability is what it would be alone in a row (a test).
Each block begins with the prompt's last token: what predicts a completion's first token is then its own, every place
has one label, and the last token of a completion, which predicts nothing, is not computed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

_IGNORED = -100  # the label of a place that is not scored
_PROMPT, _PADDING = 0, -1  # blocks; that of a completion is its number + 1
_LONGEST_ROW = 1024  # tokens: a row costs the square of its length in attention, which would eat the gain
_ARCHITECTURES = ("llama", "qwen2", "qwen3")  # take a mask of four dimensions and positions as given (a test each)


def supports(model: Any) -> bool:
    """Tell whether the model takes any attention mask: plain full attention, computed by `sdpa`."""
    config = getattr(model, "config", None)
    if getattr(config, "model_type", "") not in _ARCHITECTURES or getattr(config, "use_sliding_window", False):
        return False
    return getattr(config, "_attn_implementation", "") == "sdpa"


@dataclass
class _Row:
    """A prompt and completions of it, being laid out token by token."""

    ids: list[int]
    positions: list[int]
    labels: list[int]
    blocks: list[int]
    numbers: list[int] = field(default_factory=list)  # of every scored place: which completion
    places: list[int] = field(default_factory=list)  # and which of its tokens

    @classmethod
    def of(cls, prompt: Sequence[int]) -> "_Row":
        length = len(prompt) - 1  # the last token opens every block
        return cls(list(prompt[:-1]), list(range(length)), [_IGNORED] * length, [_PROMPT] * length)

    def add(self, number: int, prompt: Sequence[int], completion: Sequence[int]) -> None:
        begin, length = len(prompt) - 1, len(completion)
        self.ids += [prompt[-1], *completion[:-1]]
        self.positions += range(begin, begin + length)
        self.labels += completion
        self.blocks += [number + 1] * length
        self.numbers += [number] * length
        self.places += range(length)


@dataclass(frozen=True)
class Layout:
    """Rows as a model reads them, and which token of which completion each scored place stands for."""

    ids: Tensor  # (rows, length), like the next two
    positions: Tensor
    labels: Tensor
    mask: Tensor  # (rows, 1, length, length): true where a place may look
    number: Tensor  # (scored places,): which completion, in the order of the labels
    place: Tensor  # (scored places,): which of its tokens

    @property
    def scored(self) -> Tensor:
        """Where a token is scored (rows, length)."""
        return self.labels != _IGNORED

    def gather(self, values: Tensor, completions: int, length: int) -> Tensor:
        """Return the values of the scored places as (completions, length), 0 elsewhere."""
        return values.new_zeros(completions, length).index_put((self.number, self.place), values.flatten())


def lay_out(
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[int]],
    device: torch.device | str = "cpu",
    longest: int = _LONGEST_ROW,
) -> Layout:
    """Return the rows of completions, each beside its prompt; those of equal prompts share a row while it has room.

    An empty completion takes no place.
    """
    rows: list[_Row] = []
    with_room: dict[tuple[int, ...], _Row] = {}
    for number, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
        if not completion:
            continue
        row = with_room.get(tuple(prompt))
        if row is None or len(row.ids) + len(completion) > longest:
            row = with_room[tuple(prompt)] = _Row.of(prompt)
            rows.append(row)
        row.add(number, prompt, completion)
    blocks = _padded([row.blocks for row in rows], _PADDING)
    looked_at, looking = blocks[:, None, :], blocks[:, :, None]
    causal = torch.ones(blocks.shape[1], blocks.shape[1], dtype=torch.bool).tril()
    mask = ((looked_at == looking) | (looked_at == _PROMPT)) & causal  # padding sees itself: no place sees nothing
    tensors = (
        _padded([row.ids for row in rows], 0),
        _padded([row.positions for row in rows], 0),
        _padded([row.labels for row in rows], _IGNORED),
        mask[:, None],
        torch.tensor([number for row in rows for number in row.numbers]),
        torch.tensor([place for row in rows for place in row.places]),
    )
    return Layout(*(tensor.to(device) for tensor in tensors))


def _padded(rows: Sequence[Sequence[int]], padding: int) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[padding] * (longest - len(row))] for row in rows])


def score(
    model: Any, prompts: Tensor, completions: Tensor, seen: Tensor, longest: int = _LONGEST_ROW
) -> tuple[Tensor, Tensor | None]:
    """Return log-probabilities and entropies (completions, tokens) of padded completions.

    Args:
        model: with the head of `trl.trainer.utils.add_fused_lm_head`, which holds the temperature.
        prompts: (completions, prompt tokens), padded anywhere.
        completions: (completions, tokens), padded anywhere; where nothing is seen of one, nothing is computed.
        seen: (completions, prompt tokens + tokens): 1 where a token counts, 0 at padding; not all completions empty.
    """
    split = prompts.shape[1]
    prompt_ids, completion_ids = _real(prompts, seen[:, :split]), _real(completions, seen[:, split:])
    layout = lay_out(prompt_ids, completion_ids, completions.device, longest)
    with _head_only_at(layout.scored, model):
        output = model(
            input_ids=layout.ids,
            attention_mask=layout.mask,
            position_ids=layout.positions,
            shift_labels=layout.labels[layout.scored][None],
            fused_lm_head=True,
        )
    log_probabilities, entropy = (
        None if values is None else layout.gather(values, *completions.shape)
        for values in (output.log_probs, output.entropy)
    )
    assert log_probabilities is not None
    return log_probabilities, entropy


@contextmanager
def _head_only_at(places: Tensor, model: Any) -> Iterator[None]:
    """Let the head see the states at these places alone, as one row: on the CPU, TRL's head works out all of them."""

    def pick(backbone: Any, arguments: Any, output: Any) -> Any:
        output.last_hidden_state = output.last_hidden_state[places][None]
        return output

    whole = model.get_base_model() if hasattr(model, "get_base_model") else model  # of an adapted model
    hook = whole.base_model.register_forward_hook(pick)
    try:
        yield
    finally:
        hook.remove()


def _real(ids: Tensor, seen: Tensor) -> list[list[int]]:
    pairs = zip(ids.tolist(), seen.tolist(), strict=True)
    return [[token for token, counts in zip(row, there, strict=True) if counts] for row, there in pairs]
