"""Vectorised MinHash agrees with its definition."""

import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from text2graph_dagster.corpus.deduplication import minhash
from text2graph_dagster.corpus.deduplication.minhash import (
    NO_BAND,
    CandidatePairs,
    choose_bands,
    compute_band_keys,
    find_candidates,
    jaccard_similarity,
)
from text2graph_dagster.identity import normalise


def shingles(text: str) -> set[str]:
    text = normalise(text).ljust(minhash.SHINGLE, "\0")
    return {text[i : i + 5] for i in range(len(text) - 4)}


def jaccard(a: str, b: str) -> float:
    first, second = shingles(a), shingles(b)
    return len(first & second) / len(first | second)


def test_bands_follow_the_threshold() -> None:
    assert choose_bands(0.8) == (20, 13)
    for threshold in (0.3, 0.5, 0.7, 0.9, 1.0):
        bands, rows = choose_bands(threshold)
        assert bands * rows == minhash.PERMUTATIONS
        assert (1 / bands) ** (1 / rows) <= threshold
        assert compute_band_keys(pl.Series(["a text"]), threshold).shape == (1, minhash.BAND_SETS * bands)


@given(st.lists(st.text(alphabet="abc 中国\n\0é", max_size=30), min_size=2, max_size=8))
@settings(max_examples=80, deadline=None)
def test_similarity_equals_that_of_the_shingle_sets(texts: list[str]) -> None:
    pairs = [(j, i) for j in range(len(texts)) for i in range(j)]
    later, earlier = (np.array(rows) for rows in zip(*pairs, strict=True))
    found = jaccard_similarity(CandidatePairs(later, earlier), pl.Series(texts, dtype=pl.String))
    assert found.tolist() == [jaccard(texts[j], texts[i]) for j, i in pairs]


def test_keys_do_not_depend_on_the_other_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["", "a", "abcd", "One sentence that is longer.", "又一个句子。", " abcd\n", "x" * 3_000]
    together = compute_band_keys(pl.Series(texts), 0.8)
    alone = np.concatenate([compute_band_keys(pl.Series([text]), 0.8) for text in texts])
    assert np.array_equal(together, alone)
    assert np.array_equal(together[2], together[5])
    monkeypatch.setattr(minhash, "_BATCH", 3)
    assert np.array_equal(compute_band_keys(pl.Series(texts), 0.8), together)
    assert compute_band_keys(pl.Series([], dtype=pl.String), 0.8).shape == (0, 40)


def test_similar_texts_agree_in_a_band_with_the_expected_probability() -> None:
    """One of b bands of r values agrees with probability 1 - (1 - J^r)^b; a second set of bands adds to it."""
    rng = random.Random(5)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(3, 9))) for _ in range(3_000)]
    texts = [" ".join(rng.choices(words, k=60)) for _ in range(1_500)]
    changed = [" ".join([*text.split()[: -rng.randint(4, 40)], *rng.choices(words, k=3)]) for text in texts]
    similarity = np.array([jaccard(a, b) for a, b in zip(texts, changed, strict=True)])
    agree = compute_band_keys(pl.Series(texts), 0.8) == compute_band_keys(pl.Series(changed), 0.8)
    straight, any_band = agree[:, :20].any(axis=1), agree.any(axis=1)
    expected = 1 - (1 - similarity**13) ** 20
    assert abs(straight.mean() - expected.mean()) < 0.03
    assert abs(straight[similarity > 0.75].mean() - expected[similarity > 0.75].mean()) < 0.05
    assert any_band[similarity > 0.8].mean() > expected[similarity > 0.8].mean()
    assert any_band[similarity < 0.5].mean() < 0.05


def test_empty_bands_give_no_candidates() -> None:
    keys = np.array([[NO_BAND, 5], [NO_BAND, 6], [7, 5]], dtype=np.uint32)
    found = find_candidates(keys, np.ones(3, dtype=bool))
    assert (found.later.tolist(), found.earlier.tolist()) == ([2], [0])
    found = find_candidates(keys, np.array([True, True, False]))
    assert found.later.tolist() == []


def test_the_number_of_comparisons_is_bounded() -> None:
    n = 5 * minhash.MAX_COMPARISONS
    found = find_candidates(np.ones((n, 3), dtype=np.uint32), np.ones(n, dtype=bool))
    assert set(found.earlier.tolist()) == set(range(minhash.MAX_COMPARISONS))
    assert len(found.later) == sum(min(i, minhash.MAX_COMPARISONS) for i in range(n))
