"""Is this text worth learning from? Cheap measures after Gopher (Rae et al. 2021) and C4 (Raffel et al. 2020).

Each measure has its threshold in `QualitySettings`; what is refused says which one, what was measured, and the limit.
Documents are judged as a whole, passages one by one: a good document may hold a bad table.
"""

import re
from collections.abc import Sequence

import numpy as np

from text2graph_dagster.corpus.deduplication.minhash import window_hashes
from text2graph_dagster.corpus.text.packing import TOKEN
from text2graph_dagster.settings import QualitySettings

Verdict = tuple[str, str]  # the reason in one word, and what was measured

RUN = 10  # tokens that a repeated run has at least
_LEAST_LINES, _LEAST_TOKENS = 6, 100  # shares of less than so much say nothing
_LEAST_PASSAGE_TOKENS = 16
_ITEM = re.compile(r"\s*(?:[-*+•·▪●◦|]|\(?\d{1,3}[.)、])\s*\S")
# Vowel signs and accents that stand for themselves are part of words, though Python's \w does not know them.
_SYMBOL = re.compile(
    r"[^\w\s\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u0670\u06d6-\u06ed\u0900-\u109f\u1780-\u17ff\u200c\u200d]"
)
_ASCII_SYMBOL = re.compile(r"[^\w\s]", re.ASCII)  # the same on ASCII, and faster


def judge_document(text: str, settings: QualitySettings) -> Verdict | None:
    """Return why a cleaned document is not worth learning from, or None."""
    lines = [line for line in text.split("\n") if line]
    if len(lines) >= _LEAST_LINES:
        if (share := repeated_lines(lines)) > settings.max_repeated_lines:
            return "repeated_lines", _over("characters in lines that repeat others", share, settings.max_repeated_lines)
        if (share := sum(map(bool, map(_ITEM.match, lines))) / len(lines)) > settings.max_list_lines:
            return "list_like", _over("lines that are items or rows", share, settings.max_list_lines)
    if len(text) >= 2 * _LEAST_TOKENS or len(text) < 8 * settings.min_document_tokens:
        tokens = TOKEN.findall(text)
        if len(tokens) < settings.min_document_tokens:
            return "too_short", f"{len(tokens)} tokens; the least is {settings.min_document_tokens}"
        share = repeated_runs(tokens) if len(tokens) >= _LEAST_TOKENS else 0.0
        if share > settings.max_repeated_runs:
            what = f"tokens in runs of {RUN} that repeat others"
            return "repeated_runs", _over(what, share, settings.max_repeated_runs)
    return None


def judge_passage(text: str, tokens: int, settings: QualitySettings) -> str | None:
    """Return why a passage of so many tokens is not worth learning from, or None; some microseconds."""
    if tokens < _LEAST_PASSAGE_TOKENS:
        return None
    symbols = len((_ASCII_SYMBOL if text.isascii() else _SYMBOL).findall(text))
    if symbols > settings.max_symbols * len(text):
        return "symbols"
    # Chinese has no blanks between words: there it is characters that are counted.
    words = text.split()
    if 4 * len(words) < tokens:
        return "repetitive" if len(set(text)) < settings.min_distinct_words * min(len(text), 64) else None
    return "repetitive" if len(set(words)) < settings.min_distinct_words * min(len(words), 64) else None


def repeated_lines(lines: Sequence[str]) -> float:
    """Return the share of characters that stand in lines which stood before."""
    total = sum(map(len, lines))
    return 1 - sum(map(len, set(lines))) / total


def repeated_runs(tokens: Sequence[str]) -> float:
    """Return the share of tokens that stand in runs of RUN tokens which stood before."""
    numbers: dict[str, int] = {}
    ids = np.array([numbers.setdefault(token, len(numbers)) for token in tokens], dtype=np.uint64)
    hashes = window_hashes(ids, RUN)
    if len(hashes) < 2:
        return 0.0
    _, first = np.unique(hashes, return_index=True)
    again = np.ones(len(hashes), dtype=bool)
    again[first] = False
    covered = np.convolve(again, np.ones(RUN, dtype=np.int8)) > 0
    return float(covered.mean())


def _over(what: str, share: float, limit: float) -> str:
    return f"{share:.0%} {what}; at most {limit:.0%} may be"
