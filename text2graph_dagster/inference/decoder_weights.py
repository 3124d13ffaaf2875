"""The weights of a model as the fast decoder uses them, and which models it supports."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from text2graph_dagster.inference.packed_linear import PackedLinear
from text2graph_dagster.inference.precision import is_bfloat16
from text2graph_dagster.settings import Precision

_ARCHITECTURES = ("llama", "qwen2")


@dataclass(frozen=True)
class Layer:
    """The weights of one transformer layer; norms are in float32."""

    norm_in: Tensor
    qkv: PackedLinear
    out: PackedLinear
    norm_mid: Tensor
    gate_up: PackedLinear
    down: PackedLinear


@dataclass(frozen=True)
class DecoderWeights:
    """The weights of a model as the decoder uses them: copies, some of them fused.

    After the model was trained further, read them again.
    """

    embedding: Tensor
    layers: tuple[Layer, ...]
    norm: Tensor
    head: PackedLinear  # in float32
    heads: int
    kv_heads: int
    head_width: int
    epsilon: float
    rotary_base: float
    dtype: torch.dtype  # of the layers and the cache


def has_fast_decoder(model: Any) -> bool:
    """Return whether the fast decoder supports the model.

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
    if not plain or config.hidden_act != "silu":
        return False
    linear = (model.lm_head, *(module for layer in model.model.layers for module in _list_projections(layer)))
    # Quantised layers, and layers with adapters, have other types.
    return all(type(module) is torch.nn.Linear and module.weight.device.type == "cpu" for module in linear)


def _list_projections(layer: Any) -> tuple[Any, ...]:
    a, m = layer.self_attn, layer.mlp
    return a.q_proj, a.k_proj, a.v_proj, a.o_proj, m.gate_proj, m.up_proj, m.down_proj


@torch.no_grad()
def read_weights(model: Any, precision: Precision = "auto") -> DecoderWeights:
    """Return the weights of a model that passes `has_fast_decoder`.

    Args:
        precision: of the layers and the cache; auto: bfloat16 for a larger model on a processor with bfloat16 units,
            else float32.
    """
    config, layers = model.config, []
    dtype = torch.bfloat16 if is_bfloat16(precision, model) else torch.float32
    for layer in model.model.layers:
        q, k, v, out, gate, up, down = _list_projections(layer)
        bias = torch.cat([q.bias, k.bias, v.bias]) if q.bias is not None else None
        layers.append(
            Layer(
                layer.input_layernorm.weight.float(),
                PackedLinear(torch.cat([q.weight, k.weight, v.weight]), bias, dtype),
                PackedLinear(out.weight, None, dtype),
                layer.post_attention_layernorm.weight.float(),
                PackedLinear(torch.cat([gate.weight, up.weight]), None, dtype),
                PackedLinear(down.weight, None, dtype),
            )
        )
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return DecoderWeights(
        model.model.embed_tokens.weight.detach(),
        tuple(layers),
        model.model.norm.weight.float(),
        PackedLinear(model.lm_head.weight, None, torch.float32),
        config.num_attention_heads,
        config.num_key_value_heads,
        width,
        config.rms_norm_eps,
        config.rope_parameters["rope_theta"],
        dtype,
    )
