"""Quality filters: what they measure, and their limits."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from text2graph_dagster.corpus.text.packing import count_tokens
from text2graph_dagster.corpus.text.text_quality import (
    RUN_TOKENS,
    check_document,
    check_passage,
    measure_repeated_lines,
    measure_repeated_runs,
)
from text2graph_dagster.settings import QualitySettings

PROSE = "Ana Berg lives in Oslo, where she designed the library that was opened in 2003 by the mayor."
CHINESE = "这家公司成立于一九八五年，总部位于北京，主要生产计算机和软件，创始人是一位大学教授。"
HINDI = "वह ओस्लो में रहती है और उसका भाई रोम में एक छोटी बेकरी चलाता है, जो बहुत प्रसिद्ध है।"
OFF = QualitySettings(
    min_document_tokens=0,
    max_repeated_lines=1,
    max_repeated_runs=1,
    max_list_lines=1,
    max_symbols=1,
    min_distinct_words=0,
)
BAD_DOCUMENTS = {
    "too_short": "Oslo",
    "repeated_lines": "\n".join(["Click here to read more."] * 9 + [PROSE]),
    "list_like": "\n".join(f"- item number {n}" for n in range(30)),
    "repeated_runs": " ".join([PROSE] * 20),
}


@pytest.mark.parametrize(("reason", "text"), BAD_DOCUMENTS.items())
def test_a_document_is_rejected_with_the_measured_value(reason: str, text: str) -> None:
    rejection = check_document(text, QualitySettings())
    assert rejection is not None
    assert rejection[0] == reason
    assert any(char.isdigit() for char in rejection[1])
    assert check_document(text, OFF) is None


@pytest.mark.parametrize("text", [PROSE, CHINESE, f"# Ana\n\n{PROSE}\n\n- Library\n- Bridge", "Paris AFP", HINDI])
def test_good_documents_pass(text: str) -> None:
    assert check_document(text, QualitySettings()) is None
    assert check_passage(text, count_tokens(text), QualitySettings()) is None


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("symbols", "|---|:---:| {} [] <> // ;; $$ %% a b"),
        ("repetitive", "buy now " * 20),
        ("repetitive", "哈" * 40),
    ],
)
def test_a_passage_is_rejected(reason: str, text: str) -> None:
    assert check_passage(text, count_tokens(text), QualitySettings()) == reason
    assert check_passage(text, count_tokens(text), OFF) is None


def test_repeated_runs_are_those_of_ten_tokens() -> None:
    words = [str(n) for n in range(40)]
    assert measure_repeated_runs(words) == 0
    assert measure_repeated_runs(words + words[: RUN_TOKENS - 1]) == 0
    assert measure_repeated_runs(words + words[:RUN_TOKENS]) == pytest.approx(RUN_TOKENS / 50)
    assert measure_repeated_runs(words * 2) == pytest.approx(0.5)


@given(st.lists(st.sampled_from("abc"), max_size=60))
def test_repeated_runs_equal_a_naive_count(tokens: list[str]) -> None:
    seen: set[tuple[str, ...]] = set()
    covered: set[int] = set()
    for at in range(len(tokens) - RUN_TOKENS + 1):
        run = tuple(tokens[at : at + RUN_TOKENS])
        if run in seen:
            covered.update(range(at, at + RUN_TOKENS))
        seen.add(run)
    assert measure_repeated_runs(tokens) == pytest.approx(len(covered) / max(1, len(tokens)))


def test_repeated_lines_count_characters() -> None:
    assert measure_repeated_lines(["aaaa", "bb", "aaaa"]) == pytest.approx(0.4)


def test_random_words_are_not_repetitive() -> None:
    rng = random.Random(3)
    text = " ".join("".join(rng.choices("abcdefgh", k=5)) for _ in range(500))
    assert check_document(text, QualitySettings()) is None
