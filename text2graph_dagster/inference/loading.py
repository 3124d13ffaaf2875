"""TODO."""

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

    Code that comes with a model is never run. Its weights are float32, unless adapters (`lora`) are going to be put
    on them.

    Raises:
        UserError: there is no such model, it is not whole or not a causal language model, or it cannot be quantised
            here.
    """
    precision = frozen_weight_options(lora)
    with as_user_error(f"the model {str(path)!r} cannot be loaded"):
        tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(path, trust_remote_code=False, **precision)
        if not is_quantised(model):
            model = model.to("cuda" if torch.cuda.is_available() else "cpu")
    known, tokens = len(tokenizer), model.get_input_embeddings().num_embeddings
    if known < tokens / 2:  # where the vocabulary is missing, Transformers makes one up without a word
        raise UserError(f"the tokenizer of {str(path)!r} knows {known} of {tokens} tokens: copy tokenizer.json along.")
    if tokenizer.eos_token_id is None:
        raise UserError(f"the tokenizer of {str(path)!r} has no end token: a student must be able to end its answer.")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "left"
    return model, tokenizer


def save_student(model: Any, tokenizer: PreTrainedTokenizerBase, directory: Path) -> None:
    """Write an ordinary Transformers directory that decodes greedily and ends at the end token."""
    model.generation_config = greedy_generation_config(tokenizer)
    in_training, model.config.use_cache = model.config.use_cache, True  # which trainers switch off
    model.save_pretrained(directory)
    model.config.use_cache = in_training
    tokenizer.save_pretrained(directory)


def greedy_generation_config(tokenizer: PreTrainedTokenizerBase) -> GenerationConfig:
    """Return settings for one likeliest answer; nothing of a chat model's own habits (sampling, repetition penalty)."""
    return GenerationConfig(
        do_sample=False,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def describe_model(model: Any) -> dict[str, Any]:
    """Return what run.json says about a model."""
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    quantised = sum(p.numel() for p in model.parameters() if type(p).__name__ == "Params4bit")  # two in a byte
    return {
        "architecture": model.config.model_type,
        "parameters": sum(p.numel() for p in model.parameters()) + quantised,
        "trained_parameters": trainable,
        "vocabulary": model.config.vocab_size,
    }
