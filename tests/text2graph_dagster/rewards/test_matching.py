"""Partial credit: token F1 and the matching."""

import pytest

from text2graph_dagster.rewards.matching import max_weight_matching, token_f1


def test_token_f1() -> None:
    assert token_f1("ana ruiz", "ana maria ruiz") == pytest.approx(0.8)
    assert token_f1("ana", "ana maria ruiz de oslo") == 0
    assert token_f1("北京大学", "北京") == pytest.approx(2 / 3)
    assert token_f1("new york new york", "new york") == pytest.approx(2 / 3)


def test_the_matching_has_the_largest_total_weight() -> None:
    assert max_weight_matching({(0, 0): 0.4, (0, 1): 0.5, (1, 1): 0.45}) == pytest.approx(0.85)
    assert max_weight_matching({(0, 7): 0.4, (3, 1): 0.5}) == pytest.approx(0.9)
    assert max_weight_matching({(0, 0): 0.4, (0, 1): 0.5}) == max_weight_matching({(0, 1): 0.4, (2, 1): 0.5}) == 0.5
    assert max_weight_matching({}) == 0
