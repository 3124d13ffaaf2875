"""Character ranges of scripts without spaces between words, for use inside the brackets of a regular expression.

The sets differ slightly, and stored results depend on which set is used: do not replace one by another.
"""

KANA = "\u3040-\u30ff"  # hiragana and katakana
HANGUL = "\uac00-\ud7af"  # syllables
COMPATIBILITY_HAN = "\uf900-\ufaff"
SUPPLEMENTARY_HAN = "\U00020000-\U0003ffff"  # planes 2 and 3
UNIFIED_HAN = "\u3400-\u9fff"  # extension A, the 64 hexagram symbols (U+4DC0), unified ideographs
HAN = "\u3400-\u4dbf\u4e00-\u9fff" + COMPATIBILITY_HAN  # without the hexagram symbols

IDEOGRAPHS = KANA + UNIFIED_HAN + COMPATIBILITY_HAN  # each character has a word boundary on both sides
WIDE = "\u3000-\u30ff" + UNIFIED_HAN + "\uff00-\uffef"  # includes CJK punctuation and full-width forms
EAST_ASIAN_BLOCKS = "\u3040-\ufaff"  # from kana to compatibility ideographs, Hangul and everything else between
EAST_ASIAN = KANA + "\u3400-\ufaff"  # the same without U+3100 to U+33FF (bopomofo, enclosed and squared letters)
