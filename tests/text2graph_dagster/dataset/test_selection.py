"""Choosing: by score and variety, reproducibly, and with every loss accounted for."""

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


def light(*rows: tuple[str, int, float], corpus: str = "news") -> pl.DataFrame:
    """Return examples of (label, wording, score)."""
    columns: dict[str, list[Any]] = {name: [] for name in SELECTION_COLUMNS}
    for i, (label, wording, score) in enumerate(rows):
        values = (digest(corpus, str(i)), corpus, digest(str(i)), "full" if label else "negative", score)
        for name, value in zip(SELECTION_COLUMNS, (*values, [label], [wording]), strict=True):
            columns[name].append(value)
    return pl.DataFrame(columns, schema=SELECTION_COLUMNS)


EXAMPLES = st.lists(
    st.tuples(st.sampled_from([*LABELS, ""]), st.integers(0, 3), st.sampled_from([0.25, 0.5, 1.0])), max_size=40
)


def test_a_rare_label_counts_for_more() -> None:
    scored = add_rarity(light(*[("works for", 0, 1.0)] * 8, ("won", 0, 1.0)), 0.5)
    assert scored["score"][8] == pytest.approx(1.0)  # the only one of its kind
    assert 0.5 < scored["score"][0] < 0.6
    assert add_rarity(light(("won", 0, 0.3)), 0.0)["score"].to_list() == [0.3]


def test_a_budget_goes_round_labels_and_their_wordings() -> None:
    frequent = [("works for", wording, 1.0 - i / 1000) for wording in range(3) for i in range(50)]
    chosen = select_diverse(light(*frequent, ("won", 9, 0.1), ("born in", 9, 0.2)), 5)
    taken = sorted(zip(chosen["labels"].list.first(), chosen["phrases"].list.first(), strict=True))
    assert taken == [("born in", 9), ("won", 9), ("works for", 0), ("works for", 1), ("works for", 2)]
    assert chosen.filter(pl.col("labels").list.first() == "works for")["score"].min() == 1.0


@given(rows=EXAMPLES, most=st.integers(1, 50), share=st.floats(0, 1), turn=st.randoms())
def test_choosing_loses_nothing_silently_whatever_the_order(rows: Any, most: int, share: float, turn: Any) -> None:
    every = light(*rows)
    settings = DatasetSettings(max_examples=most, empty_share=share)
    chosen, lost = select_examples(every, settings)
    assert chosen.height <= most
    assert sorted([*chosen["passage_id"], *lost["passage_id"]]) == sorted(every["passage_id"])
    empty = chosen.filter(pl.col("kind") == "negative").height
    assert most < every.height or empty <= share * chosen.height + 1e-6 or share == 1
    order = list(range(len(rows)))
    turn.shuffle(order)
    again, lost_again = select_examples(every[order], settings)
    assert sorted(again["example_id"]) == sorted(chosen["example_id"])
    assert again.sort("example_id")["score"].equals(chosen.sort("example_id")["score"])
    assert lost_again.sort("passage_id").equals(lost.sort("passage_id"))


def mix(sizes: dict[str, int], **settings: Any) -> dict[str, int]:
    every = pl.concat([light(*[("won", 0, 1.0)] * size, corpus=name) for name, size in sizes.items()])
    counts = mix_corpora(every, DatasetSettings(**settings)).group_by("corpus").len()
    return dict(counts.sort("corpus").iter_rows())


def test_corpora_are_mixed_as_their_weights_say() -> None:
    sizes = {"big": 400, "mid": 100, "small": 40}
    assert mix(sizes) == sizes
    assert mix(sizes, mix_temperature=1.0) == sizes
    assert mix(sizes, mix={"big": 2}) == {"big": 80, "mid": 40, "small": 40}
    assert mix(sizes, mix={"small": 0}) == {"big": 100, "mid": 100}
    assert mix(sizes, mix_temperature=2.0) == {"big": 126, "mid": 63, "small": 40}
    assert mix(sizes, mix_temperature=1e9) == {"big": 40, "mid": 40, "small": 40}


def test_a_misspelt_corpus_is_told() -> None:
    with pytest.raises(UserError, match="'bigg'"):
        mix({"big": 3}, mix={"bigg": 2.0})
