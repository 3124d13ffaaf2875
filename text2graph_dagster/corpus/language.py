"""Guessing a passage's language, by script and function words."""

import re

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_KANA = re.compile("[\u3040-\u30ff]")
_HANGUL = re.compile("[\uac00-\ud7af]")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")
_LETTER = re.compile(r"[^\W\d_]")

# Words that are frequent in one language and rare in the others.
_FUNCTION_WORDS = {
    "en": "the of and to is was for with that by from are were which this it he they have has had not but their its "
    "she be who been would his",
    "de": "der die das und ist von mit den dem ein eine nicht auf für sich im auch als wurde zu",
    "fr": "le les des et est dans une pour qui par sur au avec du pas ce cette sont",
    "es": "el los las y una por para con se su como fue este pero más",
    "it": "il di che della una con è sono nel gli alla dei anche",
    "pt": "uma para com não em da do dos foi pelo mais são",
    "nl": "het een van zijn voor niet met op dat ook werd aan wordt",
}
_LANGUAGES_OF = {
    word: tuple(language for language, words in _FUNCTION_WORDS.items() if word in words.split())
    for words in _FUNCTION_WORDS.values()
    for word in words.split()
}
_SAMPLE_CHARACTERS = 2_000


def detect_language(text: str, expected: str) -> str:
    """Return the language of `text` as a two-letter code, or "other"; without evidence it is the `expected` one.

    By script first (Chinese, Japanese, Korean against Latin), then, for Latin script, by function words. This is a
    guess good enough for a gate that looks at the share of foreign passages, not a language identifier.
    """
    sample = text[:_SAMPLE_CHARACTERS]
    if not _LETTER.search(sample):
        return expected
    if sample.isascii():
        return _latin_language(sample, expected)
    letters = len(_LETTER.findall(sample))
    latin = len(_LATIN.findall(sample))
    if latin < letters:
        han, kana, hangul = (len(pattern.findall(sample)) for pattern in (_HAN, _KANA, _HANGUL))
        # A Chinese character says as much as several Latin letters: names in Latin script do not outweigh it.
        if 4 * (han + kana + hangul) >= latin and han + kana + hangul > (letters - latin) / 2:
            return "ko" if hangul > han + kana else "ja" if kana * 10 > han + kana else "zh"
        if latin * 2 < letters:
            return "other" if expected in _FUNCTION_WORDS or expected in {"zh", "ja", "ko"} else expected
    return _latin_language(sample, expected)


def _latin_language(text: str, expected: str) -> str:
    hits = dict.fromkeys(_FUNCTION_WORDS, 0)
    # Different words are counted: a name that looks like a function word is often repeated.
    for word in _LANGUAGES_OF.keys() & set(text.lower().split()):
        for language in _LANGUAGES_OF[word]:
            hits[language] += 1
    best = max(hits, key=lambda language: hits[language])
    if expected in {"zh", "ja", "ko"}:
        return best if hits[best] >= 2 else "other"
    return best if hits[best] >= 3 and hits[best] > 2 * hits.get(expected, 0) else expected
