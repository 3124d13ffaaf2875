"""Language detection."""

import pytest

from text2graph_dagster.corpus.text.language import detect_language


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
        ("Штаб-квартира компании находится в центре города, этого никто не знал.", "en", "ru"),
        ("Ⱄⱁⱇⰹⱑ ⰳⱃⰰⰴⱏ", "en", "other"),
        ("Sie wohnt seit 1990 in Hamburg und arbeitet als Ärztin.", "en", "de"),
        ("La empresa fue fundada en Madrid por dos hermanos.", "en", "es"),
        ("a\x01b c\x02d", "en", "en"),
        ("Штаб-квартира находится в Москве.", "ru", "ru"),
        ("12 - 34", "zh", "zh"),
        ("", "en", "en"),
    ],
)
def test_detect_language(text: str, expected: str, language: str) -> None:
    assert detect_language(text, expected) == language
