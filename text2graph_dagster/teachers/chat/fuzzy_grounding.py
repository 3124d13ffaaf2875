"""Find a teacher's surface in the passage even if the model did not copy it exactly.

This is used for teachers only; a student is scored on what it writes (`legality.ground`). A model that was asked to
copy a name may still straighten quotes, drop an accent or correct a misprint. Such a surface is replaced by the
passage's spelling on three conditions: they differ in at most one character in eight, they have the same digits (1986
is not 1987), and exactly one spelling in the passage is nearest.
"""

import re
from functools import lru_cache

from rapidfuzz.distance import Levenshtein

from text2graph_dagster.graph.legality import GroundedSurface, fold, ground
from text2graph_dagster.graph.mentions import find_occurrences, is_boundary

CHARACTERS_PER_EDIT = 8
_DIGITS = re.compile(r"\d+")


@lru_cache(maxsize=1 << 12)
def ground_fuzzily(written: str, text: str) -> GroundedSurface | None:
    """Return what `legality.ground` finds, otherwise the nearest surface between word boundaries.

    Return None if no surface is near enough, or if two different spellings are equally near.
    """
    written = " ".join(written.split())
    if found := ground(written, text):
        return found
    edits = len(written) // CHARACTERS_PER_EDIT
    if not edits:
        return None
    best: dict[str, str] = {}  # folded form → spelling of the nearest surfaces
    for start, end in _windows(text, len(written) - edits, len(written) + edits):
        surface = text[start:end]
        distance = Levenshtein.distance(fold(surface), fold(written), score_cutoff=edits)
        if distance > edits or not _compatible(surface, written):
            continue
        if distance < edits:  # from here on, farther surfaces are skipped
            edits, best = distance, {}
        best.setdefault(fold(surface), surface)
    if len(best) != 1:
        return None
    (surface,) = best.values()
    return GroundedSurface(surface, find_occurrences(surface, text))


def _windows(text: str, min_length: int, max_length: int) -> list[tuple[int, int]]:
    """Return the spans of `text` between two word boundaries whose length is within bounds."""
    edges = [at for at in range(len(text) + 1) if is_boundary(text, at)]
    spans = []
    for first, start in enumerate(edges):
        for end in edges[first + 1 :]:
            if end - start > max_length:
                break
            if end - start >= min_length and not text[start].isspace() and not text[end - 1].isspace():
                spans.append((start, end))
    return spans


def _compatible(surface: str, written: str) -> bool:
    """Tell whether both have the same numbers, and begin (and end) alike: with an alphanumeric character or not."""
    return (
        _DIGITS.findall(surface) == _DIGITS.findall(written)
        and surface[0].isalnum() == written[0].isalnum()
        and surface[-1].isalnum() == written[-1].isalnum()
    )
