"""A batch that is taken in several passes is the step that one pass takes."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.text2graph_dagster.training import tiny_models
from text2graph_dagster.runtime.config import read_config
from text2graph_dagster.runtime.output_directory import OutputDirectory
from text2graph_dagster.runtime.reporting import Reporter
from text2graph_dagster.training.config import TrainingConfig
from text2graph_dagster.training.run import in_parts
from text2graph_dagster.training.sft import teach


def two_steps(folder: Path, student: dict[str, Any], micro_batch: int | None) -> tuple[Any, list[dict[str, Any]]]:
    """Take two steps down the plain gradient; return the weights and what was logged."""
    sft = {"max_steps": 2, "batch_size": 16, "micro_batch": micro_batch, "warmup_steps": 0}
    config = read_config(
        TrainingConfig, tiny_models.write_config(folder, changes={"sft": sft, "student": student}, dev=None)
    )
    output, trainers = OutputDirectory(config.output, "identity"), []

    def prepare(trainer: Any) -> None:
        trained = [p for p in trainer.model.parameters() if p.requires_grad]
        trainer.optimizer = torch.optim.SGD(trained, lr=1.0)
        trainer.lr_scheduler = torch.optim.lr_scheduler.ConstantLR(trainer.optimizer, 1.0)
        trainers.append(trainer)

    output.open()
    teach(config, output, Reporter(None), prepare=prepare)
    trained = [p for p in trainers[0].model.parameters() if p.requires_grad]
    return torch.cat([p.detach().flatten() for p in trained]), trainers[0].state.log_history


@pytest.mark.parametrize("student", [{}, {"lora": {"rank": 2}}], ids=["our loss", "TRL's loss"])
def test_the_step_is_the_same(student: dict[str, Any], tmp_path: Path) -> None:
    expected, whole = two_steps(tmp_path / "whole", student, None)
    weights, parts = two_steps(tmp_path / "parts", student, 4)
    assert len(whole) == len(parts) == 3  # two steps and the end
    for one, other in zip(whole[:2], parts[:2], strict=True):
        assert one["grad_norm"] > 1e-3 and other["grad_norm"] == pytest.approx(one["grad_norm"], rel=1e-4)
        assert other["loss"] == pytest.approx(one["loss"], abs=1e-5)
    assert (weights - expected).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("whole", "most", "size", "passes"),
    [(16, None, 16, 1), (16, 4, 4, 4), (16, 7, 4, 4), (12, 64, 12, 1), (7, 3, 1, 7)],
)
def test_parts_are_equal_and_make_up_the_whole(whole: int, most: int | None, size: int, passes: int) -> None:
    assert in_parts(whole, most) == {"per_device_train_batch_size": size, "gradient_accumulation_steps": passes}
