"""Cleaning, and the map back to source offsets."""

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from text2graph_dagster.corpus.text.cleaning import clean_text, clean_with_map


@pytest.mark.parametrize(
    ("dirty", "cleaned"),
    [
        ("\ufeffa\r\nb\rc", "a\nb\nc"),
        ("a\x00b\x07c\x7f", "abc"),
        ("a\u200bb\u00adc\u202ed\ufeff", "abcd"),
        ("a\ud800b", "ab"),
        ("a\u00a0\u3000\tb", "a b"),
        ("a \n\n \n\n b", "a\n\nb"),
        ("a\x0cb\u2029c", "a\n\nb\n\nc"),
        ("a\u2028b\x85c\x0bd", "a\nb\nc\nd"),
        ("cafe\u0301", "caf\u00e9"),
        ("cafÃ© â€“ itâ€™s Ã¼ber", "café – it’s über"),
        ("ÃƒÂ©", "é"),
        ("  # Title  ", "# Title"),
        ("\U000e0041\U000e0042a", "a"),
        ("\u200b\ufeff \n", ""),
        ("👩\u200d🚀 ok", "👩\u200d🚀 ok"),
    ],
)
def test_cleaned_text_is_as_expected(dirty: str, cleaned: str) -> None:
    assert clean_text(dirty) == cleaned


@example("Â\x1f¡")
@settings(deadline=None)  # the first repair imports its library
@given(st.text(alphabet=st.characters(codec=None), max_size=60))
def test_cleaning_removes_everything_invisible(text: str) -> None:
    once = clean_text(text)
    once.encode("utf-8")
    # Mojibake that is nested, or has invisible characters between its bytes, is repaired only once.
    assert clean_text(once) == once or any("\xc2" <= char <= "\xf4" for char in text)
    assert "  " not in once
    assert "\n\n\n" not in once
    assert not any(unicodedata.category(char) in {"Cc", "Cs"} for char in once.replace("\n", ""))
    letters = [char for char in unicodedata.normalize("NFC", once) if char.isalnum() and char.isascii()]
    for char in set(letters):
        assert char in unicodedata.normalize("NFC", text)


@given(st.text(alphabet="ab .\n\t中。", max_size=60))
def test_cleaning_keeps_every_word(text: str) -> None:
    assert clean_text(text).split() == text.split()


ODD = "ab e\u0301\u0300\u1100\u1161\u11a8\u212b\u0344\u0958 \t\r\n\u2028\x0c\x85\u00a0\u200b\u202e\ud800\u00ad"
ODD += "中。Ã©â€™ÂƒÃ”É…"


@settings(deadline=None)
@given(st.one_of(st.text(alphabet=ODD, max_size=60), st.text(alphabet=st.characters(codec=None), max_size=60)))
def test_every_character_is_mapped_to_its_source(text: str) -> None:
    cleaned, back = clean_with_map(text)
    assert cleaned == clean_text(text)
    assert len(back.starts) == len(back.ends) == len(cleaned)
    for at, char in enumerate(cleaned):
        span = back.source_span(at, at + 1)
        source = text[span.start : span.end]
        if char.isspace():
            assert source.replace("\x85", "\n").isspace() or clean_text(f"x{source}y") != f"x{source}y"
        else:
            assert char in clean_text(source)
    assert all(back.starts[:-1] <= back.starts[1:])


@given(st.text(alphabet="ab \n\t\u200bé中", max_size=60))
def test_unchanged_characters_are_mapped_exactly(text: str) -> None:
    cleaned, back = clean_with_map(text)
    for at, char in enumerate(cleaned):
        if not char.isspace():
            span = back.source_span(at, at + 1)
            assert text[span.start : span.end] == char


def test_a_span_is_mapped_to_its_source() -> None:
    original = "\ufeff  The cafÃ©\r\n\r\n\r\n of\u200b A\u030ase\t Berg."
    cleaned, back = clean_with_map(original)
    assert cleaned == "The café\n\nof Åse Berg."
    at = cleaned.index("Åse Berg")
    span = back.source_span(at, at + len("Åse Berg"))
    assert original[span.start : span.end] == "A\u030ase\t Berg"
    with pytest.raises(ValueError, match="not a span"):
        back.source_span(3, 3)


@pytest.mark.parametrize(
    "text", ["CAFÉ…", "“CAFÉ”", "LA NIÑA—2", "à « voir »", "Ð", "10 Å–", "naïve", "Ça®", "Â", "é–"]
)
def test_text_that_only_looks_like_mojibake_is_kept(text: str) -> None:
    assert clean_text(text) == text
