"""The numeric precision of a model: of its weights (float32, bfloat16, or 4-bit for QLoRA), and of CPU arithmetic."""

import os
from importlib.util import find_spec
from typing import Any

import torch

from text2graph_dagster.errors import UserError
from text2graph_dagster.settings import LoraSettings, Precision

_MIN_PARAMETERS = 20_000_000  # of a model that gains by bfloat16: below, conversions cost more than they save


def frozen_weight_options(lora: LoraSettings | None) -> dict[str, Any]:
    """Return the `from_pretrained` options for the weights' precision.

    Weights that are trained themselves (no `lora`) are float32. Frozen weights under LoRA adapters are bfloat16 on a
    GPU, and 4-bit NF4 if `lora.quantised`.

    Raises:
        UserError: `lora.quantised` is set but bitsandbytes is not installed.
    """
    on_gpu = torch.cuda.is_available()
    if lora is None or not (on_gpu or lora.quantised):
        return {"dtype": torch.float32}
    dtype = torch.bfloat16 if on_gpu else torch.float32
    if not lora.quantised:
        return {"dtype": dtype}
    if find_spec("bitsandbytes") is None:
        raise UserError(
            "student.lora.quantised needs bitsandbytes, which is not installed: run pip install -e '.[gpu]', or set "
            "student.lora.quantised: false."
        )
    from transformers import BitsAndBytesConfig

    four_bits = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
    device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if on_gpu else "cpu"
    return {"dtype": dtype, "quantization_config": four_bits, "device_map": {"": device}}


def has_bfloat16_units() -> bool:
    """Return whether this processor multiplies bfloat16 matrices in hardware (AVX-512 BF16 or AMX); else it is slow."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def is_large(model: Any) -> bool:
    """Return whether a model is so large that matrix products take most of its time."""
    return sum(int(p.numel()) for p in model.parameters()) >= _MIN_PARAMETERS


def prefers_bfloat16(model: Any) -> bool:
    """Return whether a model on the CPU runs faster in bfloat16 than in float32."""
    return has_bfloat16_units() and is_large(model)


def is_bfloat16(precision: Precision, model: Any) -> bool:
    """Return whether a model on the CPU computes in bfloat16 under this setting."""
    return precision == "bfloat16" or (precision == "auto" and prefers_bfloat16(model))


def is_quantised(model: Any) -> bool:
    """Return whether the model's weights are 4-bit quantised."""
    return bool(getattr(model, "is_loaded_in_4bit", False))
