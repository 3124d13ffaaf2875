"""Sentence splitting in English, Chinese and other scripts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from text2graph_dagster.corpus.text.packing import TOKEN, count_tokens
from text2graph_dagster.corpus.text.sentences import iterate_sentences, split_sentences


def parts(text: str, language: str = "en") -> list[str]:
    return [text[span.start : span.end] for span in split_sentences(text, language)]


@pytest.mark.parametrize(
    "expected",
    [
        ["Mr. Ames met Dr. Lee on Feb. 3, 1994.", "They talked."],
        ["Acme Inc. of Ohio bought Bolt Corp. and Nuts Ltd. in May.", "Nobody knew."],
        ["He works for Acme Inc.", "The firm is small."],
        ["She lives in the U.S. Virgin Islands.", "He left the U.S.", "In 1990 he came back."],
        ["J. R. R. Tolkien wrote it.", "It sold."],
        ["It costs 3.50 dollars or 1,000.5 yen.", "No. 5 is free."],
        ["He said no.", "The end."],
        ["See fig. 3 and pp. 4-5 of vol. 2.", "Then stop."],
        ['"Stop!" he cried.', "“Go on.”", "She went."],
        ["Who?", "Me?"],
        ["Wait... what is it?", "Nothing."],
        ["(It was late.)", "She slept."],
        ["It began at 9 a.m. on Monday.", "It ended at 5 p.m.", "They left."],
        ["iPods were sold, e.g. in St. Louis, i.e. everywhere.", "1994.", "The war ended."],
    ],
)
def test_english(expected: list[str]) -> None:
    assert parts(" ".join(expected)) == expected


@pytest.mark.parametrize(
    "expected",
    [
        ["他出生于北京。", "后来去了上海！", "为什么？"],
        ["他说：“你好。”", "她走了。"],
        ["面积约3.14平方公里，人口1,000人。", "很小。"],
    ],
)
def test_chinese(expected: list[str]) -> None:
    assert parts("".join(expected), "zh") == expected


def test_chinese_punctuation_before_a_comma_does_not_end_a_sentence() -> None:
    assert parts("《为什么？》，是一本书。", "zh") == ["《为什么？》，是一本书。"]


def test_lines_and_blank_lines() -> None:
    assert parts("The first line\ngoes on here. The next\none too.\n\nAfter a gap") == [
        "The first line\ngoes on here.",
        "The next\none too.",
        "After a gap",
    ]
    assert parts("一行没有句号\n另一行。", "zh") == ["一行没有句号", "另一行。"]


def test_carriage_returns_do_not_hide_a_blank_line() -> None:
    assert parts("One\r\n\r\nTwo") == ["One", "Two"]


def test_list_items_are_separate_sentences() -> None:
    text = "We need:\n- salt\n- two eggs, one\n  of them boiled\n* oil\n1. Mix it.\n2) Serve it."
    assert parts(text) == [
        "We need:",
        "- salt",
        "- two eggs, one\n  of them boiled",
        "* oil",
        "1. Mix it.",
        "2) Serve it.",
    ]


@pytest.mark.parametrize(
    ("text", "headings"),
    [
        ("# Title\nText follows here.", ["# Title"]),
        ("== Early life ==\nShe was born.", ["== Early life =="]),
        ("Harbour news\nThe harbour was closed on Monday for a week.", ["Harbour news"]),
        ("Harbour news\n\nThe harbour was closed.", ["Harbour news"]),
        ("The harbour was closed.\n\nIt rained.", []),
        ("#hashtag is no title.", []),
        ("a line that was broken by\nthe editor at equal lengths\nand then goes on.", []),
        ("标题\n\n这是正文。", ["标题"]),
    ],
)
def test_headings(text: str, headings: list[str]) -> None:
    assert [
        text[s.start : s.end] for s in iterate_sentences(text, "zh" if "标" in text else "en") if s.heading
    ] == headings


def test_tokens() -> None:
    assert count_tokens("Ana's 3.5 dogs, 北京ABC!") == len(
        ["Ana", "'", "s", "3", ".", "5", "dogs", ",", *"北京", "ABC", "!"]
    )
    assert count_tokens("it's 9-to-5 (now)") == len("it' s 9 - to - 5 ( now )".replace("it'", "it '").split())


@given(st.text(alphabet="ab1_ .,'-\n\t$é中", max_size=40))
def test_ascii_is_counted_like_everything_else(text: str) -> None:
    assert count_tokens(text) == len(TOKEN.findall(text))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("هل تعيش في أوسلو؟ نعم. ولدت في برغن.", 3),
        ("वह ओस्लो में रहती है। उसका भाई रोम में है।", 2),
        ("Նա ապրում է Օսլոյում։ Նա ծնվել է Բերգենում։", 2),
        ("Она живёт в Осло. Её брат живёт в Риме!", 2),
    ],
)
def test_sentences_of_other_scripts(text: str, count: int) -> None:
    assert len(split_sentences(text, "other")) == count
