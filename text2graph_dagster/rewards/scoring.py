"""The reward of a completion: the weighted sum of its components.

Tests assert these properties with and without partial credit: the order of items does not matter, adding a wrong item
never helps, removing a right one never helps, repetition never helps, and no completion raises an exception.
"""

from collections.abc import Mapping

from text2graph_dagster.graph.model import ParsedGraph
from text2graph_dagster.rewards.components import (
    COMPONENTS,
    PENALTIES,
    entity_f1,
    format_valid,
    grounding,
    json_valid,
    match_relations,
    relation_f1,
    schema_legal,
    spurious,
    verbosity,
)
from text2graph_dagster.rewards.items import RewardRequest, parse_completion, to_parsed_answer
from text2graph_dagster.rewards.matching import MAX_SPAN_CREDIT


def score_completion(
    completion: str,
    request: RewardRequest,
    weights: Mapping[str, float],
    *,
    span_credit: float = 0.0,
    untidy: float = 0.0,
    thinking: bool = False,
) -> dict[str, float]:
    """Return every component, `total`, and the number of predicted and gold entities and relations.

    `total` lies between minus the sum of the four penalties' weights and the sum of the other weights. A completion
    that cannot be parsed earns nothing and gets the full penalties, so it is never better than an empty answer.

    Args:
        weights: a weight, at least 0, for each of `COMPONENTS`.
        span_credit: at most one half; an item whose span overlaps the gold span earns this times their token F1.
        untidy: share of F1 that an answer keeps if it is readable but not exactly one object of the right shape.
        thinking: whether a rationale is requested; if not, `format` is 0.

    Raises:
        ValueError: `span_credit` is out of range.
    """
    if not 0 <= span_credit <= MAX_SPAN_CREDIT:
        raise ValueError(f"span_credit is {span_credit}; it must be from 0 to {MAX_SPAN_CREDIT}.")
    parsed = parse_completion(completion)
    parts = dict.fromkeys(COMPONENTS, 0.0)
    if parsed is None:
        parts |= dict.fromkeys(PENALTIES, -1.0)
    else:
        parts |= _compute_components(completion, parsed, request, span_credit, untidy, thinking)
    total = sum(weights[name] * value for name, value in parts.items())
    return parts | {
        "total": total,
        "predicted_entities": float(len(parsed.entities)) if parsed else 0.0,
        "predicted_relations": float(len(parsed.relations)) if parsed else 0.0,
        "gold_entities": float(len(request.gold.entities)),
        "gold_relations": float(request.gold.relation_count),
    }


def _compute_components(
    completion: str, parsed: ParsedGraph, request: RewardRequest, span_credit: float, untidy: float, thinking: bool
) -> dict[str, float]:
    answer, gold = to_parsed_answer(parsed, request), request.gold
    gold_size = len(gold.entities) + gold.relation_count
    exact, partly = match_relations(answer, request, span_credit)
    valid = json_valid(completion, parsed, thinking)
    kept = 1.0 if valid else untidy
    return {
        "json_valid": valid,
        "format": format_valid(completion, parsed) if thinking else 0.0,
        "entity_f1": kept * entity_f1(answer, gold, span_credit),
        "relation_f1": kept * relation_f1(exact + partly, answer, gold),
        "spurious": spurious(exact, answer, gold),
        "grounding": grounding(answer, gold_size),
        "schema_legal": schema_legal(answer, gold_size),
        "verbosity": verbosity(answer.items, gold_size),
    }
