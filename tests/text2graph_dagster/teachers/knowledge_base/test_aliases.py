"""Finding names in running text: longest match, boundaries, case, scripts without spaces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from text2graph_dagster.teachers.knowledge_base.aliases import AliasIndex, is_distinctive


def found(text: str, *aliases: str, blocked: tuple[str, ...] = ()) -> list[str]:
    index = AliasIndex()
    for number, alias in enumerate(aliases):
        index.add(alias, number)
    for alias in blocked:
        index.block(alias)
    return [text[m.start : m.end] for m in index.find(text)]


def test_only_the_longest_of_overlapping_names_is_found() -> None:
    assert found("She left New York City for York.", "York", "New York", "New York City") == ["New York City", "York"]


def test_the_shorter_name_is_found_if_a_longer_one_matches_only_partly() -> None:
    assert found("New York Post and New York", "New York", "New York City Hall") == ["New York", "New York"]


def test_names_end_on_token_boundaries() -> None:
    assert found("Romeo saw Rome's walls in Rome.", "Rome") == ["Rome", "Rome"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Paris-based", ["Paris"]),
        ("Marie-Paris", []),
        ("Paris-Marie", []),
        ("pre-Paris days", []),
        ("Lima - Paris", ["Paris"]),
    ],
)
def test_a_name_before_a_hyphen_is_found_only_if_a_lower_case_word_follows(text: str, expected: list[str]) -> None:
    assert found(text, "Paris") == expected


def test_a_capitalised_name_never_matches_a_common_word() -> None:
    assert found("They turkey and may march; Turkey did.", "Turkey", "May", "March") == ["Turkey"]


def test_a_lower_case_name_matches_a_capital_only_at_the_start_of_a_sentence() -> None:
    assert found("Film noir is old. Film noir! The Film noir prize. film noir", "film noir") == [
        "Film noir",
        "Film noir",
        "film noir",
    ]


def test_names_in_upper_case_headings_are_found() -> None:
    assert found("VELSOFT BUYS NORTHWIND", "Velsoft", "Northwind") == ["VELSOFT", "NORTHWIND"]


@pytest.mark.parametrize(
    "alias", ["x", "7", "1984", "mo", "ro-md", "the", "The", "It", "IT", "PL", "Bo", "a b c", "…", "中", "我们", ""]
)
def test_names_that_are_too_short_or_common_are_rejected(alias: str) -> None:
    assert not is_distinctive(alias)


@pytest.mark.parametrize("alias", ["US", "EU", "jazz", "U.S.", "R2D2", "中国", "IBM", "Ülo", "Ng Li"])
def test_common_short_names_are_accepted(alias: str) -> None:
    assert is_distinctive(alias)


def test_all_entities_with_a_name_are_candidates() -> None:
    index = AliasIndex()
    index.add("Paris", 3)
    index.add("Paris", 1)
    index.add("Paris", 3)
    assert [m.candidates for m in index.find("in Paris")] == [(3, 1)]


def test_shorter_names_inside_a_blocked_longer_name_are_not_found() -> None:
    assert found("The Boston Globe wrote from Boston.", "Boston", blocked=("Boston Globe",)) == ["Boston"]


def test_chinese_needs_no_spaces_and_the_longest_name_wins() -> None:
    assert found("王明出生于中国北京，在中国人民银行工作。", "中国", "北京", "王明", "中国人民银行") == [
        "王明",
        "中国",
        "北京",
        "中国人民银行",
    ]


def test_spacing_inside_a_name_does_not_matter_but_a_line_end_does() -> None:
    assert found("New   York\nNew\nYork", "New York") == ["New   York"]


def test_punctuation_is_part_of_a_name() -> None:
    assert found("the U.S. and US", "U.S.", "US") == ["U.S.", "US"]


WORDS = st.sampled_from(["Ana", "Bergen", "Bergen-Nord", "Oslo", "ana", ".", ",", "北京", "大学", "7", "\n"])


@given(st.lists(WORDS, max_size=12), st.lists(st.lists(WORDS, min_size=1, max_size=3), max_size=6))
def test_matches_are_ordered_disjoint_and_spelled_as_a_name(words: list[str], names: list[list[str]]) -> None:
    text = " ".join(words)
    aliases = [" ".join(name) for name in names]
    index = AliasIndex()
    for number, alias in enumerate(aliases):
        index.add(alias, number)
    end = 0
    for match in index.find(text):
        assert match.start >= end
        end = match.end
        surface = "".join(text[match.start : match.end].split()).casefold()
        assert match.candidates
        assert all("".join(aliases[c].split()).casefold() == surface for c in match.candidates)


def test_an_english_common_name_is_found_in_title_case_and_in_the_plural() -> None:
    text = "The Prime Minister met other prime ministers. A city council, two city councils."
    assert found(text, "prime minister", "city council") == [
        "Prime Minister",
        "prime ministers",
        "city council",
        "city councils",
    ]


def test_a_number_inside_a_longer_one_is_not_found() -> None:
    index = AliasIndex()
    index.add_literal("1,200", 0)
    index.add_literal("1865", 1)
    text = "1,200 of 1,200,000 in 1865, not 11,200 nor 1865.5 nor 3.1865"
    assert [(m.start, text[m.start : m.end]) for m in index.find(text)] == [(0, "1,200"), (22, "1865")]
