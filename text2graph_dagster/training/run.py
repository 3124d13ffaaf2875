"""What the training programs share: a run that is made once, and what TRL's trainers are told alike."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from text2graph_dagster.runtime.output_directory import MAX_SAVED_CHECKPOINTS, OutputDirectory
from text2graph_dagster.runtime.program import read_package_versions
from text2graph_dagster.runtime.reporting import Reporter, choose_logging_interval
from text2graph_dagster.training.config import TrainingConfig
from text2graph_dagster.training.data.curriculum import rate_factor

Teach = Callable[[TrainingConfig, OutputDirectory, Reporter], dict[str, Any]]
Publish = Callable[[Path, TrainingConfig, Mapping[str, Any]], None]


def make_once(
    program: str,
    config: TrainingConfig,
    reporter: Reporter,
    teach: Teach,
    sections: Collection[str],
    publish: Publish = lambda directory, config, run: None,
) -> None:
    """Let `teach` write a model, unless this very run has ended before, and send the result.

    Args:
        teach: writes to the output's `finished` and returns what run.json says about it.
        sections: the sections of the settings that run.json keeps, beside the seed.
        publish: writes what stands beside the model.
    """
    inputs = config.inputs()
    output = OutputDirectory(config.output, config.identity(program, inputs))
    result = output.read_finished_run()
    if result is None:
        output.open()
        result = {
            "program": program,
            "inputs": inputs,
            "versions": read_package_versions(),
            **teach(config, output, reporter),
        }
        result["settings"] = config.settings.model_dump(mode="json", include={*sections, "seed"})
        publish(output.finished, config, result)
        output.finish(result)
    else:
        reporter.log(f"{config.output} is finished already: nothing to do")
    reporter.send({"type": "result", "path": str(config.output), **result})


def arguments(output: OutputDirectory, seed: int, *, steps: int, save_steps: int) -> dict[str, Any]:
    """Return what every configuration of TRL's says alike."""
    import torch

    on_gpu = torch.cuda.is_available()
    return {
        "output_dir": str(output.checkpoints),
        "max_steps": steps,
        "max_grad_norm": 1.0,
        "use_cpu": not on_gpu,
        "bf16": on_gpu,  # on processors without bfloat16 units it is two to three times slower
        "gradient_checkpointing": on_gpu,  # a GPU's memory is what there is least of
        "dataloader_pin_memory": on_gpu,
        "report_to": [],
        "disable_tqdm": True,
        "logging_steps": choose_logging_interval(steps),
        "save_strategy": "steps",
        "save_steps": save_steps,
        "save_total_limit": MAX_SAVED_CHECKPOINTS,
        "seed": seed,
    }


def in_parts(whole: int, most: int | None) -> dict[str, int]:
    """Return how a step of `whole` rows is taken in equal passes of `most` rows at most, in TRL's words."""
    size = max(n for n in range(1, min(whole, most or whole) + 1) if whole % n == 0)
    return {"per_device_train_batch_size": size, "gradient_accumulation_steps": whole // size}


def adamw(model: Any, rate: float, weight_decay: float = 0.0) -> Any:
    """Return AdamW over what is trained of a model."""
    import torch

    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return torch.optim.AdamW(trained, rate, betas=(0.9, 0.95), weight_decay=weight_decay)


def scheduled(optimizer: Any, *, steps: int, warmup_steps: int, decay_share: float = 1.0) -> tuple[Any, Any]:
    """Return the optimizer with its schedule: warm-up, constant, then linear decay in the last `decay_share`."""
    from torch.optim.lr_scheduler import LambdaLR

    def factor(step: int) -> float:
        return rate_factor(step, steps=steps, warmup_steps=warmup_steps, decay_share=decay_share)

    return optimizer, LambdaLR(optimizer, factor)
