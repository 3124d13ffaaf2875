"""Where a large model's surface stands in the passage, though it did not copy it exactly.

For teachers only: a student is judged by what it writes (`decoding.ground`). A model that was asked to copy a name
still straightens its quotes, drops an accent or mends a misprint. Such a surface is taken for the passage's own writing
where they differ in at most one character in eight, digits not at all (1986 is not 1987), and where just one place of
the passage is nearest to it.
"""

import re
from functools import lru_cache

from rapidfuzz.distance import Levenshtein

from text2graph_dagster.graph.legality import Grounded, fold, ground
from text2graph_dagster.graph.mentions import is_boundary, occurrences

CHARACTERS_PER_EDIT = 8
_DIGITS = re.compile(r"\d+")


@lru_cache(maxsize=1 << 12)
def ground_fuzzily(written: str, text: str) -> Grounded | None:
    """Find a surface as `decoding.ground` does, else the one nearest to it on word boundaries; None if there is none.

    Two places that are equally near but written differently are no place.
    """
    written = " ".join(written.split())
    if found := ground(written, text):
        return found
    edits = len(written) // CHARACTERS_PER_EDIT
    if not edits:
        return None
    best: dict[str, str] = {}  # how the nearest places are written, by their folded form
    for start, end in _windows(text, len(written) - edits, len(written) + edits):
        surface = text[start:end]
        distance = Levenshtein.distance(fold(surface), fold(written), score_cutoff=edits)
        if distance > edits or not _alike(surface, written):
            continue
        if distance < edits:  # whatever is no nearer is out of the running from here on
            edits, best = distance, {}
        best.setdefault(fold(surface), surface)
    if len(best) != 1:
        return None
    (surface,) = best.values()
    return Grounded(surface, occurrences(surface, text))


def _windows(text: str, shortest: int, longest: int) -> list[tuple[int, int]]:
    """Return the places of `text` between two word boundaries that are neither too short nor too long."""
    edges = [at for at in range(len(text) + 1) if is_boundary(text, at)]
    places = []
    for first, start in enumerate(edges):
        for end in edges[first + 1 :]:
            if end - start > longest:
                break
            if end - start >= shortest and not text[start].isspace() and not text[end - 1].isspace():
                places.append((start, end))
    return places


def _alike(surface: str, written: str) -> bool:
    """Tell whether both say the same numbers and begin and end alike, in a word or in a mark."""
    return (
        _DIGITS.findall(surface) == _DIGITS.findall(written)
        and surface[0].isalnum() == written[0].isalnum()
        and surface[-1].isalnum() == written[-1].isalnum()
    )
