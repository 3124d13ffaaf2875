"""The paired bootstrap."""

import numpy as np
import pytest

from text2graph_dagster.bootstrap import percentile_interval, resample_sums


def test_resamples_depend_only_on_the_seed() -> None:
    vectors = np.arange(40.0).reshape(20, 2)
    once, again = resample_sums(vectors, 50, seed=1), resample_sums(vectors, 50, seed=1)
    assert np.array_equal(once, again)
    assert not np.array_equal(once, resample_sums(vectors, 50, seed=2))


def test_every_resample_draws_as_many_passages_as_there_are() -> None:
    sums = resample_sums(np.ones((30, 1)), 200, seed=3)
    assert sums.shape == (200, 1)
    assert set(sums.ravel()) == {30.0}


def test_all_columns_use_the_same_resamples() -> None:
    values = np.random.default_rng(0).random(50)
    sums = resample_sums(np.stack([values, 2 * values], axis=1), 100, seed=4)
    assert np.allclose(sums[:, 1], 2 * sums[:, 0])


def test_the_interval_of_a_mean_is_that_of_the_normal_approximation() -> None:
    values = np.random.default_rng(1).normal(10, 3, 400)
    low, high = percentile_interval(resample_sums(values[:, None], 4000, seed=5)[:, 0] / 400)
    error = values.std() / 20
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.1 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.1 * error)


def test_passages_of_one_document_are_drawn_together_and_widen_the_interval() -> None:
    document = np.repeat(np.arange(40), 10)
    values = np.repeat(np.random.default_rng(2).normal(0, 1, 40), 10)[:, None]
    alone, together = (np.std(resample_sums(values, 2000, 6, units)) for units in (None, document))
    assert together == pytest.approx(np.sqrt(10) * alone, rel=0.1)


def test_many_resamples_are_drawn_in_chunks() -> None:
    vectors = np.ones((3000, 1))
    assert resample_sums(vectors, 3000, seed=7).shape == (3000, 1)


def test_undefined_values_of_resamples_are_ignored() -> None:
    assert percentile_interval(np.array([np.nan, 1.0, 1.0])) == (1.0, 1.0)
    assert percentile_interval(np.array([np.nan])) is None
    assert resample_sums(np.zeros((0, 2)), 10, seed=1).tolist() == [[0.0, 0.0]] * 10
