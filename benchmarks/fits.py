"""Estimate the GPU memory and time of fine-tuning a student; nothing here is measured on a GPU.

`python -m benchmarks.fits` prints a row per model and method, with the assumptions below. `--check` compares the part
of the estimate that a CPU can check (weights, gradients, optimizer, activations) with the peak memory of real steps.

Memory is estimated for the longest batch in TRL's trainer. Gradient checkpointing is on, so each layer keeps its input
and one layer at a time is recomputed; logits are computed in tiles. Time is the number of floating-point operations (6
per weight and token, Kaplan et al. 2020; 2 more for checkpointing; 2 fewer for frozen weights) divided by the assumed
speed of the card. For GRPO only memory is estimated: the maximum of a training pass like SFT's and of the KV cache of
the completions that `generate` writes at once.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.support.table import show
from text2graph_dagster.runtime.program import prepare_environment

GB = 1e9
_QWEN3 = {"num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128, "num_hidden_layers": 28}
# From the config.json of these models; the resulting number of parameters is printed.
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "Qwen2.5-0.5B": (
        "qwen2",
        {
            **{"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24},
            **{"num_attention_heads": 14, "num_key_value_heads": 2},
        },
    ),
    "Qwen3-0.6B": ("qwen3", {"hidden_size": 1024, "intermediate_size": 3072, **_QWEN3}),
    "Qwen3-1.7B": ("qwen3", {"hidden_size": 2048, "intermediate_size": 6144, **_QWEN3}),
}
VOCABULARY = 151_936
METHODS = ("full", "LoRA", "QLoRA")
_FOUR_BITS = 0.516  # bytes per weight: four bits and the quantised scale of its block (Dettmers et al. 2023)
_RETURNED = {"MALLOC_MMAP_THRESHOLD_": "65536"}  # by default the C library keeps freed memory
_CHECKED = (4, 256)  # rows and tokens of a step on the CPU
_SLOWER = {"full": 1.0, "LoRA": 1.0, "QLoRA": 1.5}  # assumed: weights are unpacked in every pass
_TILE = 4096 * 32_768  # maximum logits that TRL's head holds at once (trl/kernels/chunked_logprob.py)


@dataclass(frozen=True)
class Shape:
    """The sizes of a model that decide its memory and time, as counts of numbers."""

    hidden: int
    attention: int  # heads × width
    keys: int
    mlp: int
    layers: int
    embedding: int  # weights
    linear: int  # weights of the layers' matrices
    adapters: int  # weights of the adapters on them, per rank

    @property
    def parameters(self) -> int:
        """Return the number of weights, without norms and biases."""
        return self.embedding + self.linear

    def activations(self, tokens: int, *, checkpointed: bool) -> int:
        """Return how many numbers are stored for the backward pass: all layers' inputs, and one layer's activations."""
        saved = 6 * self.hidden + 3 * self.attention + 3 * self.keys + 4 * self.mlp
        gradients = 2 * self.mlp
        kept = self.layers * self.hidden + saved if checkpointed else self.layers * saved
        return tokens * (kept + gradients)


@dataclass(frozen=True)
class Plan:
    """The training run and the card."""

    batch: int
    micro_batch: int
    length: int
    mean_length: int
    answer_share: float
    steps: int
    grpo_micro_batch: int
    grpo_completions: int
    grpo_length: int
    rank: int
    card_gb: float
    tflops: float
    utilisation: float


def read_shape(config: Any) -> Shape:
    """Return the shape of a model, built from its configuration without weights."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    head = model.get_output_embeddings()
    linear = [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m is not head]
    tied = head.weight is model.get_input_embeddings().weight
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return Shape(
        hidden=config.hidden_size,
        attention=config.num_attention_heads * width,
        keys=config.num_key_value_heads * width,
        mlp=config.intermediate_size,
        layers=config.num_hidden_layers,
        embedding=head.weight.numel() * (1 if tied else 2),
        linear=sum(m.weight.numel() for m in linear),
        adapters=sum(m.in_features + m.out_features for m in linear),
    )


def estimate(shape: Shape, method: str, plan: Plan) -> dict[str, float]:
    """Return gigabytes and minutes on a GPU.

    Trained weights are float32, with gradients and AdamW's two moments; the layers compute in bfloat16. Frozen weights
    are bfloat16, or four bits with float32 embeddings. During its step, AdamW needs another copy of the trained
    weights.
    """
    full = method == "full"
    trained = shape.parameters if full else shape.adapters * plan.rank
    frozen = {"full": 0.0, "LoRA": 2.0 * shape.parameters, "QLoRA": _FOUR_BITS * shape.linear + 4.0 * shape.embedding}
    resident = frozen[method] + 16 * trained
    passing = _passing(shape, method, plan.micro_batch * plan.length, plan.answer_share)
    # the KV cache of the completions that `generate` writes at once, in the precision of the weights
    written = plan.grpo_completions * (plan.mean_length + plan.grpo_length)
    cache = written * 2 * shape.layers * shape.keys * (2 if method == "LoRA" else 4)
    grpo_pass = max(_passing(shape, method, plan.grpo_micro_batch * plan.length, plan.answer_share), cache)
    trained_tokens = plan.steps * plan.batch * plan.mean_length
    operations = (8 if full else 6) * trained_tokens * (shape.linear + plan.answer_share * shape.embedding)
    seconds = operations / (plan.tflops * 1e12 * plan.utilisation) * _SLOWER[method]
    return {
        "weights": (frozen[method] + 4 * trained) / GB,
        "gradients, AdamW": 12 * trained / GB,
        "passing": max(passing, 4 * trained) / GB,
        "GB": (resident + max(passing, 4 * trained)) / GB,
        "minutes": seconds / 60,
        "GRPO GB": (resident + max(grpo_pass, 4 * trained)) / GB,
    }


def _passing(shape: Shape, method: str, tokens: int, scored_share: float) -> float:
    """Return the bytes that a pass over the tokens needs in addition to weights, gradients and optimizer."""
    stream = 2 if method == "LoRA" else 4  # bytes per number of the layers' inputs: same type as the embeddings
    scored = min(int(tokens * scored_share), 4096)
    passing = 2 * shape.activations(tokens, checkpointed=True) + (stream - 2) * tokens * shape.layers * shape.hidden
    copies = 2 * shape.linear + 4 * shape.embedding if method == "full" else 0
    return passing + 2 * min(_TILE, scored * 32_768) + copies


def table(plan: Plan) -> list[dict[str, Any]]:
    """Return a row per model and method."""
    from transformers import AutoConfig

    rows = []
    for name, (kind, sizes) in MODELS.items():
        config = AutoConfig.for_model(kind, vocab_size=VOCABULARY, tie_word_embeddings=True, **sizes)
        shape = read_shape(config)
        for method in METHODS:
            figures = estimate(shape, method, plan)
            room = plan.card_gb * 0.95 - 1.0  # driver and fragmentation
            facts = {"model": name, "million weights": shape.parameters / 1e6, "method": method, **figures}
            fits = max(figures["GB"], figures["GRPO GB"]) <= room
            rows.append({**facts, f"fits {plan.card_gb:g} GB": "yes" if fits else "no"})
    return rows


def check(rank: int) -> list[dict[str, Any]]:
    """Return estimated and measured peak memory of two CPU steps of a model of 46 million weights."""
    tokens, rows = _CHECKED[0] * _CHECKED[1], []
    for method in ("full", "LoRA"):
        for checkpointed in (False, True):
            shape = read_shape(_small())
            trained = shape.parameters if method == "full" else shape.adapters * rank
            largest = shape.embedding if method == "full" else 0  # AdamW on a CPU steps one weight matrix at a time
            passing = max(4 * shape.activations(tokens, checkpointed=checkpointed), 4 * largest)
            frozen = 0 if method == "full" else 4 * shape.parameters
            command = [sys.executable, "-m", "benchmarks.fits", "--measure", method, str(int(checkpointed)), str(rank)]
            ran = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **_RETURNED})
            measured = float(ran.stdout.split()[-1])
            guess = (frozen + 16 * trained + passing) / GB
            facts = {"method": method, "checkpointed": checkpointed, "passing (GB)": passing / GB}
            rows.append({**facts, "estimated GB": guess, "measured GB": measured, "ratio": guess / measured})
    return rows


def _small(hidden: int = 512) -> Any:
    from transformers import AutoConfig

    heads = {"num_attention_heads": 8, "num_key_value_heads": 2, "num_hidden_layers": 8}
    sizes = {"hidden_size": hidden, "intermediate_size": 4 * hidden, "vocab_size": 32_000, **heads}
    return AutoConfig.for_model("qwen2", tie_word_embeddings=True, **sizes)


def measure(method: str, checkpointed: bool, rank: int) -> float:
    """Return the peak growth of this process in gigabytes over two steps, without the output layer."""
    _steps(_small(16), method, checkpointed, rank)  # so that lazy imports are not counted as the model's memory
    before = _status("VmRSS")
    _steps(_small(), method, checkpointed, rank)
    return (_status("VmHWM") - before) / GB


def _steps(config: Any, method: str, checkpointed: bool, rank: int) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    from text2graph_dagster.settings import LoraSettings
    from text2graph_dagster.training.model.adapters import add_lora
    from text2graph_dagster.training.trainer_setup import make_adamw

    ids = torch.randint(0, 32_000, _CHECKED, generator=torch.Generator().manual_seed(0))
    model = AutoModelForCausalLM.from_config(config)
    if checkpointed:
        model.gradient_checkpointing_enable()
        model.enable_input_require_grads()
    if method != "full":
        model = add_lora(model, LoraSettings(rank=rank), 0)
    model.train()
    optimizer = make_adamw(model, 1e-4)
    backbone = model.model if method == "full" else model.base_model.model.model
    for _ in range(2):
        backbone(input_ids=ids, use_cache=False).last_hidden_state.square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(1024.0 * int(line.split()[1]) for line in lines if line.startswith(name))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=16, help="sft.batch_size")
    parser.add_argument("--micro-batch", type=int, default=4, help="sft.micro_batch")
    parser.add_argument("--length", type=int, default=2048, help="sft.max_length: rows of this length set the memory")
    parser.add_argument("--mean-length", type=int, default=800, help="tokens of a typical row: sets the time")
    parser.add_argument("--answer-share", type=float, default=0.3, help="share of the tokens that are trained on")
    parser.add_argument("--steps", type=int, default=1000, help="sft.max_steps")
    parser.add_argument("--grpo-micro-batch", type=int, default=8, help="grpo.micro_batch")
    parser.add_argument("--grpo-completions", type=int, default=64, help="grpo.generation_batch_size")
    parser.add_argument("--grpo-length", type=int, default=512, help="grpo.max_completion_length")
    parser.add_argument("--rank", type=int, default=16, help="student.lora.rank")
    parser.add_argument("--card-gb", type=float, default=24.0)
    parser.add_argument("--tflops", type=float, default=120.0, help="nominal bfloat16 speed of the card")
    parser.add_argument("--utilisation", type=float, default=0.3, help="share of that speed that training reaches")
    parser.add_argument("--check", action="store_true", help="compare with memory measured on this CPU instead")
    parser.add_argument("--measure", nargs=3, metavar=("METHOD", "CHECKPOINTED", "RANK"), help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    values = vars(parser.parse_args(arguments))
    prepare_environment()
    checking, measuring, as_json = values.pop("check"), values.pop("measure"), values.pop("json")
    plan = Plan(**values)
    if measuring:
        print(measure(measuring[0], measuring[1] == "1", int(measuring[2])))
    else:
        show(check(plan.rank) if checking else table(plan), as_json=as_json)


if __name__ == "__main__":
    main()
