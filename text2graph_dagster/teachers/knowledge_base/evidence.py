"""Find the sentences of a passage that could state a relation between two of its entities."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import groupby

from text2graph_dagster.corpus.text.sentences import split_sentences
from text2graph_dagster.graph.model import Entity, Span

_SEPARATOR = r"\s*(?:[,;，]?\s*(?:and|or)\b|[,;、，&和与及或])\s*(?:the\s+)?"
_UNKNOWN_ITEM = r"[^\W\d_a-z][\w'’-]*(?: [^\W\d_a-z][\w'’-]*){0,3}"
_LIST_SEPARATOR = re.compile(rf"{_SEPARATOR}(?:{_UNKNOWN_ITEM}{_SEPARATOR}){{0,3}}")
_MIN_LIST = 3  # minimum number of items of one type: "Oslo, Rome and Lima"
_MIN_MIXED_LIST = 6  # fewer items of several types may be "Oslo, Norway, and Lima, Peru"

# Anaphors: words by which a sentence refers to an entity of the sentence before it.
_ANAPHORS = {
    "en": re.compile(
        r"\b(?:he|she|it|they|him|her|them|his|hers|its|their|theirs|himself|herself|itself|themselves"
        r"|the (?:company|firm|city|town|country|university|event|award|product|prize))\b",
        re.IGNORECASE,
    ),
    "zh": re.compile("[他她它其该]"),
}


class EvidenceFinder:
    """Finds the evidence of relations in one passage.

    Args:
        window: maximum number of consecutive sentences that a relation's evidence may span.
    """

    def __init__(self, text: str, language: str, entities: Sequence[Entity], window: int) -> None:
        self._spans = split_sentences(text, language)
        self._starts = [span.start for span in self._spans]
        self._enumerations = find_enumerations(text, entities)
        self._window = window
        anaphor = _ANAPHORS.get(language)
        self._refers_back = [anaphor is None or bool(anaphor.search(text, s.start, s.end)) for s in self._spans]

    def find(self, head: Entity, tail: Entity) -> Span | None:
        """Return the span of the sentences from one entity to the other, for their closest eligible mentions.

        Two mentions are not eligible in three cases: both are items of the same enumeration; they are `window` or more
        sentences apart; one of the later sentences does not refer back to the sentence before it. Return None if no
        mentions are eligible.
        """
        pairs = sorted(
            (
                abs(self._sentence(h) - self._sentence(t)),
                abs(h.start - t.start),
                h.start,
                self._sentence(h),
                self._sentence(t),
            )
            for h in head.mentions
            for t in tail.mentions
            if h.start not in self._enumerations or self._enumerations[h.start] != self._enumerations.get(t.start)
        )
        for distance, _, _, *numbers in pairs:
            if distance >= self._window or not self._spans:
                return None
            first, last = min(numbers), max(numbers)
            if all(self._refers_back[first + 1 : last + 1]):
                return Span(self._spans[first].start, self._spans[last].end)
        return None

    def _sentence(self, mention: Span) -> int:
        return max(0, bisect_right(self._starts, mention.start) - 1)


def find_enumerations(text: str, entities: Sequence[Entity]) -> dict[int, int]:
    """Return {start of a mention: number of its enumeration} for all mentions in enumerations.

    A sentence says the same about all items of an enumeration, but states no relation between two items.
    """
    mentions = sorted((m.start, m.end, e.type) for e in entities for m in e.mentions)
    runs: list[list[tuple[int, int, str]]] = []
    for mention in mentions:
        if runs and _LIST_SEPARATOR.fullmatch(text, runs[-1][-1][1], mention[0]):
            runs[-1].append(mention)
        else:
            runs.append([mention])
    lists: list[list[tuple[int, int, str]]] = []
    for run in runs:
        if len(run) >= _MIN_MIXED_LIST:
            lists.append(run)
        else:
            same_type = (list(items) for _, items in groupby(run, key=lambda m: m[2]))
            lists += [items for items in same_type if len(items) >= _MIN_LIST]
    return {start: number for number, items in enumerate(lists) for start, _, _ in items}
