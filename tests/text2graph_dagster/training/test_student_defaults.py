"""Defaults depend on the student, so that setting the model is enough."""

from typing import Any

import pytest

from text2graph_dagster.inference.answer_format import choose_wire
from text2graph_dagster.settings import Settings
from text2graph_dagster.training.student_defaults import (
    choose_dev_checks,
    choose_grpo_rate,
    choose_name_augmentation_share,
    choose_optimizer,
    choose_sft_rate,
    choose_sft_steps,
    interpolate_rate,
)


@pytest.mark.parametrize(
    ("student", "expected"),
    [
        ({}, ("indexed", "muon", 6e-3, 1e-4, 0.3, 1600, 0)),
        ({"base_model": "scratch"}, ("indexed", "muon", 6e-3, 1e-4, 0.3, 1600, 0)),
        ({"base_model": "models/qwen"}, ("lines", "adamw", 2e-5, 1e-6, 0.0, 2000, 8)),
        ({"base_model": "models/qwen", "lora": {}}, ("lines", "adamw", 2e-4, 2e-5, 0.0, 2000, 8)),
    ],
)
def test_defaults_follow_the_student(student: dict[str, Any], expected: tuple[Any, ...]) -> None:
    settings = Settings.load(None, {"student": student})
    assert _choices(settings) == pytest.approx(expected)


def test_explicit_settings_override_student_defaults() -> None:
    sections = {
        "student": {"wire": "compact"},
        "sft": {
            **{"optimizer": "adamw", "learning_rate": 0.1, "name_augmentation_share": 0.5},
            **{"max_steps": 7, "dev_checks": 2},
        },
    }
    settings = Settings.load(None, {**sections, "grpo": {"learning_rate": 0.2}})
    assert _choices(settings) == ("compact", "adamw", 0.1, 0.2, 0.5, 7, 2)


def test_the_rate_falls_with_the_number_of_parameters_and_is_constant_outside_the_table() -> None:
    def rate(parameters: float, **student: Any) -> float:
        settings = Settings.load(None, {"student": {"base_model": "models/any", **student}})
        return choose_sft_rate(settings, round(parameters))

    assert [rate(size) for size in (10e6, 135e6, 1.7e9, 7e9)] == pytest.approx([3e-4, 3e-4, 2e-5, 2e-5])
    assert 2e-5 < rate(600e6) < rate(360e6) < 3e-4
    assert [rate(size, lora={}) for size in (135e6, 600e6, 4e9)] == pytest.approx([5e-4, 2e-4, 2e-4])


def test_rates_are_interpolated_on_logarithmic_axes() -> None:
    assert interpolate_rate(1_000_000, {1e5: 1e-2, 1e7: 1e-4}) == pytest.approx(1e-3)


def _choices(settings: Settings) -> tuple[Any, ...]:
    form, optimizer = choose_wire(settings), choose_optimizer(settings)
    return (
        form,
        optimizer,
        choose_sft_rate(settings, 1_700_000_000),
        choose_grpo_rate(settings),
        choose_name_augmentation_share(settings),
        choose_sft_steps(settings),
        choose_dev_checks(settings),
    )


def test_the_prompt_that_shows_json_is_answered_in_json() -> None:
    settings = Settings.load(None, {"student": {"base_model": "models/qwen"}, "dataset": {"template": "extract"}})
    assert choose_wire(settings) == "public"
