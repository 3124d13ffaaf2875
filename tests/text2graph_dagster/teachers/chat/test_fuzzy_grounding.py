"""Inexact copies are grounded if exactly one spelling in the passage is similar; otherwise they are dropped."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from text2graph_dagster.graph.legality import fold, ground, legalise
from text2graph_dagster.graph.mentions import find_occurrences
from text2graph_dagster.graph.model import ParsedGraph, Span
from text2graph_dagster.teachers.chat.fuzzy_grounding import CHARACTERS_PER_EDIT, ground_fuzzily

TEXT = "In 1986 José Álvarez joined Björn O’Neill & Sons of Gothenburg; the Treaty of 1987 followed."


@pytest.mark.parametrize(
    ("written", "surface"),
    [
        ("José Álvarez", "José Álvarez"),
        ("josé  álvarez", "José Álvarez"),
        ("Gothenberg", "Gothenburg"),
        ("Gotenburg", "Gothenburg"),
        ("Bjorn O'Neill & Sons", "Björn O’Neill & Sons"),
        ("the Treaty of 1987", "the Treaty of 1987"),
    ],
)
def test_an_inexact_copy_gets_the_spelling_of_the_passage(written: str, surface: str) -> None:
    found = ground_fuzzily(written, TEXT)
    assert found is not None
    assert found.surface == surface
    assert all(TEXT[m.start : m.end] == surface for m in found.mentions)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "   ",
        "Jos",  # too short for any difference
        "Sonz",
        "Treaty of 1986",  # a different year means a different treaty
        "the Treaty of 1988",
        "Gothenburgers",
        "Stockholm",
        "othenbur",  # not on word boundaries
        "Gothenburg!!",
    ],
)
def test_names_too_different_from_the_passage_are_not_grounded(written: str) -> None:
    assert ground_fuzzily(written, TEXT) is None


def test_a_name_near_two_spellings_is_not_grounded() -> None:
    text = "Jonathan Berg met Jonathan Borg."
    assert ground_fuzzily("Jonathan Barg", text) is None
    assert ground_fuzzily("Jonathan Berg", text) is not None


def test_a_repeated_name_has_two_mentions() -> None:
    found = ground_fuzzily("Gothenberg", "Gothenburg is not Oslo. Gothenburg it is.")
    assert found is not None
    assert found.mentions == (Span(0, 10), Span(24, 34))


def test_scripts_without_blanks_are_supported() -> None:
    text = "他在中华人民共和国外交部工作。"
    found = ground_fuzzily("中华人民共和國外交部", text)
    assert found is not None
    assert found.surface == "中华人民共和国外交部"


def test_exact_and_inexact_copies_refer_to_the_same_entity() -> None:
    written = ParsedGraph((("Gothenberg", "city"), ("José Álvarez", "person")), (("José Álvarez", "in", "Gothenberg"),))
    legal = legalise(written, TEXT, ["city", "person"], ["in"], None, ground_fuzzily)
    assert [(h.text, t.text) for h, _, t in legal.graph.triples()] == [("José Álvarez", "Gothenburg")]
    both = ParsedGraph((("Gothenburg", "city"), ("Gothenberg", "city")), ())
    assert legalise(both, TEXT, ["city"], [], None, ground_fuzzily).dropped["duplicate_entity"] == 1


def test_answers_of_students_are_grounded_exactly() -> None:
    assert ground("Gothenberg", TEXT) is None
    legal = legalise(ParsedGraph((("Gothenberg", "city"),), ()), TEXT, ["city"], [])
    assert (legal.graph.entities, legal.dropped["ungrounded_entity"]) == ((), 1)


WORDS = st.lists(
    st.sampled_from(["Ana", "Berg", "Gothenburg", "1986", "O’Neill", "外交部", "and", "Álvarez"]), min_size=1
)


@given(WORDS, st.data())
@settings(max_examples=200, deadline=None)
def test_grounded_names_are_in_the_passage_and_similar(words: list[str], data: st.DataObject) -> None:
    text = " ".join(words)
    start = data.draw(st.integers(0, len(text) - 1))
    surface = text[start : data.draw(st.integers(start + 1, len(text)))]
    at, char = data.draw(st.integers(0, len(surface))), data.draw(st.sampled_from(["", "x", "7", " ", "’"]))
    written = surface[:at] + char + surface[at + data.draw(st.integers(0, 1)) :]
    found = ground_fuzzily(written, text)
    if found is not None:
        assert found.mentions == find_occurrences(found.surface, text) != ()
        near, allowed = Levenshtein.distance(fold(found.surface), fold(written)), len(written) // CHARACTERS_PER_EDIT
        assert near <= allowed
    if exact := ground(written, text):
        assert found == exact
