"""Features of two entities of a passage: the words between and around their nearest mentions."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from text2graph_dagster.graph.model import Entity, Graph, Span
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.unicode import EAST_ASIAN_BLOCKS, IDEOGRAPHS

_TOKEN = re.compile(rf"[{IDEOGRAPHS}]|[^\W_{IDEOGRAPHS}]+|[^\w\s]")
_NO_SPACES = re.compile(f"[{EAST_ASIAN_BLOCKS}]")
_WINDOW = 3  # tokens before the first and after the second mention
_ENDING = re.compile("(?:ing|ed|es|s|d|e)$")
_STEM_LENGTH = 5  # characters; border, borders and bordering have the same stem
_STOP_WORD_LIST = """
    a an and are as at be been by did do does for from has have he her his in into is it its of on one or other out over
    she so that the their they this to two under up was were what when where which who whom whose with same each first
    second part thing place person
"""
_STOP_WORDS = frozenset(_STOP_WORD_LIST.split())


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage with its noisy graph."""

    passage_id: str
    text: str
    graph: Graph


@dataclass(frozen=True, slots=True)
class PairContext:
    """Tokens between two mentions and before the first; `inside` and `outside` are the stems between and around them.

    `ends` are the types of head and tail, and `types_between` the types of the entities between them. `forwards` is
    true if the head comes first.
    """

    between: tuple[str, ...]
    before: tuple[str, ...]
    inside: frozenset[str]
    outside: frozenset[str]
    types_between: tuple[str, ...]
    ends: tuple[str, str]
    forwards: bool


@dataclass(frozen=True, slots=True)
class EntityPair:
    """Head and tail entity of a passage, with evidence and features from their nearest mentions."""

    head: Entity
    tail: Entity
    evidence: Span
    features: tuple[str, ...]
    context: PairContext


def tokenise_words(text: str) -> list[str]:
    """Return the lower-case tokens of a text: words, single ideographs, punctuation marks."""
    return [token.lower() for token in _TOKEN.findall(text)]


def iterate_stems(tokens: Iterable[str]) -> Iterator[str]:
    """Yield the stems of content words, and the pairs of neighbouring ideographs."""
    last = ""
    for token in tokens:
        ideograph = len(token) == 1 and _NO_SPACES.match(token) is not None
        if ideograph and last:
            yield last + token
        last = token if ideograph else ""
        if not ideograph and token.isalpha() and len(token) > 2 and token not in _STOP_WORDS:
            yield _ENDING.sub("", token)[:_STEM_LENGTH]


def iterate_pairs(passage: Passage, ontology: Ontology) -> Iterator[EntityPair]:
    """Yield every ordered pair of entities that some relation may connect."""
    masked = _MaskedPassage.from_passage(passage)
    for head in passage.graph.entities:
        for tail in passage.graph.entities:
            if head.id != tail.id and ontology.may_relate(head.type, tail.type):
                pair = masked.find_nearest(head, tail)
                if pair is not None:
                    yield pair


@dataclass(frozen=True, slots=True)
class _MaskedPassage:
    """A passage's tokens, with every mention replaced by its entity type, and the positions of the mentions."""

    tokens: list[str]
    places: dict[int, list[tuple[int, Span]]]  # entity id → (token number, span)
    masks: list[tuple[int, str]]  # token number, entity type

    @classmethod
    def from_passage(cls, passage: Passage) -> "_MaskedPassage":
        spans = sorted(
            ((m, e) for e in passage.graph.entities for m in e.mentions), key=lambda pair: (pair[0].start, -pair[0].end)
        )
        tokens: list[str] = []
        places: dict[int, list[tuple[int, Span]]] = defaultdict(list)
        masks: list[tuple[int, str]] = []
        at = 0
        for span, entity in spans:
            if span.start < at:
                continue
            tokens += tokenise_words(passage.text[at : span.start])
            places[entity.id].append((len(tokens), span))
            masks.append((len(tokens), entity.type))
            tokens.append(f"<{entity.type}>")
            at = span.end
        return cls(tokens + tokenise_words(passage.text[at:]), places, masks)

    def find_nearest(self, head: Entity, tail: Entity) -> EntityPair | None:
        """Return the nearest mentions of two entities with their features; None if one has no mention."""
        heads, tails = self.places.get(head.id), self.places.get(tail.id)
        if not heads or not tails:
            return None
        (i, one), (j, other) = min(
            ((h, t) for h in heads for t in tails), key=lambda pair: (abs(pair[0][0] - pair[1][0]), pair[0][0])
        )
        first, second, direction = min(i, j), max(i, j), "→" if i < j else "←"
        between = self.tokens[first + 1 : second]
        before = (["^"] * _WINDOW + self.tokens[:first])[-_WINDOW:]
        after = (self.tokens[second + 1 :] + ["$"] * _WINDOW)[:_WINDOW]
        types = tuple(kind for number, kind in self.masks if first < number < second)
        outside = frozenset((*iterate_stems(before), *iterate_stems(after)))
        ends = (head.type, tail.type)
        inside = frozenset(iterate_stems(between))
        context = PairContext(tuple(between), tuple(before), inside, outside, types, ends, i < j)
        span = Span(min(one.start, other.start), max(one.end, other.end))
        return EntityPair(head, tail, span, tuple(_iterate_features(between, before, after, direction)), context)


def _iterate_features(between: list[str], before: list[str], after: list[str], direction: str) -> Iterator[str]:
    """Yield the words between and around two mentions, alone and in runs, with the direction from head to tail."""
    yield direction
    yield f"{direction}far{min(len(between) // 3, 5)}"
    yield from (f"{direction}in:{word}" for word in between)
    yield from (f"{direction}in:{a} {b}" for a, b in pairwise(between))
    yield f"{direction}all:{' '.join(between[:8])}"
    yield from (f"{direction}before{n}:{word}" for n, word in enumerate(before))
    yield from (f"{direction}after{n}:{word}" for n, word in enumerate(after))
    yield f"{direction}before:{' '.join(before[-2:])}"
    yield f"{direction}after:{' '.join(after[:2])}"
    yield f"{direction}from:{before[-1]} {' '.join(between[:6])}"
    yield f"{direction}to:{' '.join(between[-6:])} {' '.join(after[:2])}"
