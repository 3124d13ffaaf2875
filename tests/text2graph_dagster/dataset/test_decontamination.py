"""Training passages that repeat a gold passage are found."""

import json
from pathlib import Path

import polars as pl
import pytest

from text2graph_dagster.dataset.decontamination import GoldIndex, GoldSearch
from text2graph_dagster.identity import digest

GOLD = "The council of the old harbour town voted on Monday to give the empty customs house to its young fishermen."


def frame(*texts: str) -> pl.DataFrame:
    return pl.DataFrame(
        {"passage_id": [digest(t) for t in texts], "text": texts}, schema={"passage_id": pl.String, "text": pl.String}
    )


def find_reasons(train: pl.DataFrame, gold: pl.DataFrame, ngram: int = 13) -> dict[str, str]:
    """Return passage_id → reason of the training passages that match gold, searched in slices."""
    index = GoldIndex.of(gold, ngram)
    found = (index.find(part).select("passage_id", "reason") for part in train.iter_slices(500))
    return {passage: why for part in found for passage, why in part.iter_rows()}


def reason(train: str, gold: str = GOLD, ngram: int = 13) -> str | None:
    return find_reasons(frame("Quite another text.", train), frame(gold), ngram).get(digest(train))


@pytest.mark.parametrize(
    ("train", "expected"),
    [
        (GOLD, "equal"),
        (GOLD.upper().replace(" ", "  "), "equal"),
        (f"Yesterday: {GOLD[:90]} and nothing else was said.", "shared_ngram"),
        ("Snow fell. The council of the old harbour town voted on Monday to give the house away.", "shared_ngram"),
        ("The council of the old harbour town voted again.", None),
        ("Something else altogether happened in another place on another day.", None),
    ],
)
def test_passages_that_share_a_long_ngram_with_gold_are_found(train: str, expected: str | None) -> None:
    assert reason(train) == expected


def test_near_duplicates_without_a_long_shared_ngram_are_found() -> None:
    assert reason(GOLD.replace("Monday", "Munday")) == "near_duplicate"


def test_short_gold_passages_match_only_equal_passages() -> None:
    assert reason("NEW YORK (AP)", "New York ( AP )") == "equal"
    assert reason("NEW YORK is large", "New York") is None


def test_gold_ngram_sets_the_length_of_the_ngram() -> None:
    train = "On Sunday the council of the old harbour town slept."
    assert reason(train) is None
    assert reason(train, ngram=6) == "shared_ngram"


def test_chinese_is_compared_character_by_character() -> None:
    gold = "昨天上午当地政府决定把旧海关大楼交给年轻的渔民使用。"
    assert (
        reason(f"据报道，{gold[:18]}引起了争议和广泛的讨论，许多市民在会后发表了不同的看法。", gold) == "shared_ngram"
    )


def test_the_named_gold_passage_does_not_depend_on_the_slices() -> None:
    near = GOLD.replace("Monday", "Munday")
    train = frame("Quite another text.", near, GOLD.upper(), "New York (AP)", "new york / ap")
    index = GoldIndex.of(frame("Nothing of the kind.", GOLD, "NEW YORK AP"))
    found = index.find(train)
    assert dict(found.select("passage_id", "reason").iter_rows()) == find_reasons(train, index.gold)
    assert set(found.select("passage_id", "gold_passage_id").iter_rows()) == {
        (digest(near), digest(GOLD)),
        (digest(GOLD.upper()), digest(GOLD)),
        (digest("New York (AP)"), digest("NEW YORK AP")),
        (digest("new york / ap"), digest("NEW YORK AP")),
    }
    parts = pl.concat([index.find(part) for part in train.iter_slices(1)])
    assert parts.sort("passage_id").equals(found)


def test_passages_of_punctuation_only_are_compared_by_their_punctuation() -> None:
    assert reason("* * *", "***") == "equal"
    assert reason("* * *", "---") is None


def test_an_ngram_does_not_cross_passages() -> None:
    words = GOLD.split()
    halves = frame(" ".join(words[:9]), " ".join(words[9:]))
    assert find_reasons(halves, frame(GOLD)) == {}
    assert find_reasons(frame(GOLD), halves) == {}


def test_a_passage_is_searched_again_only_if_gold_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[str] = []
    original = GoldIndex.find

    def record_texts(index: GoldIndex, train: pl.DataFrame) -> pl.DataFrame:
        searched.extend(train["text"])
        return original(index, train)

    def search(train: pl.DataFrame, gold: pl.DataFrame) -> pl.DataFrame:
        searched.clear()
        once = GoldSearch(gold, tmp_path / "gold")
        found = pl.concat([once.find(part) for part in train.iter_slices(2)]).sort("passage_id")
        once.save()
        assert found.equals(original(GoldIndex.of(gold), train))
        return found

    monkeypatch.setattr(GoldIndex, "find", record_texts)
    gold, texts = frame(GOLD), [GOLD.upper(), "Nothing of the kind.", GOLD.replace("Monday", "Munday")]
    assert search(frame(*texts), gold).height == 2
    assert searched == texts
    search(frame(*texts, "New."), gold)
    assert searched == ["New."]
    search(frame(*texts[1:]), gold)
    assert searched == []
    search(frame(*texts), frame(GOLD, "More gold."))
    assert searched == texts
    assert len(list((tmp_path / "gold").iterdir())) == 1


def test_without_gold_nothing_matches() -> None:
    assert find_reasons(frame(GOLD), frame()) == {}
    assert find_reasons(frame(), frame(GOLD)) == {}


def test_sentences_in_both_splits_of_conll04_are_found(real_data: Path) -> None:
    def texts(split: str) -> list[str]:
        lines = (real_data / "conll04" / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line)["text"] for line in lines]

    train, test = texts("train"), texts("test")
    repeated = {" ".join(t.split()) for t in train} & {" ".join(t.split()) for t in test}
    found = find_reasons(frame(*dict.fromkeys(train)), frame(*dict.fromkeys(test)))
    assert {digest(t) for t in train if " ".join(t.split()) in repeated} <= set(found)
    # In the other direction: test sentences that are also in train, including datelines.
    leaked = find_reasons(frame(*dict.fromkeys(test)), frame(*dict.fromkeys(train)))
    assert sum(leaked.get(digest(text)) == "equal" for text in test) >= 21
    assert leaked[digest("NEW ORLEANS (AP)")] == "equal"
