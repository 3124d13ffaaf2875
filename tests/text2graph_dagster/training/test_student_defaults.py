"""A nano and a model from elsewhere need different settings; naming the model is enough."""

from typing import Any

import pytest

from text2graph_dagster.inference.answer_format import choose_wire
from text2graph_dagster.settings import Settings
from text2graph_dagster.training.student_defaults import grpo_rate, name_augmentation_share, optimizer_of, sft_rate


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
    assert _chosen(settings) == expected


def test_what_is_set_counts() -> None:
    sections = {
        "student": {"wire": "compact"},
        "sft": {"optimizer": "adamw", "learning_rate": 0.1, "name_augmentation_share": 0.5},
    }
    settings = Settings.load(None, {**sections, "grpo": {"learning_rate": 0.2}})
    assert _chosen(settings) == ("compact", "adamw", 0.1, 0.2, 0.5)


def _chosen(settings: Settings) -> tuple[Any, ...]:
    form, optimizer = choose_wire(settings.student), optimizer_of(settings)
    return form, optimizer, sft_rate(settings), grpo_rate(settings), name_augmentation_share(settings)
