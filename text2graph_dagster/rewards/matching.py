"""Partial credit for spans: the one-to-one matching of inexact items with the largest total credit.

An exact item counts 1 and is matched beforehand. An inexact item counts at most `MAX_SPAN_CREDIT`, so two inexact items
never outweigh an exact one.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

from text2graph_dagster.rewards.canonical import Item, Triple
from text2graph_dagster.rewards.items import Ends
from text2graph_dagster.unicode import EAST_ASIAN

MAX_SPAN_CREDIT = 0.5
# A word, or one ideograph or kana: scripts without spaces are compared character by character.
_TOKEN = re.compile(rf"[{EAST_ASIAN}]|[^\W{EAST_ASIAN}]+")

Edges = dict[tuple[int, int], float]  # (index of a predicted item, index of a gold item) → credit


@lru_cache(maxsize=1 << 16)
def token_multiset(text: str) -> frozenset[tuple[str, int]]:
    """Return the tokens of a canonical text, each with the number of equal tokens before it."""
    seen: dict[str, int] = {}
    tokens = []
    for token in _TOKEN.findall(text):
        seen[token] = seen.get(token, -1) + 1
        tokens.append((token, seen[token]))
    return frozenset(tokens)


def token_f1(predicted: str, gold: str) -> float:
    """Return F1 over the tokens of two canonical texts, or 0 if it is below one half."""
    p, g = token_multiset(predicted), token_multiset(gold)
    size = len(p) + len(g)
    value = 2 * len(p & g) / size if size else 0.0
    return value if value >= 0.5 else 0.0


def partial_entity_credit(extra: Sequence[Item], missed: Sequence[Item], span_credit: float) -> float:
    """Return the credit of predicted entities that are not gold, matched with gold entities that were not predicted.

    An entity of the right type earns `span_credit` times the token F1 of its span.
    """
    by_type: dict[str, list[int]] = {}
    for j, (_, kind) in enumerate(missed):
        by_type.setdefault(kind, []).append(j)
    edges: Edges = {}
    for i, (text, kind) in enumerate(extra):
        for j in by_type.get(kind, ()):
            if credit := span_credit * token_f1(text, missed[j][0]):
                edges[i, j] = credit
    return max_weight_matching(edges)


def partial_relation_credit(
    extra: Sequence[Triple],
    missed: Sequence[tuple[Triple, Ends]],
    emitted: Collection[Item],
    span_credit: float,
    inverted: Mapping[str, str],
) -> float:
    """Return the same credit for relations; head and tail must be `emitted` as entities of the gold types."""
    if not extra or not missed:
        return 0.0
    index: dict[str, list[int]] = {}
    for j, ((head, _, tail), _) in enumerate(missed):
        for token, again in token_multiset(head) | token_multiset(tail):
            if not again:
                index.setdefault(token, []).append(j)
    edges: Edges = {}
    for i, predicted in enumerate(extra):
        tokens = token_multiset(predicted[0]) | token_multiset(predicted[2])
        symmetric = inverted.get(predicted[1]) == predicted[1]
        for j in {j for token, _ in tokens for j in index.get(token, ())}:
            if credit := _relation_credit(predicted, *missed[j], emitted, span_credit, symmetric):
                edges[i, j] = credit
    return max_weight_matching(edges)


def _relation_credit(
    predicted: Triple, gold: Triple, types: Ends, emitted: Collection[Item], span_credit: float, symmetric: bool
) -> float:
    """Return the credit of the head times that of the tail, or 0 if the relation types differ."""
    (first, kind, second), (head, gold_kind, tail) = predicted, gold
    if kind != gold_kind:
        return 0.0
    best = 0.0
    for h, t in ((first, second), (second, first)) if symmetric else ((first, second),):
        if (h, types[0]) in emitted and (t, types[1]) in emitted:
            best = max(best, _end_credit(h, head, span_credit) * _end_credit(t, tail, span_credit))
    return best


def _end_credit(predicted: str, gold: str, span_credit: float) -> float:
    """Return the credit of a head or tail: 1 if the texts are equal, else span credit times token F1."""
    return 1.0 if predicted == gold else span_credit * token_f1(predicted, gold)


def max_weight_matching(edges: Edges) -> float:
    """Return the largest total weight of a one-to-one matching (Kuhn 1955)."""
    rows, columns = (sorted({edge[side] for edge in edges}) for side in (0, 1))
    if len(edges) == len(rows) == len(columns):
        return sum(edges.values())
    if 1 in (len(rows), len(columns)):
        return max(edges.values())
    import numpy as np
    from scipy.optimize import linear_sum_assignment  # imported here: it is slow and only partial credit needs it

    row_of, column_of = ({number: k for k, number in enumerate(side)} for side in (rows, columns))
    weights = np.zeros((len(rows), len(columns)))
    for (i, j), weight in edges.items():
        weights[row_of[i], column_of[j]] = weight
    return float(weights[linear_sum_assignment(weights, maximize=True)].sum())
