"""TODO."""

import os
from importlib.util import find_spec
from typing import Any

import torch

from text2graph_dagster.errors import UserError
from text2graph_dagster.settings import LoraSettings


def frozen_weight_options(lora: LoraSettings | None) -> dict[str, Any]:
    """Return how weights are loaded that adapters will be put on; without adapters, weights that are trained.

    Raises:
        UserError: they are to be quantised, and the package for it is not installed.
    """
    on_gpu = torch.cuda.is_available()
    if lora is None or not (on_gpu or lora.quantised):
        return {"dtype": torch.float32}
    dtype = torch.bfloat16 if on_gpu else torch.float32
    if not lora.quantised:
        return {"dtype": dtype}
    if find_spec("bitsandbytes") is None:
        raise UserError(
            "student.lora.quantised needs bitsandbytes, which is not installed: pip install -e '.[gpu]', or leave it "
            "out and train adapters on unquantised weights."
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


def is_quantised(model: Any) -> bool:
    """Tell whether the model's weights are held in four bits."""
    return bool(getattr(model, "is_loaded_in_4bit", False))
