"""The order of training examples: full batches, uniform sampling, short examples first, reproducible."""

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.text2graph_dagster.training import tiny_models
from text2graph_dagster.training.data.curriculum import choose_prompts, plan_batches


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
    batches = plan_batches(lengths, batch_size=batch_size, steps=steps, curriculum_share=share, seed=1)
    assert len(batches) == steps and all(len(batch) == batch_size for batch in batches)
    assert batches == plan_batches(lengths, batch_size=batch_size, steps=steps, curriculum_share=share, seed=1)


def test_an_example_is_repeated_in_a_draw_only_after_all_were_drawn() -> None:
    batches = plan_batches([5] * 50, batch_size=5, steps=20, curriculum_share=0.0, seed=1)
    assert set(Counter(i for batch in batches for i in batch).values()) == {2}
    batches = plan_batches([5] * 150, batch_size=5, steps=20, curriculum_share=0.0, seed=1)
    assert set(Counter(i for batch in batches for i in batch).values()) == {1}


def test_short_examples_are_still_drawn_after_longer_ones_are_added() -> None:
    lengths = list(range(1000))
    batches = plan_batches(lengths, batch_size=10, steps=200, curriculum_share=1.0, seed=1)
    later = [
        lengths[i] for batch in batches[100:120] for i in batch
    ]  # sampled from a pool that begins with the 675 shortest examples
    assert sum(length < 340 for length in later) > 0.4 * len(later)


def test_training_starts_with_short_examples_and_reaches_all() -> None:
    lengths = list(range(100))
    batches = plan_batches(lengths, batch_size=4, steps=200, curriculum_share=0.5, seed=1)
    assert max(lengths[i] for batch in batches[:20] for i in batch) < 40
    assert {i for batch in batches[100:] for i in batch} == set(range(100))


def test_a_batch_has_examples_of_similar_length() -> None:
    lengths = list(range(400))
    batches = plan_batches(lengths, batch_size=10, steps=40, curriculum_share=0.0, seed=1)
    assert all(max(b) - min(b) < 60 for b in batches)
    assert [min(b) for b in batches] != sorted(min(b) for b in batches)


def test_few_prompts_have_no_relation(examples: Any) -> None:
    from dataclasses import replace

    from text2graph_dagster.graph.model import Graph

    mixed = [replace(e, graph=Graph()) if i % 2 else e for i, e in enumerate(examples)]
    short = range(len(mixed))
    grpo = tiny_models.settings({"grpo": {"max_steps": 10, "prompts_per_step": 4, "max_empty_share": 0.2}}).grpo
    order = choose_prompts(short, mixed, grpo, seed=0)
    assert len(order) == 40 and order == choose_prompts(short, mixed, grpo, seed=0)
    assert sum(not mixed[i].graph.relations for i in order[:38]) in range(6, 10)
    assert len(set(order[:38])) == 38
