"""Faster training on a CPU: bfloat16 arithmetic where the processor has it, compiled layers where they pay.

Weights, gradients of weights and the optimizer stay in float32; autocast computes the matrix products in bfloat16.
"""

from collections.abc import Callable
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from text2graph_dagster.inference.precision import is_bfloat16, is_large
from text2graph_dagster.runtime.memory import return_freed_memory
from text2graph_dagster.settings import StudentSettings

_MAX_PLAIN_LENGTH = 384  # tokens: plain attention stores a score for every pair of tokens of a row
_MIN_COMPILED_STEPS = 100  # compiling takes 20 to 60 seconds, and saves about a sixth of a step
_STEPS_BETWEEN_TRIMS = 20
_COMPILABLE = ("llama", "qwen2", "qwen3")


def uses_bfloat16(model: Any, student: StudentSettings) -> bool:
    """Return whether training computes in bfloat16: always on a GPU; on a CPU as `student.precision` says."""
    return torch.cuda.is_available() or is_bfloat16(student.precision, model)


def speed_up_layers(model: Any, longest: int, steps: int, log: Callable[[str], None]) -> None:
    """Use plain attention, and compile the layers, if the model is trained on a CPU and is large enough to gain by it.

    A causal model whose rows are padded on the right needs no attention mask. For short rows, plain attention is faster
    than `sdpa` on a CPU, and can be compiled together with the element-wise operations around it.

    Args:
        longest: tokens of the longest row.
        steps: optimizer steps of the run; a short run does not repay the compilation.
    """
    if next(model.parameters()).device.type != "cpu" or not is_large(model) or longest > _MAX_PLAIN_LENGTH:
        return
    if model.config.model_type not in _COMPILABLE or hasattr(model, "peft_config"):
        return
    model.set_attn_implementation("eager")
    if steps < _MIN_COMPILED_STEPS:
        return
    if not _can_compile():
        log("the layers are not compiled, because there is no working C++ compiler: a step takes about a sixth longer")
        return
    log("the model's layers are compiled in the first step, which takes up to two minutes")
    for layer in model.model.layers:
        layer.compile(dynamic=True)


def _can_compile() -> bool:
    """Return whether torch can compile for the CPU: it needs a C++ compiler and Python's header files."""
    try:
        return bool(torch.compile(lambda x: x * 2 + 1)(torch.ones(8))[0] == 3)
    except Exception:  # the compiler can fail in many ways
        return False


class MemoryCallback(TrainerCallback):  # type: ignore[misc]
    """Returns freed memory to the system every few steps; without it, rows of changing lengths fragment the memory."""

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Return freed memory if it is time."""
        if state.global_step % _STEPS_BETWEEN_TRIMS == 0:
            return_freed_memory()
