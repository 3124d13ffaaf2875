"""Metrics of the published protocols, as pure functions over the (gold, predicted) items of passages.

Items are first counted per passage, as (right, predicted, gold). All metrics are computed from sums of these counts, so
the bootstrap can resample them. Protocols (named in Taille et al. 2020, "Let's stop incorrect comparisons in end-to-end
relation extraction!"):

- entity strict compares text and type; entity boundary compares text only (Segura-Bedmar et al. 2013, SemEval task 9).
- relation strict ("RE+") compares the relation, and text and type of head and tail; relation boundary ("Rel") ignores
  the entity types.

Published scores often break these rules:

- A missing prediction (None) counts all its gold items and no predicted ones. In means over passages, it is 0.
- An empty answer to empty gold adds nothing to micro counts. In means over passages, it is 1.
- A repeated item in a raw answer is one more predicted item.
- A relation whose head or tail was not emitted as an entity counts as predicted and wrong.

Symmetric and inverse relations of the ontology are compared in one direction; a relation and its inverse count once if
both are emitted. This module shares no code with `rewards`, so that evaluation is independent of the training reward.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from text2graph_dagster.graph.mentions import find_occurrences
from text2graph_dagster.graph.model import Graph, ParsedGraph
from text2graph_dagster.ontology import Ontology

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

Item = tuple[str, str]
Triple = tuple[Item | None, str, Item | None]
Keyed = Iterable[tuple[Hashable | None, str]]

_EDGE = re.compile(r"^[\s\"'`“”„‘’‚«»‹›「」『』《》.,;:]+|[\s\"'`“”„‘’‚«»‹›「」『』《》.,;:]+$")


@dataclass(frozen=True, slots=True)
class Items:
    """The items to compare: entities (text, type) and relations (head, type, tail), texts in their matching form.

    A head or tail is None if the answer does not emit it as an entity. `distinct` is true for graphs, whose repeated
    items count once, and false for raw answers, whose repeated items all count.
    """

    entities: tuple[Item, ...]
    relations: tuple[Triple, ...]
    distinct: bool


@dataclass(frozen=True, slots=True)
class Directions:
    """How relations are oriented before they are compared: `flips` maps a relation to the inverse that replaces it."""

    symmetric: frozenset[str] = frozenset()
    flips: Mapping[str, str] | None = None

    @classmethod
    def of(cls, ontology: Ontology) -> "Directions":
        """Read the directions from an ontology; of two inverse relations, the alphabetically first one is used."""
        flips = {}
        for relation in ontology.relation_types:
            if relation.inverse and relation.inverse != relation.name:
                first, second = sorted((relation.name, relation.inverse))
                flips[second] = first
        own_inverse = {r.name for r in ontology.relation_types if r.symmetric or r.inverse == r.name}
        return cls(frozenset(own_inverse), flips)

    def orient(self, head: Item | None, kind: str, tail: Item | None) -> Triple:
        """Return the triple in the direction in which it is compared."""
        if self.flips and kind in self.flips:
            head, kind, tail = tail, self.flips[kind], head
        if kind in self.symmetric and (tail or ("", "")) < (head or ("", "")):
            head, tail = tail, head
        return head, kind, tail


def matching_form(text: str) -> str:
    """Return `text` in NFKC, casefolded, white space collapsed, quotes and `.,;:` at its edges removed."""
    folded = re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text).casefold()).strip()
    return _EDGE.sub("", folded) or folded


def graph_items(graph: Graph, directions: Directions | None = None) -> Items:
    """Return the distinct items of a graph (gold, or a legal prediction)."""
    orient = (directions or Directions()).orient
    entities = {e.id: (matching_form(e.text), e.type) for e in graph.entities}
    relations = (orient(entities[r.head], r.type, entities[r.tail]) for r in graph.relations)
    return Items(tuple(dict.fromkeys(entities.values())), tuple(dict.fromkeys(relations)), distinct=True)


def output_items(parsed: ParsedGraph, directions: Directions | None = None) -> Items:
    """Return the items of a raw answer, with repetitions.

    The head or tail of a relation is resolved to the first emitted entity that has the same text.
    """
    orient = (directions or Directions()).orient
    entities = [(matching_form(text), kind) for text, kind in parsed.entities]
    emitted: dict[str, Item] = {}
    for entity in entities:
        emitted.setdefault(entity[0], entity)
    names: dict[Triple, Counter[str]] = {}  # triple → how often it is emitted under each relation name
    for head, kind, tail in parsed.relations:
        oriented = orient(emitted.get(matching_form(head)), kind, emitted.get(matching_form(tail)))
        names.setdefault(oriented, Counter())[kind] += 1
    relations = [
        triple
        for triple, counts in names.items()
        # If head or tail is not an entity, a relation and its inverse cannot be identified as the same.
        for _ in range(max(counts.values()) if triple[0] and triple[2] else counts.total())
    ]
    return Items(tuple(entities), tuple(relations), distinct=False)


def entity_strict(items: Items) -> Keyed:
    """Entity strict: compare text and type."""
    return ((entity, entity[1]) for entity in items.entities)


def entity_boundary(items: Items) -> Keyed:
    """Entity boundary: compare the text and ignore the type."""
    return ((text, "") for text, _ in items.entities)


def relation_strict(items: Items) -> Keyed:
    """Relation strict, RE+: compare the relation, and text and type of head and tail."""
    return ((r if r[0] and r[2] else None, r[1]) for r in items.relations)


def relation_boundary(items: Items) -> Keyed:
    """Relation boundary, Rel: compare the relation, and the texts of head and tail."""
    return (((h[0], kind, t[0]) if h and t else None, kind) for h, kind, t in items.relations)


PROTOCOLS: Mapping[str, Callable[[Items], Keyed]] = {
    function.__name__: function for function in (entity_strict, entity_boundary, relation_strict, relation_boundary)
}

Pairs = Sequence[tuple[Items, Items | None]]


def count_items(pairs: Pairs, protocol: Callable[[Items], Keyed], types: Sequence[str]) -> IntArray:
    """Return the counts (right, predicted, gold) of every passage and type: shape (passages, types + 1, 3).

    The last type counts all items whose type is not in `types`; for `entity_boundary`, these are all items.
    """
    column = {name: i for i, name in enumerate(types)}
    counts = np.zeros((len(pairs), len(types) + 1, 3), dtype=np.int64)
    for row, (gold, predicted) in zip(counts, pairs, strict=True):
        wanted = dict(protocol(gold))
        for kind in wanted.values():
            row[column.get(kind, -1), 2] += 1
        if predicted is None:
            continue
        seen: set[Hashable] = set()
        for key, kind in protocol(predicted):
            repeated = key is not None and key in seen
            if repeated and predicted.distinct:
                continue
            seen.add(key)
            row[column.get(kind, -1), 1] += 1
            row[column.get(kind, -1), 0] += key in wanted and not repeated
    return counts


def precision(counts: npt.NDArray[np.generic]) -> FloatArray:
    """Return right / predicted; the last axis is (right, predicted, gold). NaN if nothing was predicted."""
    return ratio(counts[..., 0], counts[..., 1])


def recall(counts: npt.NDArray[np.generic]) -> FloatArray:
    """Return right / gold; the last axis is (right, predicted, gold). NaN if there is no gold."""
    return ratio(counts[..., 0], counts[..., 2])


def f1(counts: npt.NDArray[np.generic]) -> FloatArray:
    """Return 2 right / (predicted + gold); the last axis is (right, predicted, gold). NaN if the denominator is 0."""
    values = np.asarray(counts, dtype=np.float64)
    return ratio(2 * values[..., 0], values[..., 1] + values[..., 2])


def micro_f1(counts: npt.NDArray[np.generic]) -> FloatArray:
    """Return the F1 of the counts summed over types; `counts` is (…, types, 3), already summed over passages."""
    return f1(np.asarray(counts, dtype=np.float64).sum(axis=-2))


def macro_f1(counts: npt.NDArray[np.generic]) -> FloatArray:
    """Return the mean F1 of the types that occur in gold; `counts` is (…, types, 3), already summed over passages."""
    values = np.asarray(counts, dtype=np.float64)
    present = values[..., 2] > 0
    total = np.where(present, np.nan_to_num(f1(values)), 0.0).sum(axis=-1)
    return ratio(total, present.sum(axis=-1))


def passage_f1(counts: IntArray, answered: npt.NDArray[np.bool_]) -> FloatArray:
    """Return the F1 of every passage: 1 for an empty answer to empty gold, 0 for a missing prediction."""
    values = f1(counts.sum(axis=1))
    return np.where(answered, np.where(np.isnan(values), 1.0, values), 0.0)


def count_empty_answers(pairs: Pairs) -> IntArray:
    """Return (both, answer, gold) of every passage: 1 if they have no relation, else 0.

    The sums give precision and recall of abstention. A missing prediction is not an empty answer.
    """
    rows = [(predicted is not None and not predicted.relations, not gold.relations) for gold, predicted in pairs]
    return np.array([(answer and gold, answer, gold) for answer, gold in rows], dtype=np.int64).reshape(-1, 3)


def count_exact_graphs(pairs: Pairs) -> IntArray:
    """Return 1 for every passage whose answer has exactly the gold entities and relations (strict), else 0."""
    return np.array([p is not None and _sorted(p) == _sorted(g) for g, p in pairs], dtype=np.int64)


def _sorted(items: Items) -> tuple[list[str], list[str]]:
    return sorted(map(repr, items.entities)), sorted(map(repr, items.relations))


def count_grounded_spans(parsed: ParsedGraph, text: str) -> tuple[int, int]:
    """Return (found, total): how many texts of entities, heads and tails are in the passage, and how many there are."""
    spans = [surface for surface, _ in parsed.entities]
    spans += [end for head, _, tail in parsed.relations for end in (head, tail)]
    passage, forms = matching_form(text), map(matching_form, spans)
    return sum(bool(find_occurrences(form, passage)) for form in forms), len(spans)


def ratio(numerator: npt.NDArray[np.generic], denominator: npt.NDArray[np.generic]) -> FloatArray:
    """Divide element by element; NaN where the denominator is 0."""
    bottom = np.asarray(denominator, dtype=np.float64)
    quotient = np.full(bottom.shape, np.nan)
    np.divide(numerator, bottom, out=quotient, where=bottom != 0)
    return quotient
