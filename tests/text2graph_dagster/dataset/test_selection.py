"""Examples are selected by score and variety, reproducibly, and every other one has a reason."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from text2graph_dagster.dataset.selection import (
    SELECTION_COLUMNS,
    add_rarity,
    mix_corpora,
    select_diverse,
    select_examples,
)
from text2graph_dagster.errors import UserError
from text2graph_dagster.identity import digest
from text2graph_dagster.settings import DatasetSettings

LABELS = ["works for", "born in", "won"]


def make_candidates(*rows: tuple[str, int, float], corpus: str = "news") -> pl.DataFrame:
    """Return selection columns of examples (label, wording, score)."""
    columns: dict[str, list[Any]] = {name: [] for name in SELECTION_COLUMNS}
    for i, (label, wording, score) in enumerate(rows):
        values = (digest(corpus, str(i)), corpus, digest(str(i)), "full" if label else "negative", score)
        for name, value in zip(SELECTION_COLUMNS, (*values, [label], [wording]), strict=True):
            columns[name].append(value)
    return pl.DataFrame(columns, schema=SELECTION_COLUMNS)


EXAMPLES = st.lists(
    st.tuples(st.sampled_from([*LABELS, ""]), st.integers(0, 3), st.sampled_from([0.25, 0.5, 1.0])), max_size=40
)


def test_rare_labels_raise_the_score() -> None:
    scored = add_rarity(make_candidates(*[("works for", 0, 1.0)] * 8, ("won", 0, 1.0)), 0.5)
    assert scored["score"][8] == pytest.approx(1.0)  # the only example with its label
    assert 0.5 < scored["score"][0] < 0.6
    assert add_rarity(make_candidates(("won", 0, 0.3)), 0.0)["score"].to_list() == [0.3]


def test_max_examples_selects_different_labels_and_phrases() -> None:
    frequent = [("works for", wording, 1.0 - i / 1000) for wording in range(3) for i in range(50)]
    selected = select_diverse(make_candidates(*frequent, ("won", 9, 0.1), ("born in", 9, 0.2)), 5)
    taken = sorted(zip(selected["labels"].list.first(), selected["phrases"].list.first(), strict=True))
    assert taken == [("born in", 9), ("won", 9), ("works for", 0), ("works for", 1), ("works for", 2)]
    assert selected.filter(pl.col("labels").list.first() == "works for")["score"].min() == 1.0


@given(rows=EXAMPLES, limit=st.integers(1, 50), share=st.floats(0, 1), random=st.randoms())
def test_the_selection_is_complete_and_does_not_depend_on_the_order(
    rows: Any, limit: int, share: float, random: Any
) -> None:
    every = make_candidates(*rows)
    settings = DatasetSettings(max_examples=limit, empty_share=share)
    selected, lost = select_examples(every, settings)
    assert selected.height <= limit
    assert sorted([*selected["passage_id"], *lost["passage_id"]]) == sorted(every["passage_id"])
    empty = selected.filter(pl.col("kind") == "negative").height
    assert limit < every.height or empty <= share * selected.height + 1e-6 or share == 1
    order = list(range(len(rows)))
    random.shuffle(order)
    again, lost_again = select_examples(every[order], settings)
    assert sorted(again["example_id"]) == sorted(selected["example_id"])
    assert again.sort("example_id")["score"].equals(selected.sort("example_id")["score"])
    assert lost_again.sort("passage_id").equals(lost.sort("passage_id"))


def mix(sizes: dict[str, int], **settings: Any) -> dict[str, int]:
    every = pl.concat([make_candidates(*[("won", 0, 1.0)] * size, corpus=name) for name, size in sizes.items()])
    counts = mix_corpora(every, DatasetSettings(**settings)).group_by("corpus").len()
    return dict(counts.sort("corpus").iter_rows())


def test_corpora_are_mixed_by_their_weights() -> None:
    sizes = {"big": 400, "mid": 100, "small": 40}
    assert mix(sizes) == sizes
    assert mix(sizes, mix_temperature=1.0) == sizes
    assert mix(sizes, mix={"big": 2}) == {"big": 80, "mid": 40, "small": 40}
    assert mix(sizes, mix={"small": 0}) == {"big": 100, "mid": 100}
    assert mix(sizes, mix_temperature=2.0) == {"big": 126, "mid": 63, "small": 40}
    assert mix(sizes, mix_temperature=1e9) == {"big": 40, "mid": 40, "small": 40}


def test_an_unknown_corpus_in_mix_raises() -> None:
    with pytest.raises(UserError, match="'bigg'"):
        mix({"big": 3}, mix={"bigg": 2.0})
