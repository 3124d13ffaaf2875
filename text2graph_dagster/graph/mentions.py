"""Find the mentions of a name in a passage, on word boundaries."""

import re

from text2graph_dagster.graph.model import Span
from text2graph_dagster.unicode import IDEOGRAPHS

_IDEOGRAPH = re.compile(f"[{IDEOGRAPHS}]")


def find_occurrences(surface: str, text: str) -> tuple[Span, ...]:
    """Return every span of `text` that equals `surface` and begins and ends on a word boundary; none overlap."""
    if not surface:
        return ()
    spans: list[Span] = []
    start = text.find(surface)
    while start != -1:
        end = start + len(surface)
        if is_boundary(text, start) and is_boundary(text, end):
            spans.append(Span(start, end))
            start = text.find(surface, end)
        else:
            start = text.find(surface, start + 1)
    return tuple(spans)


def is_boundary(text: str, at: int) -> bool:
    """Tell whether a word could begin or end at offset `at`; ideographs and kana have a boundary on both sides."""
    if at <= 0 or at >= len(text):
        return True
    before, after = text[at - 1], text[at]
    if not (before.isalnum() and after.isalnum()):
        return True
    return bool(_IDEOGRAPH.match(before) or _IDEOGRAPH.match(after))
