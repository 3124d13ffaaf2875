"""Keys as arrays: membership in a sorted array, and truncated digests."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from text2graph_dagster.corpus.sorted_keys import contains, truncate_digests
from text2graph_dagster.identity import digest


@given(st.lists(st.integers(0, 20)), st.lists(st.integers(0, 20)))
def test_contains_equals_membership_in_a_set(known: list[int], values: list[int]) -> None:
    ordered = np.array(sorted(known), dtype=np.uint64)
    assert contains(ordered, np.array(values, dtype=np.uint64)).tolist() == [value in known for value in values]


def test_digests_are_truncated_to_64_bits() -> None:
    digests = [digest("a"), digest("b")]
    assert truncate_digests(pl.Series(digests)).tolist() == [int(value[:16], 16) for value in digests]
