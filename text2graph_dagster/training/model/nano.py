"""The nano student: a Qwen2-architecture model of about a million parameters, made from configuration."""

import torch
from torch import Tensor
from transformers import GenerationConfig, PreTrainedTokenizerBase, Qwen2Config, Qwen2ForCausalLM

from text2graph_dagster.settings import StudentSettings

_ROPE_THETA = 10_000.0
_MAX_COPY_DISTANCE = 150  # tokens: the approximate maximum distance over which a name is copied


def build_nano(settings: StudentSettings, tokenizer: PreTrainedTokenizerBase, seed: int) -> Qwen2ForCausalLM:
    """Return an untrained model for `tokenizer`, initialised with a circuit that copies names."""
    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden_size,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.kv_heads,
        intermediate_size=settings.mlp_size,
        max_position_embeddings=settings.context,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": _ROPE_THETA},
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        dtype="float32",
    )
    model = Qwen2ForCausalLM(config)
    if settings.heads > 1 and settings.layers > 1:
        init_previous_token_head(model)
        init_induction_head(model)
    model.generation_config = GenerationConfig(
        do_sample=False,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return model


@torch.no_grad()
def init_previous_token_head(model: Qwen2ForCausalLM, preference: float = 0.8) -> None:
    """Initialise the first head of the first layer to attend to the previous token, regardless of content.

    Copying a name takes two attention layers: one marks each token with its predecessor, the next finds the position
    whose predecessor is the token just written (an induction head, Olsson et al. 2022). Training forms this circuit
    slowly; here it is part of the initialisation, and training changes it like any other weight. Qwen2 has biases on
    queries and keys, so the biases can encode a rotary score that peaks at distance 1: for each rotary pair of
    frequency f, the query's bias is (1, 0) and the key's bias is (cos f, sin f).
    `preference` is the number of nats by which the previous token's score exceeds its neighbours' scores.
    """
    config, attention = model.config, model.model.layers[0].self_attn
    width = config.hidden_size // config.num_attention_heads
    frequencies = _frequencies(width)
    amplitude = (preference * width**0.5 / (1 - torch.cos(frequencies)).sum()) ** 0.5
    query = torch.cat([torch.ones_like(frequencies), torch.zeros_like(frequencies)])
    key = torch.cat([torch.cos(frequencies), torch.sin(frequencies)])
    _set_head(attention.q_proj, query * amplitude, content=0.05)
    _set_head(attention.k_proj, key * amplitude, content=0.3)


@torch.no_grad()
def init_induction_head(model: Qwen2ForCausalLM, match: float = 4.0) -> None:
    """Initialise the first head of the second layer to copy what followed an earlier occurrence of the token.

    The head of `init_previous_token_head` reads the previous token through the directions `seen` and writes it to other
    directions, `marked`. Here queries read `seen` and keys read `marked`, so the score is `match` nats higher at
    positions whose predecessor equals the current token. Only slowly rotating pairs are used, because their score
    hardly depends on distance.
    """
    config = model.config
    width = config.hidden_size // config.num_attention_heads
    generator = torch.Generator().manual_seed(0)
    basis, _ = torch.linalg.qr(torch.randn(config.hidden_size, config.hidden_size, generator=generator))
    seen, marked = basis[:width], basis[width : 2 * width]
    size = config.initializer_range  # scale of an embedding's entries; the heads' outputs should have the same scale
    first, second = model.model.layers[0].self_attn, model.model.layers[1].self_attn
    first.v_proj.weight[:width] = seen
    first.o_proj.weight[:, :width] = 1.5 * size * marked.T
    slow = (_frequencies(width) * _MAX_COPY_DISTANCE < 1).float().repeat(2)[:, None]
    scale = (2 * match * width**0.5 / slow.sum()) ** 0.5
    second.q_proj.weight[:width] = scale * slow * seen
    second.k_proj.weight[:width] = scale * slow * marked
    second.v_proj.weight[:width] = seen
    second.o_proj.weight[:, :width] = 2 * size * seen.T


def _frequencies(width: int) -> Tensor:
    return _ROPE_THETA ** (-torch.arange(0, width, 2).float() / width)


def _set_head(projection: torch.nn.Linear, bias: Tensor, content: float) -> None:
    """Set the bias of a projection's first head and scale its weights down to `content`."""
    projection.weight[: len(bias)] *= content
    projection.bias[: len(bias)] = bias
