"""Cleaning and language detection."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from text2graph_dagster.corpus.cleaning import clean, detect_language


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
        ("  # Title  ", "# Title"),
        ("\U000e0041\U000e0042a", "a"),
        ("\u200b\ufeff \n", ""),
        ("👩\u200d🚀 ok", "👩\u200d🚀 ok"),
    ],
)
def test_clean(dirty: str, cleaned: str) -> None:
    assert clean(dirty) == cleaned


@given(st.text(alphabet=st.characters(codec=None), max_size=60))
def test_clean_leaves_the_visible_and_nothing_else(text: str) -> None:
    once = clean(text)
    once.encode("utf-8")
    assert clean(once) == once
    assert "  " not in once
    assert "\n\n\n" not in once
    assert not any(unicodedata.category(char) in {"Cc", "Cs"} for char in once.replace("\n", ""))
    letters = [char for char in unicodedata.normalize("NFC", once) if char.isalnum() and char.isascii()]
    for char in set(letters):
        assert char in unicodedata.normalize("NFC", text)


@given(st.text(alphabet="ab .\n\t中。", max_size=60))
def test_clean_keeps_every_word(text: str) -> None:
    assert clean(text).split() == text.split()


@pytest.mark.parametrize(
    ("text", "expected", "language"),
    [
        ("The board of the company was not told.", "en", "en"),
        ("Anna Meyer, Berlin", "en", "en"),
        ("Der Vorstand der Firma ist nicht mit dem Plan zufrieden.", "en", "de"),
        ("Le conseil des ministres est dans une salle avec les autres.", "en", "fr"),
        ("The board of the company was not told by them.", "de", "en"),
        ("董事会没有被告知。", "en", "zh"),
        ("微软公司（Microsoft Corporation）总部位于美国雷德蒙德。", "zh", "zh"),
        ("The board of the company was not told.", "zh", "en"),
        ("Xenix, Tru64, IRIX", "zh", "other"),
        ("会社の本社は東京にあります。", "zh", "ja"),
        ("본사는 서울에 있다", "en", "ko"),
        ("Штаб-квартира находится в Москве.", "en", "other"),
        ("Штаб-квартира находится в Москве.", "ru", "ru"),
        ("12 - 34", "zh", "zh"),
        ("", "en", "en"),
    ],
)
def test_detect_language(text: str, expected: str, language: str) -> None:
    assert detect_language(text, expected) == language
