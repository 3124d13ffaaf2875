"""LoRA adapters: add them to a model, keep them in float32, merge them into an ordinary model.

Frozen weights get no updates, so the precision in which they were published is enough: bfloat16 on a GPU, or four bits
(QLoRA, Dettmers et al. 2023). Trained weights stay in float32, since bfloat16 rounds small updates away.
"""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from text2graph_dagster.inference.loading import load_student
from text2graph_dagster.inference.precision import is_quantised
from text2graph_dagster.settings import LoraSettings


def add_lora(model: Any, lora: LoraSettings, seed: int, task: str = "CAUSAL_LM") -> Any:
    """Return the model with new adapters on all linear layers; only the adapters and any new head are trained."""
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    torch.manual_seed(seed)
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules="all-linear",
        task_type=task,
    )
    if is_quantised(model):  # the trainer sets gradient checkpointing
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    return get_peft_model(model, config)


def upcast_trained_weights(trainer: Any) -> Any:
    """Cast the trainer's trained weights to float32, because TRL casts adapters on quantised weights to bfloat16.

    At 2e-5, GRPO's learning rate for adapters, most updates are below the resolution of bfloat16.
    """
    for parameter in trainer.model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return trainer


def merge_adapters(model: Any, reload: Callable[[], Any] | None = None) -> Any:
    """Return the ordinary float32 model to write and evaluate: adapters are merged into a copy.

    Merging into bfloat16 or four bits would round the adapters away, so they are merged into the float32 weights.
    Adapters trained on quantised weights fit these slightly less well; the dev metrics are of the merged model.

    Args:
        reload: loads the model without adapters in float32; None: the model is in float32 already.
    """
    adapted = hasattr(model, "peft_config")
    is_float32 = not is_quantised(model) and model.get_input_embeddings().weight.dtype == torch.float32
    if is_float32 or reload is None:
        return copy.deepcopy(model).merge_and_unload() if adapted else model
    base = reload()
    if not adapted:
        return base
    from peft import get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict

    adapters = get_peft_model_state_dict(model, save_embedding_layers=False)
    base = get_peft_model(base, copy.deepcopy(model.peft_config["default"]))
    set_peft_model_state_dict(base, adapters)
    return base.merge_and_unload()


def export_model(model: Any, source: str | Path) -> Any:
    """Return the ordinary float32 model to evaluate or save; `source` is the model without adapters."""
    return merge_adapters(model, lambda: load_student(source)[0])
