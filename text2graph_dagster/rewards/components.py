"""The components of the reward: one pure function each, named as in `COMPONENTS` and in the setting `grpo.weights`.

The components in `PENALTIES` lie in [-1, 0], the others in [0, 1]. To add one: write its function here, list it in
`COMPONENTS`, compute it in `scoring.score_completion`, give it a weight in the settings and a column in the table
`rollouts`.

F1 counts the items that pass these tests of the legality filter: the type is requested, every span is in the passage,
and the relation is allowed between its head and tail. Users do not see the other items; `grounding` and `schema_legal`
penalise them. A relation earns credit only if its head and tail are emitted as entities with the right type and no
wrong type. Otherwise it still counts as predicted. So it never pays to add an item as a hedge, or to leave out an
entity to make its relation cost less.
"""

from collections import Counter
from collections.abc import Collection

from text2graph_dagster.graph.model import ParsedGraph
from text2graph_dagster.rewards.canonical import Item, Triple
from text2graph_dagster.rewards.items import Ends, GoldItems, ParsedAnswer, RewardRequest
from text2graph_dagster.rewards.matching import partial_entity_credit, partial_relation_credit

PENALTIES = ("spurious", "grounding", "schema_legal", "verbosity")
COMPONENTS = ("json_valid", "format", "entity_f1", "relation_f1", *PENALTIES)


def json_valid(completion: str, parsed: ParsedGraph, thinking: bool) -> float:
    """Return 1 if the completion (after its rationale, if `thinking`) is exactly one graph in a wire form."""
    return float(parsed.strict and (thinking or not completion.lstrip().startswith("<think>")))


def format_valid(completion: str, parsed: ParsedGraph) -> float:
    """Return 1 if the completion is one closed, non-empty think block, then the object, and nothing else; else 0."""
    once = completion.count("<think>") == completion.count("</think>") == 1
    return float(parsed.strict and once and bool(parsed.rationale) and completion.lstrip().startswith("<think>"))


def entity_f1(answer: ParsedAnswer, gold: GoldItems, span_credit: float = 0.0) -> float:
    """Return F1 over (text, type), matched one to one; a repeated item matches once."""
    predicted = set(answer.entities)
    exact = gold.entities & predicted
    right = float(len(exact))
    if span_credit:
        right += partial_entity_credit(sorted(predicted - exact), sorted(gold.entities - exact), span_credit)
    return reward_f1(right, len(answer.entities), len(gold.entities))


def relation_f1(right: float, answer: ParsedAnswer, gold: GoldItems) -> float:
    """Return F1 over (head, type, tail); `right` is the sum of both values that `match_relations` returns."""
    return reward_f1(right, len(answer.relations), gold.relation_count)


def spurious(exact: int, answer: ParsedAnswer, gold: GoldItems) -> float:
    """Return minus the number of relations not in gold (partly right ones included) per gold relation, at least -1.

    The reported F1 is computed over all passages, so a wrong relation always lowers it. The F1 of a single passage does
    not penalise a wrong guess if an empty answer would earn nothing either. If this component has weight w and
    `relation_f1` has weight v, one guess at a passage's only relation pays if it is right with a probability above
    w / (v + w).
    """
    return penalty(len(answer.relations) - exact, gold.relation_count)


def grounding(answer: ParsedAnswer, gold_size: int) -> float:
    """Return minus the number of items with a span that is not in the passage per gold item, at least -1."""
    return penalty(answer.ungrounded, gold_size)


def schema_legal(answer: ParsedAnswer, gold_size: int) -> float:
    """Return minus the number of illegal items (see `ParsedAnswer`) per gold item, at least -1."""
    return penalty(answer.illegal, gold_size)


def verbosity(answer_size: int, gold_size: int) -> float:
    """Return -max(0, answer - gold - 1) / (gold + 1), at least -1; it discourages answers that only raise recall."""
    return -min(1.0, max(0, answer_size - gold_size - 1) / (gold_size + 1))


def reward_f1(right: float, predicted: int, gold: int) -> float:
    """Return F1 from counts, or 1 / (1 + predicted) if there is no gold, so that an empty answer to it earns 1."""
    return 2 * right / (predicted + gold) if gold else 1 / (1 + predicted)


def penalty(bad: float, gold: int) -> float:
    """Return minus the number of bad items per gold item, at least -1.

    It is not divided by the number of predicted items, because one more wrong item would then dilute the others.
    """
    return -min(1.0, bad / max(1, gold))


def match_relations(answer: ParsedAnswer, request: RewardRequest, span_credit: float = 0.0) -> tuple[int, float]:
    """Return (number of right relations, credit of partly right relations), matched with gold one to one.

    Head and tail must be among `valid_ends` and have the gold types.
    """
    emitted, counts, gold = valid_ends(answer, request.gold), Counter(answer.relations), request.gold.relations
    exact: dict[Triple, list[Ends]] = {}
    for triple, times in counts.items():
        if types := gold.get(triple):
            head, _, tail = triple
            exact[triple] = [e for e in _in_order(types) if (head, e[0]) in emitted and (tail, e[1]) in emitted][:times]
    right = sum(map(len, exact.values()))
    if not span_credit or right == request.gold.relation_count:
        return right, 0.0
    none: list[Ends] = []
    missed = [
        (triple, e)
        for triple, types in gold.items()
        if len(found := exact.get(triple, none)) < len(types)
        for e in _in_order(types)
        if e not in found
    ]
    inexact = sorted(counts.keys() - gold.keys())
    return right, partial_relation_credit(inexact, missed, emitted, span_credit, request.inverted)


def _in_order(types: frozenset[Ends]) -> Collection[Ends]:
    return types if len(types) == 1 else sorted(types)


def valid_ends(answer: ParsedAnswer, gold: GoldItems) -> set[Item]:
    """Return the entities that may be a head or tail: those whose text is not also emitted under another, wrong type.

    Otherwise, an answer could emit a name under every type, and its relations would always have the right types.
    """
    predicted = set(answer.entities)
    wrong: dict[str, set[str]] = {}
    for text, kind in predicted - gold.entities:
        wrong.setdefault(text, set()).add(kind)
    return {e for e in predicted if e[0] not in wrong or wrong[e[0]] == {e[1]}}
