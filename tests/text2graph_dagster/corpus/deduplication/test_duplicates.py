"""Exact duplicates and near-duplicates do not depend on the order of the passages."""

import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.text2graph_dagster.corpus.sample_corpora import assert_same, build_again, make_corpus, note_lines
from text2graph_dagster.corpus.deduplication import duplicates
from text2graph_dagster.corpus.deduplication.duplicates import find_duplicates as duplicate_of
from text2graph_dagster.corpus.deduplication.duplicates import find_duplicates_across
from text2graph_dagster.corpus.deduplication.minhash import CandidatePairs
from text2graph_dagster.identity import digest, normalise

BASE = (
    "The harbour of Port Serneburg was closed on Monday after a ferry ran aground near the old lighthouse, "
    "and the town council said that repairs would take at least three weeks to finish."
)
VARIANT = BASE.replace("three weeks", "three days")
OTHER = (
    "A bakery in the old town won a prize for its rye bread, which is baked in a stone oven every morning before dawn."
)


def frame(rows: list[tuple[str, str]]) -> pl.DataFrame:
    """Return passages for (text, split), in the order given; the split "annotated" is annotated train."""
    return pl.DataFrame(
        {
            "passage_id": [digest(normalise(text)) for text, _ in rows],
            "doc_id": [f"d{i}" for i in range(len(rows))],
            "start": [0] * len(rows),
            "text": [text for text, _ in rows],
            "split": ["train" if split == "annotated" else split for _, split in rows],
            "annotated": [split != "train" for _, split in rows],
        }
    )


def find_duplicates(table: pl.DataFrame) -> dict[int, str]:
    """Return the duplicate rows, each with the passage_id that is kept."""
    marked = duplicate_of(table)
    assert marked.dtype == pl.String
    assert len(marked) == table.height
    return {row: kept for row, kept in enumerate(marked.to_list()) if kept is not None}


def pid(text: str) -> str:
    return digest(normalise(text))


def jaccard(a: str, b: str) -> float:
    first, second = ({t[i : i + 5] for i in range(max(1, len(t) - 4))} for t in (normalise(a), normalise(b)))
    return len(first & second) / len(first | second)


def test_exact_duplicates_keep_one_row() -> None:
    assert find_duplicates(frame([(BASE, "train"), (OTHER, "train"), (f" {BASE}\n", "train")])) == {2: pid(BASE)}


def test_near_duplicates_keep_the_smallest_id() -> None:
    assert jaccard(BASE, VARIANT) > 0.9
    kept = min(pid(BASE), pid(VARIANT))
    row = 1 if kept == pid(BASE) else 0
    assert find_duplicates(frame([(BASE, "train"), (VARIANT, "train"), (OTHER, "train")])) == {row: kept}


@pytest.mark.parametrize("split", ["dev", "test"])
@pytest.mark.parametrize(("gold", "train"), [(BASE, VARIANT), (VARIANT, BASE), (BASE, BASE)])
def test_a_train_passage_is_a_duplicate_of_the_gold_passage(split: str, gold: str, train: str) -> None:
    assert find_duplicates(frame([(train, "train"), (gold, split)])) == {0: pid(gold)}


def test_similar_gold_passages_are_kept_and_equal_ones_prefer_test_over_dev() -> None:
    assert find_duplicates(frame([(BASE, "dev"), (VARIANT, "test")])) == {}
    assert find_duplicates(frame([(BASE, "dev"), (BASE, "test")])) == {0: pid(BASE)}


def test_duplicates_refer_to_a_passage_that_is_kept() -> None:
    chain = [BASE]
    for word in ("Monday", "ferry", "old", "council", "repairs", "least", "finish"):
        chain.append(chain[-1].replace(word, "something"))
    found = find_duplicates(frame([(text, "train") for text in chain]))
    assert found
    kept = {pid(text) for i, text in enumerate(chain) if i not in found}
    assert set(found.values()) <= kept


@pytest.mark.parametrize("text", ["", "a", "abcd", "中文", "abcde"])
def test_short_passages_are_compared_too(text: str) -> None:
    assert find_duplicates(frame([(text, "train"), (BASE, "train")])) == {}
    assert find_duplicates(frame([(text, "train"), (text, "test")])) == {0: pid(text)}


def test_an_empty_table_has_no_duplicates() -> None:
    assert find_duplicates(frame([]).cast({"text": pl.String, "split": pl.String, "passage_id": pl.String})) == {}


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 4), st.sampled_from(["train", "annotated", "dev", "test"])),
        max_size=12,
    ),
    st.randoms(),
)
@settings(max_examples=60, deadline=None)
def test_the_order_of_passages_does_not_matter(picks: list[tuple[int, int, str]], rng: random.Random) -> None:
    words = BASE.split()
    rows = []
    for base, cut, split in picks:
        text = " ".join([*words[base * 2 :], "x" * cut])
        rows.append((text, split))
    table = frame(rows).with_row_index("row") if rows else frame([]).with_row_index("row")
    order = list(range(len(rows)))
    rng.shuffle(order)
    shuffled = table[order]
    expected = find_duplicates(table)
    assert {shuffled["row"][i]: kept for i, kept in find_duplicates(shuffled).items()} == expected
    for row, kept in expected.items():
        split = rows[row][1]
        target = next(text for text, _ in rows if pid(text) == kept)
        assert jaccard(rows[row][0], target) >= 0.8
        assert split in ("train", "annotated") or kept == pid(rows[row][0])
        assert split != "annotated" or any(pid(text) == kept and other != "train" for text, other in rows)


@pytest.mark.parametrize("text", [BASE, VARIANT])
def test_an_annotated_passage_wins_over_others_but_not_over_gold(text: str) -> None:
    assert find_duplicates(frame([(text, "train"), (BASE, "annotated")])) == {0: pid(BASE)}
    assert find_duplicates(frame([(text, "annotated"), (BASE, "dev")])) == {0: pid(BASE)}


def test_near_duplicates_are_found_among_many() -> None:
    rng = random.Random(3)
    vocabulary = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(3, 9))) for _ in range(3_000)]
    originals = [" ".join(rng.choices(vocabulary, k=45)) for _ in range(600)]
    changed = [" ".join([*text.split()[:-1], "changed"]) for text in originals[:200]]
    found = find_duplicates(frame([(text, "train") for text in originals + changed]))
    assert len(found) >= 198  # similarity of at least 0.93: one in 10,000 is missed
    assert all(row >= 600 or row < 200 for row in found)


def test_a_copy_of_a_near_duplicate_refers_to_the_kept_passage() -> None:
    kept = min(pid(BASE), pid(VARIANT))
    near = VARIANT if kept == pid(BASE) else BASE
    found = find_duplicates(frame([(BASE, "train"), (VARIANT, "train"), (near, "train")]))
    assert len(found) == 2
    assert set(found.values()) == {kept}


def across(corpora: dict[str, list[str]]) -> set[tuple[str, str, str, str]]:
    """Return the repeated passages; the passages of corpora in upper case are annotated."""
    rows = [(corpus, pid(text), text, corpus.isupper()) for corpus, texts in corpora.items() for text in texts]
    table = pl.DataFrame(rows, schema=["corpus", "passage_id", "text", "annotated"], orient="row")
    return set(find_duplicates_across(table).iter_rows())


def test_across_corpora_the_order_does_not_matter() -> None:
    corpora = {"b": [BASE, OTHER], "a": [VARIANT, BASE], "c": ["Nothing of the kind was ever written elsewhere."]}
    kept = min(pid(BASE), pid(VARIANT))
    near = pid(VARIANT) if kept == pid(BASE) else pid(BASE)
    expected = {("a", near, "a", kept)} | {("b", pid(BASE), "a", kept)}
    assert across(corpora) == expected
    assert across(dict(reversed(corpora.items()))) == expected


def test_an_equal_passage_is_kept_in_the_first_corpus() -> None:
    assert across({"b": [OTHER], "a": [OTHER]}) == {("b", pid(OTHER), "a", pid(OTHER))}
    assert across({"a": [OTHER]}) == set()


@pytest.mark.parametrize(("annotated", "other"), [(BASE, VARIANT), (VARIANT, BASE), (BASE, BASE)])
def test_across_corpora_an_annotated_passage_is_kept(annotated: str, other: str) -> None:
    assert across({"A": [annotated], "0": [other]}) == {("0", pid(other), "A", pid(annotated))}


def test_cached_pairs_are_not_compared_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, staged = make_corpus(tmp_path, {"a.jsonl": note_lines([1, 2, 3])}), tmp_path / "staged"
    build_again(path, staged)
    compared: list[int] = []
    original = duplicates.jaccard_similarity

    def recording(pairs: CandidatePairs, texts: pl.Series) -> Any:
        compared.append(len(pairs.later))
        return original(pairs, texts)

    monkeypatch.setattr(duplicates, "jaccard_similarity", recording)
    build_again(path, staged)
    assert compared == [0]
    make_corpus(tmp_path, {"a.jsonl": note_lines([0, 1, 2, 3])})
    grown = build_again(path, staged)
    assert compared[1] > 0
    build_again(path, None)
    assert compared[1] < compared[2]
    for file in staged.glob("*/similar.parquet"):
        file.unlink()
    assert_same(grown, build_again(path, staged))
