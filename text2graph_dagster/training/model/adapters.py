"""Low-rank adapters on frozen weights: in what precision these are held, and how both become one ordinary model.

Frozen weights take no updates, so they need no more than what they were published in: bfloat16 on a GPU, or four bits
(QLoRA, Dettmers et al. 2023). What is trained stays in float32, since bfloat16 rounds small updates away.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch

from text2graph_dagster.inference.precision import is_quantised
from text2graph_dagster.settings import LoraSettings


def with_lora(model: Any, lora: LoraSettings, seed: int, task: str = "CAUSAL_LM") -> Any:
    """Return the model with new low-rank adapters on all its linear layers; only these, and a new head, are trained."""
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    torch.manual_seed(seed)
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules="all-linear",
        task_type=task,
    )
    if is_quantised(model):  # the trainer decides on checkpointing
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    return get_peft_model(model, config)


def trained_in_full(trainer: Any) -> Any:
    """Return a trainer whose adapters are float32 again: TRL makes those on quantised weights bfloat16.

    At 2e-5, the rate of reinforcement with adapters, most updates are smaller than bfloat16 can tell.
    """
    for parameter in trainer.model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return trainer


def merged(model: Any, reload: Callable[[], Any] | None = None) -> Any:
    """Return the ordinary model in float32 that is written, and measured: adapters are merged into a copy.

    Merging into bfloat16 or four bits would round the adapters away, so they are merged into the weights as published.
    What adapters learnt beside quantised weights is then a little off; the figures on dev are those of the result.

    Args:
        reload: loads the model that the adapters were put on, in float32; none: it is in float32.
    """
    adapted = hasattr(model, "peft_config")
    in_full = not is_quantised(model) and model.get_input_embeddings().weight.dtype == torch.float32
    if in_full or reload is None:
        return copy.deepcopy(model).merge_and_unload() if adapted else model
    whole = reload()
    if not adapted:
        return whole
    from peft import get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict

    learnt = get_peft_model_state_dict(model, save_embedding_layers=False)
    whole = get_peft_model(whole, copy.deepcopy(model.peft_config["default"]))
    set_peft_model_state_dict(whole, learnt)
    return whole.merge_and_unload()
