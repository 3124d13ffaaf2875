"""Partial credit: how alike two items are, and the one-to-one matching of items that is worth most.

An exact item is worth 1 and is matched beforehand; whatever stands here is worth at most `MAX_CREDIT` each, so that no
two half-right items can take the place of a right one.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from text2graph_dagster.unicode import EAST_ASIAN

MAX_CREDIT = 0.5
# A word, or one ideograph or kana: scripts without spaces are compared character by character.
_TOKEN = re.compile(rf"[{EAST_ASIAN}]|[^\W{EAST_ASIAN}]+")

Item = tuple[str, str]  # canonical text, type
Triple = tuple[str, str, str]  # canonical head, type, canonical tail
Ends = tuple[str, str]  # types of head and tail
Edges = dict[tuple[int, int], float]  # (number of an answer's item, number of a gold item) → how alike they are


@dataclass(frozen=True, slots=True)
class Credit:
    """What is partly right earns, as a share of what is right; each in [0, `MAX_CREDIT`], 0: nothing.

    `span`: an entity of the right type, or an end of a relation, whose span overlaps the right one, times their token
    F1. `type`: an entity of the right type on a wrong span. `pair`: a relation between the right ends under another
    type.
    """

    span: float = 0.0
    type: float = 0.0
    pair: float = 0.0

    def __post_init__(self) -> None:
        if not all(0 <= share <= MAX_CREDIT for share in (self.span, self.type, self.pair)):
            raise ValueError(f"{self} has a share outside [0, {MAX_CREDIT}]")

    def __bool__(self) -> bool:
        return bool(self.span or self.type or self.pair)


NO_CREDIT = Credit()


@lru_cache(maxsize=1 << 16)
def bag(text: str) -> frozenset[tuple[str, int]]:
    """Return the tokens of a canonical text, the second of two equal ones numbered 1 and so on."""
    seen: dict[str, int] = {}
    tokens = []
    for token in _TOKEN.findall(text):
        seen[token] = seen.get(token, -1) + 1
        tokens.append((token, seen[token]))
    return frozenset(tokens)


def token_f1(predicted: str, gold: str) -> float:
    """F1 over the tokens of two canonical texts; 0 below one half."""
    p, g = bag(predicted), bag(gold)
    size = len(p) + len(g)
    value = 2 * len(p & g) / size if size else 0.0
    return value if value >= 0.5 else 0.0


def matched_entities(extra: Sequence[Item], missed: Sequence[Item], credit: Credit) -> float:
    """Return what entities of an answer that gold lacks are worth, beside gold's that the answer lacks."""
    by_type: dict[str, list[int]] = {}
    for j, (_, kind) in enumerate(missed):
        by_type.setdefault(kind, []).append(j)
    edges: Edges = {}
    for i, (text, kind) in enumerate(extra):
        for j in by_type.get(kind, ()):
            if likeness := max(credit.span * token_f1(text, missed[j][0]), credit.type):
                edges[i, j] = likeness
    return best_matching(edges)


def matched_relations(
    extra: Sequence[Triple],
    missed: Sequence[tuple[Triple, Ends]],
    emitted: Collection[Item],
    credit: Credit,
    turned: Mapping[str, str],
) -> float:
    """Return the same of relations; their ends must be `emitted` as entities of the gold ends' types."""
    if not extra or not missed:
        return 0.0
    index: dict[str, list[int]] = {}
    for j, ((head, _, tail), _) in enumerate(missed):
        for token, again in bag(head) | bag(tail):
            if not again:
                index.setdefault(token, []).append(j)
    edges: Edges = {}
    for i, predicted in enumerate(extra):
        near = {j for token, _ in bag(predicted[0]) | bag(predicted[2]) for j in index.get(token, ())}
        for j in near:
            if likeness := _relation_likeness(predicted, *missed[j], emitted, credit, turned):
                edges[i, j] = likeness
    return best_matching(edges)


def _relation_likeness(
    predicted: Triple, gold: Triple, ends: Ends, emitted: Collection[Item], credit: Credit, turned: Mapping[str, str]
) -> float:
    """Return the product over both ends of 1 (equal) or span credit x token F1; across types, times the pair credit."""
    (first, kind, second), (head, gold_kind, tail) = predicted, gold
    share = 1.0 if kind == gold_kind else credit.pair
    if not share:
        return 0.0
    best = 0.0
    undirected = turned.get(kind) == kind or turned.get(gold_kind) == gold_kind
    for h, t in ((first, second), (second, first)) if undirected else ((first, second),):
        if (h, ends[0]) in emitted and (t, ends[1]) in emitted:
            best = max(best, share * _end(h, head, credit.span) * _end(t, tail, credit.span))
    return best


def _end(predicted: str, gold: str, credit: float) -> float:
    return 1.0 if predicted == gold else credit * token_f1(predicted, gold)


def best_matching(edges: Edges) -> float:
    """Return the largest sum of a one-to-one matching (Kuhn 1955)."""
    rows, columns = (sorted({edge[side] for edge in edges}) for side in (0, 1))
    if len(edges) == len(rows) == len(columns):
        return sum(edges.values())
    if 1 in (len(rows), len(columns)):
        return max(edges.values())
    import numpy as np
    from scipy.optimize import linear_sum_assignment  # only partial credit needs it, and importing it takes a while

    row_of, column_of = ({number: k for k, number in enumerate(side)} for side in (rows, columns))
    worth = np.zeros((len(rows), len(columns)))
    for (i, j), value in edges.items():
        worth[row_of[i], column_of[j]] = value
    return float(worth[linear_sum_assignment(worth, maximize=True)].sum())
