"""Heuristic quality filters after Gopher (Rae et al. 2021) and C4 (Raffel et al. 2020).

Every filter has its threshold in `QualitySettings`; a rejection gives the filter, the measured value and the limit.
Whole documents are checked first, then their passages: a good document may contain a bad table.
"""

import re
from collections.abc import Sequence

import numpy as np

from text2graph_dagster.corpus.deduplication.minhash import hash_windows
from text2graph_dagster.corpus.text.packing import TOKEN
from text2graph_dagster.settings import QualitySettings

ReasonAndDetail = tuple[str, str]  # the filter, and the measured value with its limit

RUN_TOKENS = 10  # length of the runs that are checked for repetition
_MIN_LINES, _MIN_TOKENS = 6, 100  # shares over fewer lines or tokens are not meaningful
_MIN_PASSAGE_TOKENS = 16
_ITEM = re.compile(r"\s*(?:[-*+•·▪●◦|]|\(?\d{1,3}[.)、])\s*\S")
# Combining vowel signs and accents are part of words, although they are not in Python's \w.
_SYMBOL = re.compile(
    r"[^\w\s\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u0670\u06d6-\u06ed\u0900-\u109f\u1780-\u17ff\u200c\u200d]"
)
_ASCII_SYMBOL = re.compile(r"[^\w\s]", re.ASCII)  # equals _SYMBOL on ASCII text and is faster


def check_document(text: str, settings: QualitySettings) -> ReasonAndDetail | None:
    """Return the filter that rejects a cleaned document and what was measured, or None if it passes."""
    lines = [line for line in text.split("\n") if line]
    if len(lines) >= _MIN_LINES:
        if (share := measure_repeated_lines(lines)) > settings.max_repeated_lines:
            return "repeated_lines", _over("characters in lines that repeat others", share, settings.max_repeated_lines)
        if (share := sum(map(bool, map(_ITEM.match, lines))) / len(lines)) > settings.max_list_lines:
            return "list_like", _over("lines that are items or rows", share, settings.max_list_lines)
    if len(text) >= 2 * _MIN_TOKENS or len(text) < 8 * settings.min_document_tokens:
        tokens = TOKEN.findall(text)
        if len(tokens) < settings.min_document_tokens:
            return "too_short", f"{len(tokens)} tokens; the least is {settings.min_document_tokens}"
        share = measure_repeated_runs(tokens) if len(tokens) >= _MIN_TOKENS else 0.0
        if share > settings.max_repeated_runs:
            what = f"tokens in runs of {RUN_TOKENS} that repeat others"
            return "repeated_runs", _over(what, share, settings.max_repeated_runs)
    return None


def check_passage(text: str, tokens: int, settings: QualitySettings) -> str | None:
    """Return the filter that rejects a passage with this number of tokens, or None if it passes."""
    if tokens < _MIN_PASSAGE_TOKENS:
        return None
    symbols = len((_ASCII_SYMBOL if text.isascii() else _SYMBOL).findall(text))
    if symbols > settings.max_symbols * len(text):
        return "symbols"
    # Chinese has no spaces between words, so distinct characters are counted instead.
    words = text.split()
    if 4 * len(words) < tokens:
        return "repetitive" if len(set(text)) < settings.min_distinct_words * min(len(text), 64) else None
    return "repetitive" if len(set(words)) < settings.min_distinct_words * min(len(words), 64) else None


def measure_repeated_lines(lines: Sequence[str]) -> float:
    """Return the share of characters in lines that repeat an earlier line."""
    total = sum(map(len, lines))
    return 1 - sum(map(len, set(lines))) / total


def measure_repeated_runs(tokens: Sequence[str]) -> float:
    """Return the share of tokens in runs of RUN_TOKENS tokens that repeat an earlier run."""
    numbers: dict[str, int] = {}
    ids = np.array([numbers.setdefault(token, len(numbers)) for token in tokens], dtype=np.uint64)
    hashes = hash_windows(ids, RUN_TOKENS)
    if len(hashes) < 2:
        return 0.0
    _, first = np.unique(hashes, return_index=True)
    again = np.ones(len(hashes), dtype=bool)
    again[first] = False
    covered = np.convolve(again, np.ones(RUN_TOKENS, dtype=np.int8)) > 0
    return float(covered.mean())


def _over(what: str, share: float, limit: float) -> str:
    return f"{share:.0%} {what}; at most {limit:.0%} may be"
