"""A fast batched decoder for small models of the Qwen2 and Llama architectures on the CPU.

For a model of a few million parameters, HF `generate` spends most of its time on bookkeeping. This decoder runs each
prompt once for all answers sampled from it, writes into a preallocated key-value cache, and drops rows that have ended.
A test checks that its greedy answers in float32 equal those of `generate` token for token. Where the processor has
bfloat16 units, a larger model runs in bfloat16. The output layer stays in float32, because the logits of the best
tokens are often closer to each other than the resolution of bfloat16.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from text2graph_dagster.inference.precision import prefers_bfloat16
from text2graph_dagster.inference.sampling import Constraint, sample_allowed_tokens, sample_tokens

_ARCHITECTURES = ("llama", "qwen2")
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


@dataclass(frozen=True)
class _Layer:
    norm_in: Tensor
    qkv: Tensor
    qkv_bias: Tensor | None
    out: Tensor
    norm_mid: Tensor
    gate_up: Tensor
    down: Tensor


@dataclass(frozen=True)
class DecoderWeights:
    """The weights of a model as the decoder uses them; query-key-value and gate-up are fused copies.

    They are a snapshot: after the model was trained further, read them again.
    """

    embedding: Tensor
    layers: tuple[_Layer, ...]
    norm: Tensor
    head: Tensor  # float32
    heads: int
    kv_heads: int
    head_width: int
    epsilon: float
    rotary_base: float


def has_fast_decoder(model: Any) -> bool:
    """Return whether `decode_batch` supports the model.

    It must be on the CPU, not quantised, without adapters, with full attention, the default rotary embedding, and
    biases only where Qwen2 has them.
    """
    config: Any = getattr(model, "config", None)
    if getattr(config, "model_type", "") not in _ARCHITECTURES or not hasattr(model, "lm_head"):
        return False
    if hasattr(model, "peft_config") or getattr(config, "attention_bias", False) or getattr(config, "mlp_bias", False):
        return False
    rope = getattr(config, "rope_parameters", None) or {}
    plain = rope.get("rope_type", "default") == "default" and not getattr(config, "use_sliding_window", False)
    weight = model.lm_head.weight
    return plain and config.hidden_act == "silu" and weight.device.type == "cpu" and weight.is_floating_point()


@torch.no_grad()
def read_weights(model: Any, dtype: torch.dtype | None = None) -> DecoderWeights:
    """Return the weights of a model that passes `has_fast_decoder`.

    Args:
        dtype: the precision to compute in; None: bfloat16 for a larger model on a processor with bfloat16 units, else
            the model's own.
    """
    config, layers = model.config, []
    dtype = dtype or (torch.bfloat16 if prefers_bfloat16(model) else model.dtype)
    for layer in model.model.layers:
        a, m = layer.self_attn, layer.mlp
        projections = (a.q_proj, a.k_proj, a.v_proj)
        tensors: tuple[Any, ...] = (
            layer.input_layernorm.weight,
            torch.cat([p.weight for p in projections]),
            torch.cat([p.bias for p in projections]) if a.q_proj.bias is not None else None,
            a.o_proj.weight,
            layer.post_attention_layernorm.weight,
            torch.cat([m.gate_proj.weight, m.up_proj.weight]),
            m.down_proj.weight,
        )
        converted: list[Any] = [None if tensor is None else tensor.to(dtype) for tensor in tensors]
        layers.append(_Layer(*converted))
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return DecoderWeights(
        model.model.embed_tokens.weight.to(dtype),
        tuple(layers),
        model.model.norm.weight.to(dtype),
        model.lm_head.weight.float(),
        config.num_attention_heads,
        config.num_key_value_heads,
        width,
        config.rms_norm_eps,
        config.rope_parameters["rope_theta"],
    )


class _Cache:
    """Keys and values of every layer: tensors (rows, kv heads, length, head width)."""

    def __init__(self, weights: DecoderWeights, rows: int, length: int) -> None:
        shape = (rows, weights.kv_heads, length, weights.head_width)
        self.keys = [torch.empty(shape, dtype=weights.norm.dtype) for _ in weights.layers]
        self.values = [torch.empty(shape, dtype=weights.norm.dtype) for _ in weights.layers]

    def fill_from(self, prefix: "_Cache", samples: int) -> None:
        """Copy the keys and values of every prompt to each of its `samples` rows."""
        length = prefix.keys[0].shape[2]
        for own, other in ((self.keys, prefix.keys), (self.values, prefix.values)):
            for to, source in zip(own, other, strict=True):
                to[:, :, :length] = source.repeat_interleave(samples, 0)

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
    return angles.cos().to(w.norm.dtype), angles.sin().to(w.norm.dtype)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin


def _forward(w: DecoderWeights, ids: Tensor, positions: Tensor, cache: _Cache, start: int, mask: Tensor) -> Tensor:
    """Run `ids` (rows, tokens) at cache positions [start, start + tokens); return the last token's hidden state."""
    x, (cos, sin) = w.embedding[ids], _rotary(w, positions)
    rows, tokens, width = x.shape
    end = start + tokens
    for i, layer in enumerate(w.layers):
        qkv = functional.linear(functional.rms_norm(x, (width,), layer.norm_in, w.epsilon), layer.qkv, layer.qkv_bias)
        heads = qkv.view(rows, tokens, w.heads + 2 * w.kv_heads, w.head_width).transpose(1, 2)
        q, k, v = torch.split(heads, [w.heads, w.kv_heads, w.kv_heads], 1)
        cache.keys[i][:, :, start:end] = _rotate(k, cos, sin)
        cache.values[i][:, :, start:end] = v
        attended = functional.scaled_dot_product_attention(
            _rotate(q, cos, sin),
            cache.keys[i][:, :, :end],
            cache.values[i][:, :, :end],
            attn_mask=mask,
            enable_gqa=w.kv_heads != w.heads,
        )
        x = x + functional.linear(attended.transpose(1, 2).reshape(rows, tokens, -1), layer.out)
        gate_up = functional.linear(functional.rms_norm(x, (width,), layer.norm_mid, w.epsilon), layer.gate_up)
        gate, up = gate_up.chunk(2, -1)
        x = x + functional.linear(functional.silu(gate) * up, layer.down)
    return functional.rms_norm(x[:, -1], (width,), w.norm, w.epsilon)


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
    logits = functional.linear(rows.hidden.float(), weights.head)
    if constraint is None:
        return sample_tokens(logits, temperature, generator)
    return sample_allowed_tokens(logits, rows.number, rows.running, constraint, temperature, generator)


def _read_prompts(weights: DecoderWeights, prompts: Sequence[Sequence[int]], samples: int, length: int) -> _Rows:
    """Run every prompt once, and copy its keys, values and last hidden state to each of its `samples` rows."""
    count, longest = len(prompts), max(map(len, prompts))
    ids = torch.zeros(count, longest, dtype=torch.long)
    real = torch.zeros(count, longest, dtype=torch.bool)
    for i, prompt in enumerate(prompts):  # left padding: all rows write their next token at the same position
        ids[i, longest - len(prompt) :] = torch.tensor(prompt)
        real[i, longest - len(prompt) :] = True
    # A padding token attends to itself, because a fully masked row would give NaN.
    causal = torch.ones(longest, longest, dtype=torch.bool).tril()
    mask = (real[:, None, None, :] & causal) | torch.eye(longest, dtype=torch.bool)
    prefix, cache = _Cache(weights, count, longest), _Cache(weights, count * samples, length)
    hidden = _forward(weights, ids, (real.cumsum(1) - 1).clamp(min=0), prefix, 0, mask)
    cache.fill_from(prefix, samples)
    visible = torch.zeros(count * samples, length, dtype=torch.bool)
    visible[:, :longest] = real.repeat_interleave(samples, 0)
    lengths = real.sum(1).repeat_interleave(samples)
    running = torch.ones(count * samples, dtype=torch.bool)
    return _Rows(torch.arange(count * samples), running, hidden.repeat_interleave(samples, 0), cache, visible, lengths)
