"""What a completion is worth to GRPO: each part a small pure function, `score` their weighted sum.

Items are entities (text, type) and relations (head, type, tail), compared by `canonical` text. Predictions are lists
(a repetition is one more item), gold is a set. F1 looks at the items that pass the legality filter's own tests (type
requested, every span in the passage, the relation allowed between such ends); what fails them no user sees, and it is
priced by `grounding` and `schema_legal`. A relation earns credit only if both its ends are emitted as entities of the
right type and no wrong one, and costs as an item wherever they are not: no item can be added to hedge another, or left
out to make it count for less.

Whatever the partial credit, these hold, and are tests: the order of items does not matter, adding a wrong item never
helps, removing a right one never helps, repetition never helps, and no string raises.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from text2graph_dagster.graph.legality import ground
from text2graph_dagster.graph.model import Graph, ParsedGraph
from text2graph_dagster.graph.parsing import parse
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.rewards.matching import (
    NO_CREDIT,
    Credit,
    Ends,
    Item,
    Triple,
    matched_entities,
    matched_relations,
)

PENALTIES = ("spurious", "grounding", "schema_legal", "verbosity")  # from 0 to -1; the others from 0 to 1
COMPONENTS = ("json_valid", "format", "entity_f1", "relation_f1", *PENALTIES)

_OUTER = "\"'`“”„‘’‚«»‹›「」『』《》.,;: "

NOT_TURNED: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Gold:
    """What a passage holds: distinct entities, and for every distinct triple the types of its ends."""

    entities: frozenset[Item]
    relations: Mapping[Triple, frozenset[Ends]]
    relation_count: int  # the types of their ends told apart


UNKNOWN = Gold(frozenset(), {}, 0)  # what a passage holds of which nobody knows it; `Gold` of nothing says: nothing


class Named(dict[str, str | None]):
    """The canonical text of a surface; None where the passage does not name it, by the legality filter's test.

    It is worked out when it is first asked for.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def __missing__(self, surface: str) -> str | None:
        self[surface] = found = canonical(surface) if ground(surface, self._text) else None
        return found


@dataclass(frozen=True, slots=True)
class Request:
    """What a passage was asked for and what it holds; made once, for all completions of one prompt."""

    named: Named
    entity_types: frozenset[str]
    relation_types: frozenset[str]
    gold: Gold
    turned: Mapping[str, str]
    ontology: Ontology | None

    @classmethod
    def of(
        cls,
        text: str,
        entity_types: Collection[str],
        relation_types: Collection[str],
        gold: Graph | None,
        ontology: Ontology | None,
    ) -> "Request":
        """Prepare a request; `gold` is the passage's graph for the requested types, None where nobody knows it."""
        turned = turned_relations(ontology)
        held = UNKNOWN if gold is None else gold_items(gold, turned)
        return cls(Named(text), frozenset(entity_types), frozenset(relation_types), held, turned, ontology)

    def right(self, emitted: Mapping[str, Collection[Item]]) -> set[str]:
        """Return the texts that are emitted as entities of the passage and under no wrong type, if that is known."""
        if self.gold is UNKNOWN:
            return set(emitted)
        return {text for text, items in emitted.items() if self.gold.entities.issuperset(items)}

    def allows(self, head: Collection[Item], kind: str, tail: Collection[Item]) -> bool:
        """Tell whether the relation may hold between entities of these types."""
        known = self.ontology
        return known is None or any(known.allows(h[1], kind, t[1]) for h in head for t in tail)


@dataclass(frozen=True, slots=True)
class Answer:
    """A parsed completion against its request: the items that F1 looks at, and the number of those that it does not.

    `illegal` are those of a type that was not requested, and relations that the ontology does not allow or whose ends
    are no right entities. The latter are looked at by F1 as well: it must never pay to emit an end wrongly, or not at
    all, so that a relation costs less.
    """

    entities: Sequence[Item]
    relations: Sequence[Triple]
    items: int
    ungrounded: int
    illegal: int


def score(
    completion: str,
    request: Request,
    weights: Mapping[str, float],
    *,
    credit: Credit = NO_CREDIT,
    untidy: float = 0.0,
    thinking: bool = False,
) -> dict[str, float]:
    """Return every component, `total`, and the number of predicted and gold entities and relations.

    `weights` has a weight, at least 0, for each of `COMPONENTS`. `format` is 0 and has no weight without `thinking`.
    An answer that can be read but is not exactly one object of the right shape keeps the share `untidy` of its F1. One
    that cannot be read earns nothing and gets the full penalties, so that no answer is better than silence.
    The total lies between minus the weights of the four penalties and the sum of the other weights.
    """
    gold = request.gold
    parsed = read(completion)
    parts = dict.fromkeys(COMPONENTS, 0.0)
    if parsed is None:
        parts |= dict.fromkeys(PENALTIES, -1.0)
    else:
        answer = answer_items(parsed, request)
        size = len(gold.entities) + gold.relation_count
        exact, partly = right_relations(answer, request, credit)
        parts["json_valid"] = json_valid(completion, parsed, thinking)
        parts["format"] = format_valid(completion, parsed) if thinking else 0.0
        kept = 1.0 if parts["json_valid"] else untidy
        parts["entity_f1"] = kept * entity_f1(answer, gold, credit)
        parts["relation_f1"] = kept * f1(exact + partly, len(answer.relations), gold.relation_count)
        parts["spurious"] = spurious(exact, len(answer.relations), gold.relation_count)
        parts["grounding"] = penalty(answer.ungrounded, size)
        parts["schema_legal"] = penalty(answer.illegal, size)
        parts["verbosity"] = verbosity(answer.items, size)
    total = sum(weights[name] * value for name, value in parts.items())
    return parts | {
        "total": total,
        "predicted_entities": float(len(parsed.entities)) if parsed else 0.0,
        "predicted_relations": float(len(parsed.relations)) if parsed else 0.0,
        "gold_entities": float(len(gold.entities)),
        "gold_relations": float(gold.relation_count),
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
    count = sum(map(len, relations.values()))
    return Gold(entities, {triple: frozenset(ends) for triple, ends in relations.items()}, count)


def answer_items(parsed: ParsedGraph, request: Request) -> Answer:
    """Sort an answer's items into those that F1 looks at and those whose span, type or ends the filter refuses.

    A relation and its inverse, both said, are one item; one said twice by the same name is two.
    """
    entities: list[Item] = []
    emitted: defaultdict[str, set[Item]] = defaultdict(set)
    said: dict[Triple, list[str]] = {}  # the relation as it is compared → the names it is said by
    ungrounded = illegal = 0
    for surface, kind in parsed.entities:
        text = request.named[surface]
        if text is None:
            ungrounded += 1
        if kind not in request.entity_types:
            illegal += 1
        elif text is not None:
            entities.append((text, kind))
            emitted[text].add((text, kind))
    right = request.right(emitted)
    for head, kind, tail in parsed.relations:
        first, second = request.named[head], request.named[tail]
        if first is None or second is None:
            ungrounded += 1
        if kind not in request.relation_types:
            illegal += 1
        elif first is not None and second is not None:
            rightly = first in right and second in right
            legal = rightly and request.allows(emitted[first], kind, emitted[second])
            illegal += not legal
            if legal or not rightly:
                said.setdefault(_turned(first, kind, second, request.turned), []).append(kind)
    items = len(parsed.entities) + len(parsed.relations)
    relations = [triple for triple, names in said.items() for _ in range(max(map(names.count, set(names))))]
    return Answer(entities, relations, items, ungrounded, illegal)


def _turned(head: str, kind: str, tail: str, turned: Mapping[str, str]) -> Triple:
    if kind not in turned:
        return head, kind, tail
    first, name, second = turn((head, ""), (tail, ""), kind, turned)
    return first[0], name, second[0]


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


def entity_f1(answer: Answer, gold: Gold, credit: Credit = NO_CREDIT) -> float:
    """F1 over (text, type), one to one; a repeated item matches once."""
    predicted = set(answer.entities)
    exact = gold.entities & predicted
    right = float(len(exact))
    if credit:
        right += matched_entities(sorted(predicted - exact), sorted(gold.entities - exact), credit)
    return f1(right, len(answer.entities), len(gold.entities))


def spurious(right: int, predicted: int, gold: int) -> float:
    """-(relations that gold does not hold) per gold relation, at least -1; a partly right one is not held either.

    What is reported is F1 over all passages; there a wrong relation costs everywhere. F1 by passage prices a guess at
    nothing where silence would earn nothing: with a weight of w against v for `relation_f1`, one guess at a passage's
    only relation pays if it is right with a probability above w / (v + w).
    """
    return penalty(predicted - right, gold)


def right_relations(answer: Answer, request: Request, credit: Credit = NO_CREDIT) -> tuple[int, float]:
    """Return how many relations (head, type, tail) are right, one to one, and what the partly right ones are worth.

    Both ends must be `ends` of the answer, with the gold ends' types.
    """
    emitted, counts, gold = ends(answer, request.gold), Counter(answer.relations), request.gold.relations
    exact: dict[Triple, list[Ends]] = {}
    for triple, said in counts.items():
        if held := gold.get(triple):
            head, _, tail = triple
            exact[triple] = [e for e in _in_order(held) if (head, e[0]) in emitted and (tail, e[1]) in emitted][:said]
    right = sum(map(len, exact.values()))
    if not credit or right == request.gold.relation_count:
        return right, 0.0
    none: list[Ends] = []
    missed = [
        (triple, e)
        for triple, held in gold.items()
        if len(found := exact.get(triple, none)) < len(held)
        for e in _in_order(held)
        if e not in found
    ]
    inexact = sorted(counts.keys() - gold.keys())
    return right, matched_relations(inexact, missed, emitted, credit, request.turned)


def _in_order(held: frozenset[Ends]) -> Collection[Ends]:
    return held if len(held) == 1 else sorted(held)


def ends(answer: Answer, gold: Gold) -> set[Item]:
    """Return the entities that a relation may end in: those whose text is not emitted under another, wrong type too.

    Else a name could be emitted under every type there is, and whatever its type, its relations would count.
    """
    predicted = set(answer.entities)
    wrong: dict[str, set[str]] = {}
    for text, kind in predicted - gold.entities:
        wrong.setdefault(text, set()).add(kind)
    return {e for e in predicted if e[0] not in wrong or wrong[e[0]] == {e[1]}}
