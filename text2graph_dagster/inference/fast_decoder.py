"""A fast batched decoder for small models of the Qwen2 and Llama architectures on the CPU.

HF `generate` spends much of its time on bookkeeping and on copies of its key-value cache. This decoder runs each prompt
once for all answers sampled from it, and the common beginning of all prompts once; it writes into a preallocated cache,
and drops rows that have ended. A test checks that its greedy answers in float32 equal those of `generate` token for
token. Where the processor has bfloat16 units, a larger model runs in bfloat16, except for the residual stream and the
output layer, because the logits of the best tokens are often closer to each other than the resolution of bfloat16.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from text2graph_dagster.inference.decoder_weights import DecoderWeights
from text2graph_dagster.inference.sampling import Constraint, sample_allowed_tokens, sample_tokens

_MIN_SAVED_TOKENS = 32  # a forward pass of one row takes about as long as so many tokens in a pass of many rows
_PROMPTS_PER_PASS = 16  # prompts of similar length that are run together: little padding, and little memory
_DROP_BELOW = 0.85  # drop ended rows only below this share of running rows: dropping copies the whole cache


@dataclass(frozen=True)
class DecodedBatch:
    """`samples` answers per prompt, adjacent for the same prompt; the EOS token is included if it was reached."""

    tokens: list[list[int]]
    log_probabilities: list[list[float]]

    def append(self, numbers: Tensor, running: Tensor, tokens: Tensor, log_probabilities: Tensor) -> None:
        """Append the next token to every running answer; all arguments have one element per row."""
        rows = (x.tolist() for x in (numbers, tokens, log_probabilities, running))
        for number, token, log_probability, is_running in zip(*rows, strict=True):
            if is_running:
                self.tokens[number].append(token)
                self.log_probabilities[number].append(log_probability)


class _Cache:
    """Keys and values of every layer: tensors (rows, kv heads, length, head width)."""

    def __init__(self, weights: DecoderWeights, rows: int, length: int) -> None:
        shape = (rows, weights.kv_heads, length, weights.head_width)
        # Zeros, because a masked value that is not a number would still spread.
        self.keys = [torch.zeros(shape, dtype=weights.dtype) for _ in weights.layers]
        self.values = [torch.zeros(shape, dtype=weights.dtype) for _ in weights.layers]

    def fill_from(self, prompts: "_Cache", rows: Tensor, samples: int, shared: int, end: int) -> None:
        """Copy the keys and values of prompts to `rows`, `samples` rows for each.

        The first `shared` positions stay where they are; the others are moved so that they end at position `end`.
        """
        begin = end - (prompts.keys[0].shape[2] - shared)
        for own, other in ((self.keys, prompts.keys), (self.values, prompts.values)):
            for to, source in zip(own, other, strict=True):
                to[rows, :, :shared] = source[:, :, :shared].repeat_interleave(samples, 0)
                to[rows, :, begin:end] = source[:, :, shared:].repeat_interleave(samples, 0)

    def keep(self, rows: Tensor, used: int) -> None:
        """Keep only the listed rows; only the first `used` positions are filled."""
        for tensors in (self.keys, self.values):
            for i, old in enumerate(tensors):
                tensors[i] = old.new_empty(len(rows), *old.shape[1:])
                tensors[i][:, :, :used] = old[rows, :, :used]


def _rotary(w: DecoderWeights, positions: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rotary factors (rows, 1, tokens, head width) of positions (rows, tokens)."""
    frequencies = w.rotary_base ** (-torch.arange(0, w.head_width, 2, dtype=torch.int64).float() / w.head_width)
    angles = positions[:, None, :, None].float() * frequencies
    angles = torch.cat([angles, angles], -1)
    return angles.cos().to(w.dtype), angles.sin().to(w.dtype)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin


def _forward(w: DecoderWeights, ids: Tensor, positions: Tensor, cache: _Cache, start: int, mask: Tensor) -> Tensor:
    """Run `ids` (rows, tokens) at cache positions [start, start + tokens); return the last token's hidden state."""
    x, (cos, sin) = w.embedding[ids].float(), _rotary(w, positions)
    rows, tokens, width = x.shape
    end = start + tokens
    # Added to the scores; computed once here, since the attention of every layer would convert a boolean mask again.
    mask = torch.zeros(mask.shape, dtype=w.dtype).masked_fill_(~mask, float("-inf"))
    for i, layer in enumerate(w.layers):
        qkv = layer.qkv(functional.rms_norm(x, (width,), layer.norm_in, w.epsilon))
        heads = qkv.view(rows, tokens, w.heads + 2 * w.kv_heads, w.head_width).transpose(1, 2)
        q, k, v = torch.split(heads, [w.heads, w.kv_heads, w.kv_heads], 1)
        cache.keys[i][:, :, start:end] = _rotate(k, cos, sin)
        cache.values[i][:, :, start:end] = v
        x = x + layer.out(
            _attend(w, _rotate(q, cos, sin), cache.keys[i][:, :, :end], cache.values[i][:, :, :end], mask)
        )
        gate, up = layer.gate_up(functional.rms_norm(x, (width,), layer.norm_mid, w.epsilon)).chunk(2, -1)
        x = x + layer.down(functional.silu(gate) * up)
    return functional.rms_norm(x[:, -1], (width,), w.norm, w.epsilon)


def _attend(w: DecoderWeights, q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """Return the attended values (rows, tokens, heads x head width) of q, k, v (rows, heads, tokens, head width)."""
    rows, _, tokens, _ = q.shape
    if tokens == 1:  # treat the query heads of a key head as tokens: five times as fast as `enable_gqa` in bfloat16
        grouped = q.reshape(rows, w.kv_heads, -1, w.head_width)
        seen = mask.expand(rows, 1, grouped.shape[2], mask.shape[-1])
        attended = functional.scaled_dot_product_attention(grouped, k, v, attn_mask=seen)
        return attended.reshape(rows, 1, -1)
    attended = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=w.kv_heads != w.heads)
    return attended.transpose(1, 2).reshape(rows, tokens, -1)


@dataclass
class _Rows:
    """The answers still being decoded, one row each, with the state that the next token depends on."""

    number: Tensor  # the answer that a row belongs to
    running: Tensor  # false after the EOS token
    hidden: Tensor
    cache: _Cache
    visible: Tensor  # (rows, cache positions): attention mask
    lengths: Tensor  # tokens so far, without padding

    def drop_ended(self, used: int) -> None:
        """Drop the rows that have ended; `used` positions of the cache are filled."""
        kept = self.running.nonzero()[:, 0]
        self.number, self.running = self.number[kept], self.running[kept]
        self.visible, self.lengths = self.visible[kept], self.lengths[kept]
        self.cache.keep(kept, used)

    def advance(self, weights: DecoderWeights, token: Tensor, place: int) -> None:
        """Run the next token of each row at cache position `place`."""
        self.visible[:, place] = True
        seen = self.visible[:, None, None, : place + 1]
        self.hidden = _forward(weights, token[:, None], self.lengths[:, None], self.cache, place, seen)
        self.lengths = self.lengths + 1


@torch.no_grad()
def decode_batch(
    weights: DecoderWeights,
    prompts: Sequence[Sequence[int]],
    *,
    end_tokens: Sequence[int],
    max_new_tokens: int,
    samples: int = 1,
    temperature: float = 0.0,
    generator: torch.Generator | None = None,
    constraint: Constraint | None = None,
) -> DecodedBatch:
    """Continue each prompt (token ids) `samples` times; greedily at temperature 0.

    `constraint` limits the answers; they are numbered in the order of the result.
    """
    start = max(map(len, prompts))
    rows = _read_prompts(weights, prompts, samples, start + max_new_tokens)
    ends = torch.tensor(list(end_tokens))
    answers = DecodedBatch([[] for _ in rows.hidden], [[] for _ in rows.hidden])
    for step in range(max_new_tokens):
        token, log_probability = _choose_tokens(weights, rows, constraint, temperature, generator)
        answers.append(rows.number, rows.running, token, log_probability)
        rows.running &= ~torch.isin(token, ends)
        share = rows.running.float().mean().item()
        if share == 0 or step + 1 == max_new_tokens:
            break
        if share < _DROP_BELOW:
            token = token[rows.running]
            rows.drop_ended(start + step)
        rows.advance(weights, token, start + step)
    return answers


def _choose_tokens(
    weights: DecoderWeights,
    rows: _Rows,
    constraint: Constraint | None,
    temperature: float,
    generator: torch.Generator | None,
) -> tuple[Tensor, Tensor]:
    """Return the next token of every row and its log-probability."""
    logits = weights.head(rows.hidden)
    if constraint is None:
        return sample_tokens(logits, temperature, generator)
    return sample_allowed_tokens(logits, rows.number, rows.running, constraint, temperature, generator)


def _read_prompts(weights: DecoderWeights, prompts: Sequence[Sequence[int]], samples: int, length: int) -> _Rows:
    """Run every prompt once, and copy its keys, values and last hidden state to each of its `samples` rows.

    The tokens with which all prompts begin, such as the instructions, are run only once. All prompts end at the same
    position of the cache, so that all rows write their next token at the same position.
    """
    count, longest, shared = len(prompts), max(map(len, prompts)), _count_shared_tokens(prompts)
    cache, hidden = _Cache(weights, count * samples, length), weights.norm.new_empty(count, len(weights.norm))
    beginning = _Cache(weights, 1, shared)
    if shared:
        causal = torch.ones(1, 1, shared, shared, dtype=torch.bool).tril()
        _forward(weights, torch.tensor([prompts[0][:shared]]), torch.arange(shared)[None], beginning, 0, causal)
    by_length = sorted(range(count), key=lambda i: len(prompts[i]))
    for first in range(0, count, _PROMPTS_PER_PASS):
        part = by_length[first : first + _PROMPTS_PER_PASS]
        own, hidden[part] = _run_prompts(weights, [prompts[i] for i in part], beginning, shared)
        rows = (torch.tensor(part)[:, None] * samples + torch.arange(samples)).flatten()
        cache.fill_from(own, rows, samples, shared, longest)
    visible = torch.zeros(count * samples, length, dtype=torch.bool)
    lengths = torch.tensor([len(prompt) for prompt in prompts]).repeat_interleave(samples)
    positions = torch.arange(longest)
    visible[:, :longest] = (positions < shared) | (positions >= longest + shared - lengths[:, None])
    running = torch.ones(count * samples, dtype=torch.bool)
    return _Rows(torch.arange(count * samples), running, hidden.repeat_interleave(samples, 0), cache, visible, lengths)


def _run_prompts(
    weights: DecoderWeights, prompts: Sequence[Sequence[int]], beginning: _Cache, shared: int
) -> tuple[_Cache, Tensor]:
    """Run prompts after their first `shared` tokens, padded on the left; return their cache and last hidden states."""
    count, longest = len(prompts), max(map(len, prompts))
    ids = torch.zeros(count, longest - shared, dtype=torch.long)
    real = torch.zeros(count, longest, dtype=torch.bool)
    real[:, :shared] = True
    for i, prompt in enumerate(prompts):
        begin = longest - len(prompt)
        ids[i, begin:], real[i, begin + shared :] = torch.tensor(prompt[shared:]), True
    # A padding token attends to itself, because a fully masked row would give NaN.
    causal = torch.ones(longest, longest, dtype=torch.bool).tril()
    mask = (real[:, None, None, :] & causal) | torch.eye(longest, dtype=torch.bool)
    positions = (real.cumsum(1) - 1).clamp(min=0)
    cache = _Cache(weights, count, longest)
    cache.fill_from(beginning, torch.arange(count), count, shared, shared)
    return cache, _forward(weights, ids, positions[:, shared:], cache, shared, mask[:, :, shared:])


def _count_shared_tokens(prompts: Sequence[Sequence[int]]) -> int:
    """Return how many first tokens all prompts have in common, less than any prompt has; 0 if sharing saves little."""
    most = min(map(len, prompts)) - 1
    columns = enumerate(zip(*prompts, strict=False))  # up to the end of the shortest prompt
    shared = next(i for i, column in columns if i == most or len(set(column)) > 1)
    return shared if shared * (len(prompts) - 1) >= _MIN_SAVED_TOKENS else 0
