"""Cleaning a document's text, with a way back from every character that is kept to where it came from.

Cleaning is a list of rules, a pattern and what takes its place each. `clean` applies them; `clean_with_map` applies the
same ones and notes where the characters come from, which is slower and only done when somebody asks.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from text2graph_dagster.graph.model import Span

# Unicode normalisation takes quadratic time over a run of combining marks: it is done on stretches of bounded length.
_STRETCH = re.compile(r"\S{1,1000}")
# Control characters, soft hyphens, zero-width spaces, byte order marks, directional marks and overrides, lone
# surrogates, non-characters, and the invisible tag characters: nothing of it is seen by a reader, all of it by a model.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
    "\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
# Two to four bytes of UTF-8, or several times so many, that were read as Latin-1 or Windows-1252.
_CONTINUATION = "\x80-\xbf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122"
_MOJIBAKE = re.compile(f"(?:[\xc2-\xf4][{_CONTINUATION}]{{1,3}})+")


def _repair(match: re.Match[str]) -> str:
    """Return what misread UTF-8 meant where ftfy is sure of it, else the same."""
    from ftfy import fix_encoding  # a tenth of a second, and only where something looks misread

    repaired: str = fix_encoding(match[0])
    return repaired


def _compose(match: re.Match[str]) -> str:
    return unicodedata.normalize("NFC", match[0])


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    replacement: str | Callable[[re.Match[str]], str]
    ascii_too: bool = True  # whether it may match in a text of nothing but ASCII


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


def clean(text: str) -> str:
    """Return `text` repaired, in NFC, without invisible characters, with single blanks and single blank lines.

    Words, punctuation and the order of lines stay as they are: only misread UTF-8, white space and invisible characters
    change. Lines end with `\\n`.
    """
    for rule in _RULES:
        if _applies(rule, text):
            text = rule.pattern.sub(rule.replacement, text)
    return text.strip()


@dataclass(frozen=True)
class OffsetMap:
    """For every character of a cleaned text, the first character it came from, and the one after the last."""

    starts: np.ndarray  # type: ignore[type-arg]
    ends: np.ndarray  # type: ignore[type-arg]

    def original(self, start: int, end: int) -> Span:
        """Return the stretch of the original text that [start, end) of the cleaned one came from.

        Raises:
            ValueError: it is no stretch of the cleaned text, or an empty one.
        """
        if not 0 <= start < end <= len(self.starts):
            raise ValueError(f"[{start}, {end}) is no stretch of a text of {len(self.starts)} characters")
        return Span(int(self.starts[start:end].min()), int(self.ends[start:end].max()))


def clean_with_map(text: str) -> tuple[str, OffsetMap]:
    """Return what `clean` returns, and the way back into `text`."""
    starts = np.arange(len(text), dtype=np.int64)
    ends = starts + 1
    for rule in _RULES:
        if not _applies(rule, text):
            continue
        pieces, taken = [], []  # the text, and the (start, end) of each of its characters
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
    """Yield (start, end, replacement) of all that a rule changes, in the smallest pieces."""
    for match in rule.pattern.finditer(text):
        new = rule.replacement if isinstance(rule.replacement, str) else rule.replacement(match)
        if new == match[0]:
            continue
        if rule.replacement is _compose:
            yield from _compositions(match[0], match.start(), new)
        else:
            yield match.start(), match.end(), new


def _compositions(stretch: str, offset: int, composed: str) -> Iterator[tuple[int, int, str]]:
    """Yield what NFC changes in a stretch, piece by piece; the whole stretch where the pieces do not add up."""
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
    """Tell whether NFC makes something else of `char` after `piece` than of the two alone (Hangul, for one)."""
    together = unicodedata.normalize("NFC", piece + char)
    return together != unicodedata.normalize("NFC", piece) + unicodedata.normalize("NFC", char)
