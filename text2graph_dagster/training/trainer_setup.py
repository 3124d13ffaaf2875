"""Parts shared by the TRL trainers of all programs: arguments, batches, optimizer, learning rate, resuming."""

from typing import Any

from text2graph_dagster.runtime.output_directory import MAX_SAVED_CHECKPOINTS, OutputDirectory
from text2graph_dagster.runtime.reporting import choose_logging_interval


class NoModelCard:
    """Trainer mixin that writes no model card beside checkpoints; only the finished model gets one."""

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""


def trainer_arguments(
    output: OutputDirectory, seed: int, *, steps: int, save_steps: int, bfloat16: bool
) -> dict[str, Any]:
    """Return the arguments that every TRL configuration gets; `bfloat16`: matrix products are in bfloat16."""
    import torch

    on_gpu = torch.cuda.is_available()
    return {
        "output_dir": str(output.checkpoints),
        "max_steps": steps,
        "max_grad_norm": 1.0,
        "use_cpu": not on_gpu,
        "bf16": bfloat16,
        "gradient_checkpointing": on_gpu,  # memory is the bottleneck on a GPU
        "dataloader_pin_memory": on_gpu,
        "report_to": [],
        "disable_tqdm": True,
        "logging_steps": choose_logging_interval(steps),
        "save_strategy": "steps",
        "save_steps": save_steps,
        "save_total_limit": MAX_SAVED_CHECKPOINTS,
        "seed": seed,
    }


def split_batch(batch_size: int, max_rows: int | None) -> dict[str, int]:
    """Return TRL's arguments that split a batch into equal forward passes of at most `max_rows` rows (None: one)."""
    size = max(n for n in range(1, min(batch_size, max_rows or batch_size) + 1) if batch_size % n == 0)
    return {"per_device_train_batch_size": size, "gradient_accumulation_steps": batch_size // size}


def make_adamw(model: Any, rate: float, weight_decay: float = 0.0) -> Any:
    """Return AdamW over a model's trainable parameters."""
    import torch

    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return torch.optim.AdamW(trainable, rate, betas=(0.9, 0.95), weight_decay=weight_decay, fused=True)


def with_schedule(optimizer: Any, *, steps: int, warmup_steps: int, decay_share: float = 1.0) -> tuple[Any, Any]:
    """Return the optimizer and its learning-rate scheduler; see `rate_factor`."""
    from torch.optim.lr_scheduler import LambdaLR

    def factor(step: int) -> float:
        return rate_factor(step, steps=steps, warmup_steps=warmup_steps, decay_share=decay_share)

    return optimizer, LambdaLR(optimizer, factor)


def rate_factor(step: int, *, steps: int, warmup_steps: int, decay_share: float, floor: float = 0.05) -> float:
    """Return a step's learning rate relative to the peak.

    Linear warm-up, then constant, then linear decay to `floor` in the last `decay_share` of the steps.
    """
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    left = (steps - step) / steps
    return 1.0 if left >= decay_share else max(floor, left / decay_share)


def train_or_resume(trainer: Any, output: OutputDirectory) -> None:
    """Train from the last checkpoint in the output directory, or from the start if there is none."""
    checkpoint = output.last_checkpoint()
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
