"""What a completion is worth to GRPO: each part a small pure function, `score` their weighted sum.

Items are entities (text, type) and relations (head, type, tail), compared by `canonical` text. Predictions are lists
(a repetition is one more item), gold is a set. F1 looks at the items that pass the legality filter's own tests (type
requested, every span in the passage); what fails them is priced by `grounding` and `schema_legal`. A relation earns
credit only if both its ends are emitted as entities of the right type, and costs as an item in any case: so every
item is judged by itself, and no item can be added or left out to make another one count for less.

At `alpha` = 0 these hold, and are tests: the order of items does not matter, adding a wrong item never helps,
removing a right one never helps, repetition never helps, and no string raises.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from text2graph_dagster.decoding import ground
from text2graph_dagster.graph import Graph, ParsedGraph, parse
from text2graph_dagster.ontology import Ontology

PENALTIES = ("spurious", "grounding", "schema_legal", "verbosity")  # from 0 to -1; the others from 0 to 1
COMPONENTS = ("json_valid", "format", "entity_f1", "relation_f1", *PENALTIES)
MAX_ALPHA = 0.5

_OUTER = "\"'`“”„‘’‚«»‹›「」『』《》.,;: "
# A word, or one ideograph or kana: scripts without spaces are compared character by character.
_TOKEN = re.compile(r"[぀-ヿ㐀-鿿豈-﫿]|[^\W぀-ヿ㐀-鿿豈-﫿]+")

Item = tuple[str, str]  # canonical text, type
Triple = tuple[str, str, str]  # canonical head, type, canonical tail
Ends = tuple[str, str]  # types of head and tail
NOT_TURNED: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Gold:
    """What a passage holds: distinct entities, and for every distinct triple the types of its ends."""

    entities: frozenset[Item]
    relations: Mapping[Triple, frozenset[Ends]]

    @property
    def relation_count(self) -> int:
        """Number of distinct relations, the types of their ends told apart."""
        return sum(map(len, self.relations.values()))


@dataclass(frozen=True, slots=True)
class Answer:
    """A parsed completion against its request: the items that F1 looks at, and the number of those that it does not."""

    entities: Sequence[Item]
    relations: Sequence[Triple]
    items: int
    ungrounded: int
    unrequested: int


def score(
    completion: str,
    *,
    text: str,
    entity_types: Collection[str],
    relation_types: Collection[str],
    gold: Graph,
    ontology: Ontology | None,
    weights: Mapping[str, float],
    alpha: float = 0.0,
    thinking: bool = False,
) -> dict[str, float]:
    """Return every component, `total`, and the number of predicted and gold entities and relations.

    `gold` is the passage's graph for the requested types. `weights` has a weight for each of `COMPONENTS`. `alpha` in
    [0, 0.5] is the credit for a partly right span (0: none). `format` is 0 and has no weight without `thinking`.
    An answer that cannot be read earns nothing and gets the full penalties, so that no answer is better than silence.
    The total lies between minus the weights of the four penalties and the sum of the other weights.
    """
    if not 0 <= alpha <= MAX_ALPHA:
        raise ValueError(f"alpha is {alpha}, outside [0, {MAX_ALPHA}]")
    turned = turned_relations(ontology)
    wanted = gold_items(gold, turned)
    parsed = read(completion)
    parts = dict.fromkeys(COMPONENTS, 0.0)
    if parsed is None:
        parts |= dict.fromkeys(PENALTIES, -1.0)
    else:
        answer = answer_items(parsed, text, entity_types, relation_types, turned)
        size = len(wanted.entities) + wanted.relation_count
        right = right_relations(answer, wanted, alpha, turned)
        parts["json_valid"] = json_valid(completion, parsed, thinking)
        parts["format"] = format_valid(completion, parsed) if thinking else 0.0
        if parts["json_valid"]:
            parts["entity_f1"] = entity_f1(answer, wanted, alpha)
            parts["relation_f1"] = f1(right, len(answer.relations), wanted.relation_count)
        parts["spurious"] = spurious(right, len(answer.relations), wanted.relation_count)
        parts["grounding"] = penalty(answer.ungrounded, size)
        parts["schema_legal"] = penalty(answer.unrequested, size)
        parts["verbosity"] = verbosity(answer.items, size)
    total = sum(weights[name] * value for name, value in parts.items())
    return parts | {
        "total": total,
        "predicted_entities": float(len(parsed.entities)) if parsed else 0.0,
        "predicted_relations": float(len(parsed.relations)) if parsed else 0.0,
        "gold_entities": float(len(wanted.entities)),
        "gold_relations": float(wanted.relation_count),
    }


def read(completion: str) -> ParsedGraph | None:
    """Return the parsed completion, or None when it holds no readable graph."""
    try:
        return parse(completion)
    except ValueError:  # GraphParseError, and what json says to an integer of more than 4,300 digits
        return None


@lru_cache(maxsize=1 << 16)
def canonical(text: str) -> str:
    """Return `text` in NFKC without case, surplus white space, outer quotes and outer `.,;:`."""
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return folded.strip(_OUTER) or folded


def gold_items(gold: Graph, turned: Mapping[str, str] = NOT_TURNED) -> Gold:
    """Return the distinct items of a graph, its relations in the direction in which they are compared."""
    relations: dict[Triple, set[Ends]] = {}
    for head, name, tail in gold.triples():
        ends = (canonical(head.text), head.type), (canonical(tail.text), tail.type)
        h, kind, t = turn(*ends, name, turned)
        relations.setdefault((h[0], kind, t[0]), set()).add((h[1], t[1]))
    entities = frozenset((canonical(e.text), e.type) for e in gold.entities)
    return Gold(entities, {triple: frozenset(ends) for triple, ends in relations.items()})


def answer_items(
    parsed: ParsedGraph,
    text: str,
    entity_types: Collection[str],
    relation_types: Collection[str],
    turned: Mapping[str, str] = NOT_TURNED,
) -> Answer:
    """Sort an answer's items into those that F1 looks at and those whose span or type the filter refuses.

    A relation and its inverse, both said, are one item; one said twice by the same name is two.
    """
    entities: list[Item] = []
    said: dict[Triple, Counter[str]] = {}  # the relation as it is compared → the names it is said by
    ungrounded = unrequested = 0
    for surface, kind in parsed.entities:
        known, found = kind in entity_types, ground(surface, text) is not None
        unrequested += not known
        ungrounded += not found
        if known and found:
            entities.append((canonical(surface), kind))
    for head, kind, tail in parsed.relations:
        known, found = kind in relation_types, ground(head, text) is not None and ground(tail, text) is not None
        unrequested += not known
        ungrounded += not found
        if known and found:
            first, name, second = turn((canonical(head), ""), (canonical(tail), ""), kind, turned)
            said.setdefault((first[0], name, second[0]), Counter())[kind] += 1
    items = len(parsed.entities) + len(parsed.relations)
    relations = [triple for triple, names in said.items() for _ in range(max(names.values()))]
    return Answer(entities, relations, items, ungrounded, unrequested)


def turned_relations(ontology: Ontology | None) -> dict[str, str]:
    """Return the relations that are turned: a symmetric one to itself, of two inverse ones the later to the earlier."""
    turned: dict[str, str] = {}
    for relation in ontology.relation_types if ontology else ():
        if relation.symmetric or relation.inverse == relation.name:
            turned[relation.name] = relation.name
        elif relation.inverse:
            turned[max(relation.name, relation.inverse)] = min(relation.name, relation.inverse)
    return turned


def turn(head: Item, tail: Item, kind: str, turned: Mapping[str, str]) -> tuple[Item, str, Item]:
    """Return a relation in the direction in which it is compared; a symmetric one has its ends sorted."""
    name = turned.get(kind, kind)
    if name != kind or (kind in turned and tail < head):
        head, tail = tail, head
    return head, name, tail


def json_valid(completion: str, parsed: ParsedGraph, thinking: bool) -> float:
    """1 if the whole completion (after its thinking, where thinking is asked for) is one object of the right shape."""
    return float(parsed.strict and (thinking or completion.lstrip().startswith("{")))


def format_valid(completion: str, parsed: ParsedGraph) -> float:
    """1 if the completion is one closed, non-empty think block, then the object, and nothing else."""
    once = completion.count("<think>") == completion.count("</think>") == 1
    return float(parsed.strict and once and bool(parsed.rationale) and completion.lstrip().startswith("<think>"))


def f1(right: float, predicted: int, gold: int) -> float:
    """F1 from counts; 1 / (1 + predicted) where there is no gold, so that nothing against nothing is 1."""
    return 2 * right / (predicted + gold) if gold else 1 / (1 + predicted)


def penalty(bad: float, gold: int) -> float:
    """-(bad items) per gold item, at least -1.

    Counted per gold item and not per item of the answer: there, one more wrong item would dilute the others.
    """
    return -min(1.0, bad / max(1, gold))


def verbosity(predicted: int, gold: int) -> float:
    """-(items beyond one more than gold) / (gold + 1), at least -1: guards against growth by recall."""
    return -min(1.0, max(0, predicted - gold - 1) / (gold + 1))


def entity_f1(answer: Answer, gold: Gold, alpha: float = 0.0) -> float:
    """F1 over (text, type), one to one; a repeated item matches once."""
    predicted = set(answer.entities)
    exact = gold.entities & predicted
    right = float(len(exact))
    if alpha:
        missed = sorted(gold.entities - exact)
        right += best_matching([[_overlap(p, g, alpha) for g in missed] for p in sorted(predicted - exact)])
    return f1(right, len(answer.entities), len(gold.entities))


def spurious(right: float, predicted: int, gold: int) -> float:
    """-(relations that gold does not hold) per gold relation, at least -1.

    What is reported is F1 over all passages; there a wrong relation costs everywhere. F1 by passage prices a guess at
    nothing where silence would earn nothing: with a weight of w against v for `relation_f1`, one guess at a passage's
    only relation pays if it is right with a probability above w / (v + w).
    """
    return penalty(predicted - right, gold)


def right_relations(answer: Answer, gold: Gold, alpha: float, turned: Mapping[str, str]) -> float:
    """Return how many relations (head, type, tail) are right, one to one; at `alpha` > 0 partly right ones in part.

    Both ends must be emitted as entities of the gold ends' types.
    """
    emitted, counts = set(answer.entities), Counter(answer.relations)
    exact = {
        triple: [e for e in sorted(ends) if _emits(emitted, triple[0], triple[2], e)][: counts[triple]]
        for triple, ends in gold.relations.items()
        if triple in counts
    }
    right = float(sum(map(len, exact.values())))
    if alpha:
        missed = [(t, e) for t, ends in gold.relations.items() for e in sorted(ends) if e not in exact.get(t, ())]
        inexact = sorted(counts.keys() - gold.relations.keys())
        right += best_matching([[_partial(p, *g, emitted, alpha, turned) for g in missed] for p in inexact])
    return right


def _emits(emitted: Collection[Item], head: str, tail: str, ends: Ends) -> bool:
    return (head, ends[0]) in emitted and (tail, ends[1]) in emitted


def _partial(
    predicted: Triple, gold: Triple, ends: Ends, emitted: Collection[Item], alpha: float, turned: Mapping[str, str]
) -> float:
    """Similarity of two relations: the product over both ends of 1 (equal) or alpha x token F1; 0 across types."""
    (first, kind, second), (head, gold_kind, tail) = predicted, gold
    if kind != gold_kind:
        return 0.0
    ways = [(first, second), (second, first)] if turned.get(kind) == kind else [(first, second)]
    return max(
        _overlap((h, ends[0]), (head, ends[0]), alpha) * _overlap((t, ends[1]), (tail, ends[1]), alpha)
        if _emits(emitted, h, t, ends)
        else 0.0
        for h, t in ways
    )


def _overlap(predicted: Item, gold: Item, alpha: float) -> float:
    if predicted == gold:
        return 1.0
    return alpha * token_f1(predicted[0], gold[0]) if predicted[1] == gold[1] else 0.0


def token_f1(predicted: str, gold: str) -> float:
    """F1 over the tokens of two canonical texts; 0 below one half."""
    p, g = Counter(_TOKEN.findall(predicted)), Counter(_TOKEN.findall(gold))
    size = p.total() + g.total()
    value = 2 * (p & g).total() / size if size else 0.0
    return value if value >= 0.5 else 0.0


def best_matching(similarity: list[list[float]]) -> float:
    """Return the largest sum of a one-to-one matching of rows with columns (Kuhn 1955)."""
    if not similarity or not similarity[0]:
        return 0.0
    from scipy.optimize import linear_sum_assignment  # only graded credit needs it, and importing it takes a while

    rows, columns = linear_sum_assignment(similarity, maximize=True)
    return float(sum(similarity[row][column] for row, column in zip(rows, columns, strict=True)))
