"""Finding the encoding of a file: by its byte order mark, as UTF-8, as UTF-16, and last by statistics."""

import codecs
import re
from dataclasses import dataclass

from charset_normalizer import from_bytes

from text2graph_dagster.corpus.readers.documents import Rejection

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins like UTF-16's mark, so it is asked first
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What Western, Cyrillic, Chinese, Japanese and Korean files are in if they are not in Unicode; earlier ones are taken
# where two fit equally well. Among all that Python knows, the detector confuses the many one-byte code pages.
_CANDIDATES = ("cp1252", "gb18030", "big5", "shift_jis", "euc_jp", "euc_kr", "cp1251", "cp1250")
_COHERENCE = 0.1  # how much the letters must be distributed as in a language; 40 of 40 articles in GB18030 pass
_CHAOS = 0.1  # how odd the sequence of characters may look
_SAMPLE = 4_096
_NUL_SHARE = 0.5  # of every second byte, in UTF-16 without a mark
_DECLARED = re.compile(rb"""<(?:meta|\?xml)\b[^>]{0,200}?(?:charset|encoding)\s*=\s*["']?([\w-]{3,20})""", re.I)
_MEANT = {"gb2312": "gb18030", "gbk": "gb18030", "iso8859-1": "cp1252", "ascii": "cp1252"}  # as browsers read them


@dataclass(frozen=True, slots=True)
class Decoded:
    """A file's text without its byte order mark, and how it was encoded."""

    text: str
    encoding: str


def decode(data: bytes) -> Decoded | Rejection:
    """Return the text of a file and its encoding, or what is wrong (with an empty doc_id).

    What could be read in several ways, none of them clearly right, is refused: a wrong guess would be taught.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _strict(data[len(mark) :], encoding)
    utf8 = _strict(data, "utf-8")
    if isinstance(utf8, Decoded) and "\0" not in utf8.text:
        return utf8
    if b"\0" in data[:_SAMPLE]:
        unmarked = _utf16_without_mark(data[:_SAMPLE])
        decoded = _strict(data, unmarked) if unmarked else utf8
        sure = isinstance(decoded, Decoded) and "\0" not in decoded.text
        return decoded if sure else Rejection("", "nul_character", "NUL bytes; this is no text")
    guess = _guess(data)
    return _strict(data, guess) if guess else utf8


def decode_page(data: bytes) -> Decoded | Rejection:
    """Return the text of a web page: in the encoding that it declares if it is in that, else as `decode` finds it."""
    declared = _DECLARED.search(data, 0, _SAMPLE)
    try:
        name = codecs.lookup(declared[1].decode()).name if declared else ""
    except LookupError:
        name = ""
    name = _MEANT.get(name, name)
    if name in {*_CANDIDATES, "koi8-r", "iso8859-2", "iso8859-15"} and isinstance(read := _strict(data, name), Decoded):
        return read
    return decode(data)


def _strict(data: bytes, encoding: str) -> Decoded | Rejection:
    try:
        return Decoded(data.decode(encoding), encoding)
    except UnicodeDecodeError as error:
        detail = f"byte {error.start} is not {encoding.upper()}; save the text as UTF-8"
        return Rejection("", "wrong_encoding", detail)


def _utf16_without_mark(sample: bytes) -> str | None:
    """Tell UTF-16 by where its NUL bytes stand: blanks and ASCII letters have one on one side, always the same."""
    half = len(sample) // 2
    high, low = sample[1::2].count(0), sample[::2].count(0)
    least = max(8, _NUL_SHARE * half)
    if high > least and low == 0:
        return "utf-16-le"
    return "utf-16-be" if low > least and high == 0 else None


def _guess(data: bytes) -> str | None:
    """Return the candidate that the detector is sure of, if there is one."""
    matches = [
        match
        for match in from_bytes(data, cp_isolation=list(_CANDIDATES), enable_fallback=False)
        if match.chaos <= _CHAOS and match.coherence >= _COHERENCE and match.encoding in _CANDIDATES
    ]
    if not matches:
        return None
    best = matches[0]
    fits = [m.encoding for m in matches if m.chaos <= best.chaos and m.coherence >= best.coherence - 0.05]
    return min(fits, key=_CANDIDATES.index, default=best.encoding)
