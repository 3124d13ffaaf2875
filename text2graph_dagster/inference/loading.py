"""Loading and saving a student: a causal language model with its tokenizer."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, PreTrainedTokenizerBase

from text2graph_dagster.errors import UserError
from text2graph_dagster.inference.precision import frozen_weight_options, is_quantised
from text2graph_dagster.runtime.program import as_user_error
from text2graph_dagster.settings import LoraSettings


def load_student(path: str | Path, lora: LoraSettings | None = None) -> tuple[Any, PreTrainedTokenizerBase]:
    """Load a model and its tokenizer from a directory or the hub, onto the GPU if there is one.

    Code in the model's repository is never executed. `lora` decides the weights' precision (see `precision`). The
    tokenizer pads on the left.

    Raises:
        UserError: the model cannot be loaded (missing, incomplete, not a causal language model, quantisation not
            available), its tokenizer.json is missing, or its tokenizer has no EOS token.
    """
    precision = frozen_weight_options(lora)
    with as_user_error(f"the model {str(path)!r} cannot be loaded"):
        tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(path, trust_remote_code=False, **precision)
        if not is_quantised(model):
            model = model.to("cuda" if torch.cuda.is_available() else "cpu")
    known, tokens = len(tokenizer), model.get_input_embeddings().num_embeddings
    if known < tokens / 2:  # without a vocabulary file Transformers silently builds a tiny one
        raise UserError(
            f"the tokenizer of {str(path)!r} has {known} of {tokens} tokens: copy tokenizer.json into the directory."
        )
    if tokenizer.eos_token_id is None:
        raise UserError(
            f"the tokenizer of {str(path)!r} has no EOS token, which ends a student's answer: choose a model with one."
        )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "left"
    return model, tokenizer


def save_student(model: Any, tokenizer: PreTrainedTokenizerBase, directory: Path) -> None:
    """Write a standard Transformers directory whose generation config is greedy and stops at the EOS token."""
    model.generation_config = greedy_generation_config(tokenizer)
    in_training, model.config.use_cache = model.config.use_cache, True  # trainers turn it off
    model.save_pretrained(directory)
    model.config.use_cache = in_training
    tokenizer.save_pretrained(directory)


def greedy_generation_config(tokenizer: PreTrainedTokenizerBase) -> GenerationConfig:
    """Return a greedy generation config without the model's own defaults (sampling, repetition penalty)."""
    return GenerationConfig(
        do_sample=False,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def describe_model(model: Any) -> dict[str, Any]:
    """Return the description of a model for run.json: architecture, parameter counts, vocabulary size."""
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    quantised = sum(p.numel() for p in model.parameters() if type(p).__name__ == "Params4bit")  # two per byte
    return {
        "architecture": model.config.model_type,
        "parameters": sum(p.numel() for p in model.parameters()) + quantised,
        "trained_parameters": trainable,
        "vocabulary": model.config.vocab_size,
    }
