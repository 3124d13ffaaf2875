"""The order of teaching: whole, fair, short first, the same every time."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from text2graph_dagster.training.data.curriculum import lay_out, rate_factor


@settings(max_examples=40)
@given(
    lengths=st.lists(st.integers(1, 300), min_size=1, max_size=80),
    batch_size=st.integers(1, 9),
    steps=st.integers(1, 60),
    share=st.floats(0, 1),
)
def test_batches_are_full_and_the_same_every_time(
    lengths: list[int], batch_size: int, steps: int, share: float
) -> None:
    batches = lay_out(lengths, batch_size=batch_size, steps=steps, curriculum_share=share, seed=1)
    assert len(batches) == steps and all(len(batch) == batch_size for batch in batches)
    assert batches == lay_out(lengths, batch_size=batch_size, steps=steps, curriculum_share=share, seed=1)


def test_no_example_comes_twice_into_one_draw_unless_all_came_once() -> None:
    batches = lay_out([5] * 50, batch_size=5, steps=20, curriculum_share=0.0, seed=1)
    assert set(Counter(i for batch in batches for i in batch).values()) == {2}
    batches = lay_out([5] * 150, batch_size=5, steps=20, curriculum_share=0.0, seed=1)
    assert set(Counter(i for batch in batches for i in batch).values()) == {1}


def test_while_the_pool_grows_new_examples_do_not_crowd_out_the_short_ones() -> None:
    lengths = list(range(1000))
    batches = lay_out(lengths, batch_size=10, steps=200, curriculum_share=1.0, seed=1)
    later = [lengths[i] for batch in batches[100:120] for i in batch]  # the pool: the 675 shortest to begin with
    assert sum(length < 340 for length in later) > 0.4 * len(later)


def test_teaching_begins_with_short_examples_and_comes_to_all() -> None:
    lengths = list(range(100))
    batches = lay_out(lengths, batch_size=4, steps=200, curriculum_share=0.5, seed=1)
    assert max(lengths[i] for batch in batches[:20] for i in batch) < 40
    assert {i for batch in batches[100:] for i in batch} == set(range(100))


def test_a_batch_holds_examples_of_like_length() -> None:
    lengths = list(range(400))
    batches = lay_out(lengths, batch_size=10, steps=40, curriculum_share=0.0, seed=1)
    assert all(max(b) - min(b) < 60 for b in batches)
    assert [min(b) for b in batches] != sorted(min(b) for b in batches)


@pytest.mark.parametrize(("step", "factor"), [(0, 0.25), (2, 0.75), (3, 1.0), (59, 1.0), (80, 0.5), (99, 0.05)])
def test_rate(step: int, factor: float) -> None:
    assert rate_factor(step, steps=100, warmup_steps=3, decay_share=0.4) == pytest.approx(factor)
