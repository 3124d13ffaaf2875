"""Detect the encoding of a file: by byte order mark, as UTF-8, as UTF-16 without a mark, or else by statistics."""

import codecs
import re

from charset_normalizer import from_bytes

from text2graph_dagster.corpus.readers.documents import ExtractedText, Rejection

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is a prefix of this one
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# First bytes of binary files; they are checked regardless of the suffix.
_MAGIC = {
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\0": "an xz archive",
    b"%PDF-": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x7fELF": "a program",
    b"\xd0\xcf\x11\xe0": "an old Office file",
}
# Usual encodings of Western, Cyrillic, Chinese, Japanese and Korean files that are not Unicode; of equal matches the
# earlier one is taken. With all encodings of Python as candidates, the detector confuses the many one-byte code pages.
_CANDIDATES = ("cp1252", "gb18030", "big5", "shift_jis", "euc_jp", "euc_kr", "cp1251", "cp1250")
_MIN_COHERENCE = 0.1  # how language-like the letter frequencies must be; 40 of 40 articles in GB18030 pass
_MAX_CHAOS = 0.1  # how unusual the sequence of characters may be
_SAMPLE = 4_096
_NUL_SHARE = 0.5  # minimum share of NUL among every second byte, in UTF-16 without a mark
_DECLARED = re.compile(rb"""<(?:meta|\?xml)\b[^>]{0,200}?(?:charset|encoding)\s*=\s*["']?([\w-]{3,20})""", re.I)
# Declared encodings, and the encodings that browsers use instead.
_BROWSER_ENCODINGS = {"gb2312": "gb18030", "gbk": "gb18030", "iso8859-1": "cp1252", "ascii": "cp1252"}


def reject_binary(data: bytes) -> Rejection | None:
    """Reject the bytes of a known binary format (with an empty doc_id); return None for anything else."""
    kind = next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), None)
    return Rejection("", "unsupported_format", f"it is {kind}, whatever its name says") if kind else None


def decode_bytes(data: bytes) -> ExtractedText | Rejection:
    """Decode the bytes of a text file, or say what is wrong with them (with an empty doc_id).

    Ambiguous bytes are rejected, because a wrong guess would end up in the training data.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _decode_strictly(data[len(mark) :], encoding)
    utf8 = _decode_strictly(data, "utf-8")
    if isinstance(utf8, ExtractedText) and "\0" not in utf8.text:
        return utf8
    if b"\0" in data[:_SAMPLE]:
        unmarked = _detect_unmarked_utf16(data[:_SAMPLE])
        decoded = _decode_strictly(data, unmarked) if unmarked else utf8
        sure = isinstance(decoded, ExtractedText) and "\0" not in decoded.text
        return decoded if sure else Rejection("", "nul_character", "NUL bytes; this is no text")
    guess = _guess_encoding(data)
    return _decode_strictly(data, guess) if guess else utf8


def decode_html(data: bytes) -> ExtractedText | Rejection:
    """Decode a web page in its declared encoding; if that fails, decode it like `decode_bytes`."""
    declared = _DECLARED.search(data, 0, _SAMPLE)
    try:
        name = codecs.lookup(declared[1].decode()).name if declared else ""
    except LookupError:
        name = ""
    name = _BROWSER_ENCODINGS.get(name, name)
    if name in {*_CANDIDATES, "koi8-r", "iso8859-2", "iso8859-15"}:
        decoded = _decode_strictly(data, name)
        if isinstance(decoded, ExtractedText):
            return decoded
    return decode_bytes(data)


def _decode_strictly(data: bytes, encoding: str) -> ExtractedText | Rejection:
    try:
        return ExtractedText(data.decode(encoding), encoding)
    except UnicodeDecodeError as error:
        detail = f"byte {error.start} is not {encoding.upper()}; save the text as UTF-8"
        return Rejection("", "wrong_encoding", detail)


def _detect_unmarked_utf16(sample: bytes) -> str | None:
    """Return the byte order of UTF-16, or None: spaces and ASCII letters have a NUL byte, always on the same side."""
    half = len(sample) // 2
    high, low = sample[1::2].count(0), sample[::2].count(0)
    min_count = max(8, _NUL_SHARE * half)
    if high > min_count and low == 0:
        return "utf-16-le"
    return "utf-16-be" if low > min_count and high == 0 else None


def _guess_encoding(data: bytes) -> str | None:
    """Return the candidate encoding that the detector is sure of, or None."""
    matches = [
        match
        for match in from_bytes(data, cp_isolation=list(_CANDIDATES), enable_fallback=False)
        if match.chaos <= _MAX_CHAOS and match.coherence >= _MIN_COHERENCE and match.encoding in _CANDIDATES
    ]
    if not matches:
        return None
    best = matches[0]
    fits = [m.encoding for m in matches if m.chaos <= best.chaos and m.coherence >= best.coherence - 0.05]
    return min(fits, key=_CANDIDATES.index, default=best.encoding)
