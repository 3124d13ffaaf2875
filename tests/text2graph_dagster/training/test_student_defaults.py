"""Defaults depend on the student, so that setting the model is enough."""

from typing import Any

import pytest

from text2graph_dagster.inference.answer_format import choose_wire
from text2graph_dagster.settings import Settings
from text2graph_dagster.training.student_defaults import (
    choose_grpo_rate,
    choose_name_augmentation_share,
    choose_optimizer,
    choose_sft_rate,
)


@pytest.mark.parametrize(
    ("student", "expected"),
    [
        ({}, ("indexed", "muon", 6e-3, 1e-4, 0.3)),
        ({"base_model": "nano"}, ("indexed", "muon", 6e-3, 1e-4, 0.3)),
        ({"base_model": "models/qwen"}, ("public", "adamw", 2e-5, 1e-6, 0.0)),
        ({"base_model": "models/qwen", "lora": {}}, ("public", "adamw", 2e-4, 2e-5, 0.0)),
    ],
)
def test_defaults_follow_the_student(student: dict[str, Any], expected: tuple[Any, ...]) -> None:
    settings = Settings.load(None, {"student": student})
    assert _choices(settings) == expected


def test_explicit_settings_override_student_defaults() -> None:
    sections = {
        "student": {"wire": "compact"},
        "sft": {"optimizer": "adamw", "learning_rate": 0.1, "name_augmentation_share": 0.5},
    }
    settings = Settings.load(None, {**sections, "grpo": {"learning_rate": 0.2}})
    assert _choices(settings) == ("compact", "adamw", 0.1, 0.2, 0.5)


def _choices(settings: Settings) -> tuple[Any, ...]:
    form, optimizer = choose_wire(settings.student), choose_optimizer(settings)
    return (
        form,
        optimizer,
        choose_sft_rate(settings),
        choose_grpo_rate(settings),
        choose_name_augmentation_share(settings),
    )
