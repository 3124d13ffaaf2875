"""Batches are split into forward passes of equal size, and the learning rate follows its schedule."""

import pytest

from text2graph_dagster.training.trainer_setup import rate_factor, split_batch


@pytest.mark.parametrize(
    ("batch_size", "max_rows", "size", "passes"),
    [(16, None, 16, 1), (16, 4, 4, 4), (16, 7, 4, 4), (12, 64, 12, 1), (7, 3, 1, 7)],
)
def test_a_batch_is_split_into_forward_passes_of_equal_size(
    batch_size: int, max_rows: int | None, size: int, passes: int
) -> None:
    assert split_batch(batch_size, max_rows) == {
        "per_device_train_batch_size": size,
        "gradient_accumulation_steps": passes,
    }


@pytest.mark.parametrize(("step", "factor"), [(0, 0.25), (2, 0.75), (3, 1.0), (59, 1.0), (80, 0.5), (99, 0.05)])
def test_the_learning_rate_warms_up_stays_constant_and_decays(step: int, factor: float) -> None:
    assert rate_factor(step, steps=100, warmup_steps=3, decay_share=0.4) == pytest.approx(factor)
