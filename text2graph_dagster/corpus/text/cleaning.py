"""Clean the text of a document, optionally with a map from every kept character to its source offsets.

Cleaning is a list of substitution rules. `clean_text` applies them; `clean_with_map` applies the same rules and tracks
offsets, which is slower and done only on demand.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from text2graph_dagster.graph.model import Span

# Unicode normalisation is quadratic in the length of a run of combining marks, so it is applied to bounded stretches.
_STRETCH = re.compile(r"\S{1,1000}")
# Control characters, soft hyphens, zero-width spaces, byte order marks, directional marks and overrides, lone
# surrogates, non-characters and tag characters: invisible to a reader, but not to a model.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
    "\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
# One or more UTF-8 sequences of two to four bytes that were decoded as Latin-1 or Windows-1252.
_CONTINUATION = "\x80-\xbf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122"
_MOJIBAKE = re.compile(f"(?:[\xc2-\xf4][{_CONTINUATION}]{{1,3}})+")


def _repair(match: re.Match[str]) -> str:
    """Repair UTF-8 that was decoded with the wrong encoding if ftfy is sure; otherwise, leave it."""
    from ftfy import fix_encoding  # the import takes 0.1 s and is needed only for suspicious text

    repaired: str = fix_encoding(match[0])
    return repaired


def _compose(match: re.Match[str]) -> str:
    return unicodedata.normalize("NFC", match[0])


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    replacement: str | Callable[[re.Match[str]], str]
    ascii_too: bool = True  # whether it can match in pure ASCII text


_RULES = (
    _Rule(_MOJIBAKE, _repair, ascii_too=False),
    _Rule(re.compile(r"\r\n?|[\x0b\x85\u2028]"), "\n"),
    _Rule(re.compile(r"[\x0c\u2029]"), "\n\n"),
    _Rule(_INVISIBLE, ""),
    _Rule(_STRETCH, _compose, ascii_too=False),
    _Rule(re.compile(r"[^\S\n ]"), " "),
    _Rule(re.compile(" {2,}"), " "),
    _Rule(re.compile(" \n"), "\n"),
    _Rule(re.compile("\n "), "\n"),
    _Rule(re.compile(r"\n{3,}"), "\n\n"),
)


def clean_text(text: str) -> str:
    """Return `text` in NFC with mojibake repaired, invisible characters removed and white space collapsed.

    Words, punctuation and the order of lines do not change. Runs of spaces become one space, runs of blank lines one
    blank line; lines end with `\\n`.
    """
    for rule in _RULES:
        if _applies(rule, text):
            text = rule.pattern.sub(rule.replacement, text)
    return text.strip()


@dataclass(frozen=True)
class OffsetMap:
    """Source offsets [start, end) in the original text for every character of a cleaned text."""

    starts: np.ndarray  # type: ignore[type-arg]
    ends: np.ndarray  # type: ignore[type-arg]

    def source_span(self, start: int, end: int) -> Span:
        """Return the span of the original text from which [start, end) of the cleaned text was made.

        Raises:
            ValueError: [start, end) is empty or not inside the cleaned text.
        """
        if not 0 <= start < end <= len(self.starts):
            raise ValueError(f"[{start}, {end}) is not a span of a text of {len(self.starts)} characters")
        return Span(int(self.starts[start:end].min()), int(self.ends[start:end].max()))


def clean_with_map(text: str) -> tuple[str, OffsetMap]:
    """Return what `clean_text` returns, and the map back to offsets in `text`."""
    starts = np.arange(len(text), dtype=np.int64)
    ends = starts + 1
    for rule in _RULES:
        if not _applies(rule, text):
            continue
        pieces, taken = [], []  # the new text, and the source offsets of its characters
        at = 0
        for start, end, replacement in _replacements(rule, text):
            pieces += [text[at:start], replacement]
            taken.append((starts[at:start], ends[at:start]))
            count = len(replacement)
            taken.append((np.full(count, starts[start:end].min()), np.full(count, ends[start:end].max())))
            at = end
        taken.append((starts[at:], ends[at:]))
        text = "".join([*pieces, text[at:]])
        starts, ends = (np.concatenate(column) for column in zip(*taken, strict=True))
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    return text.strip(), OffsetMap(starts[first:last], ends[first:last])


def _applies(rule: _Rule, text: str) -> bool:
    if rule.replacement is _compose:
        return not text.isascii() and not unicodedata.is_normalized("NFC", text)
    return rule.ascii_too or not text.isascii()


def _replacements(rule: _Rule, text: str) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, replacement) for every change of a rule, in the smallest possible pieces."""
    for match in rule.pattern.finditer(text):
        new = rule.replacement if isinstance(rule.replacement, str) else rule.replacement(match)
        if new == match[0]:
            continue
        if rule.replacement is _compose:
            yield from _compositions(match[0], match.start(), new)
        else:
            yield match.start(), match.end(), new


def _compositions(stretch: str, offset: int, composed: str) -> Iterator[tuple[int, int, str]]:
    """Yield the changes of NFC piece by piece, or one change of the whole stretch if the pieces give another result."""
    pieces: list[str] = []
    for char in stretch:
        if pieces and (unicodedata.combining(char) or _compose_two(pieces[-1], char)):
            pieces[-1] += char
        else:
            pieces.append(char)
    normal = [unicodedata.normalize("NFC", piece) for piece in pieces]
    if "".join(normal) != composed:
        yield offset, offset + len(stretch), composed
        return
    for piece, new in zip(pieces, normal, strict=True):
        if piece != new:
            yield offset, offset + len(piece), new
        offset += len(piece)


def _compose_two(piece: str, char: str) -> bool:
    """Tell whether NFC composes `char` with `piece` (Hangul syllables, for example)."""
    together = unicodedata.normalize("NFC", piece + char)
    return together != unicodedata.normalize("NFC", piece) + unicodedata.normalize("NFC", char)
