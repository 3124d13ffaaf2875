"""Which ways of saying go with which relation is learnt from the corpus itself, and labels that do not fit are mended.

Distant supervision is wrong in two ways: two names that stand together are taken for a statement, and a statement that
the knowledge base does not hold is passed over. Either way the *words* around the two names tell: in the corpus as a
whole, "X was born in Y" is labelled far more often than "X visited Y" (the idea of Takamatsu et al. 2012). Per relation
a logistic regression on the words between and around two mentions learns from the noisy labels how likely a label is;
a relation that is unlikely is dropped, one that is likely is added; a second round learns from the labels so mended. No
passage is judged by a model that was fitted on its own label (three folds by the passage's id). A relation with too few
labels to learn from is left as it is.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from text2graph_dagster.graph import Entity, Graph, Relation, Span
from text2graph_dagster.ontology import Ontology, RelationType
from text2graph_dagster.settings import DenoiseSettings

_TOKEN = re.compile(r"\w+|[^\w\s]")
_FOLDS = 3
_HASHED = 1 << 18  # columns of the hashed feature matrix
_AROUND = 3  # tokens before the first and after the second mention


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage with its noisy graph."""

    passage_id: str
    text: str
    graph: Graph


@dataclass(frozen=True, slots=True)
class Denoised:
    """Graphs in the passages' order, and how many relations were dropped and added in all."""

    graphs: list[Graph]
    dropped: int
    added: int


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two entities of a passage, the words about them, and the relations that they are labelled with."""

    passage: int
    head: Entity
    tail: Entity
    evidence: Span
    features: tuple[str, ...]
    labels: frozenset[str]


def denoise(passages: Sequence[Passage], ontology: Ontology, settings: DenoiseSettings) -> Denoised:
    """Return the passages' graphs with unlikely relations dropped and likely ones added; entities stay.

    An added relation's provenance is `words:` and its probability. The result depends on the passages, not on their
    order.
    """
    pairs = [pair for number, passage in enumerate(passages) for pair in _pairs(number, passage, ontology)]
    if not pairs:
        return Denoised([p.graph for p in passages], 0, 0)
    from sklearn.feature_extraction import FeatureHasher  # here: it takes a second that loading the definitions has not

    rows = FeatureHasher(_HASHED, input_type="string", alternate_sign=False).transform(p.features for p in pairs)
    folds = np.array([int(passages[p.passage].passage_id[:8], 16) % _FOLDS for p in pairs])
    unlikely: dict[int, set[tuple[int, int, str]]] = defaultdict(set)
    likely: dict[int, list[Relation]] = defaultdict(list)
    for relation in ontology.relation_types:
        chosen = np.array([i for i, p in enumerate(pairs) if _fits(relation, p, ontology)], dtype=np.int64)
        labels = np.array([relation.name in pairs[i].labels for i in chosen], dtype=bool)
        mended, probabilities = _judge(rows[chosen], labels, folds[chosen], settings)
        for i, labelled, holds, probability in zip(chosen, labels, mended, probabilities, strict=True):
            head, tail, number = pairs[i].head.id, pairs[i].tail.id, pairs[i].passage
            if labelled and not holds:
                unlikely[number] |= {(head, tail, relation.name), (tail, head, relation.name)}
            elif holds and not labelled:
                found = Relation(head, tail, relation.name, pairs[i].evidence, f"words:{probability:.2f}")
                likely[number].append(found)
    return _apply(passages, unlikely, likely)


def _apply(
    passages: Sequence[Passage],
    unlikely: Mapping[int, set[tuple[int, int, str]]],
    likely: Mapping[int, list[Relation]],
) -> Denoised:
    graphs, dropped, added = [], 0, 0
    for number, passage in enumerate(passages):
        old, new = passage.graph.relations, likely.get(number, [])
        kept = tuple(r for r in old if (r.head, r.tail, r.type) not in unlikely.get(number, ()))
        graphs.append(replace(passage.graph, relations=(*kept, *new)))
        dropped, added = dropped + len(old) - len(kept), added + len(new)
    return Denoised(graphs, dropped, added)


def _pairs(number: int, passage: Passage, ontology: Ontology) -> Iterator[_Pair]:
    """Yield every ordered pair of entities that some relation may hold between."""
    tokens = _Masked.read(passage)
    symmetric = {r.name for r in ontology.relation_types if r.symmetric}
    labels: dict[tuple[int, int], set[str]] = defaultdict(set)
    for relation in passage.graph.relations:
        labels[relation.head, relation.tail].add(relation.type)
        if relation.type in symmetric:
            labels[relation.tail, relation.head].add(relation.type)
    for head in passage.graph.entities:
        for tail in passage.graph.entities:
            if head.id == tail.id:
                continue
            if any(ontology.allows(head.type, name, tail.type) for name in ontology.relation_names):
                seen = tokens.between(head.id, tail.id)
                if seen is not None:
                    yield _Pair(number, head, tail, *seen, frozenset(labels.get((head.id, tail.id), ())))


def _fits(relation: RelationType, pair: _Pair, ontology: Ontology) -> bool:
    """Tell whether the relation may hold; a symmetric one is asked of the entity mentioned first."""
    if not ontology.allows(pair.head.type, relation.name, pair.tail.type):
        return False
    return not relation.symmetric or _first(pair.head) < _first(pair.tail)


def _first(entity: Entity) -> tuple[int, int]:
    return (entity.mentions[0].start if entity.mentions else 0), entity.id


def _judge(
    rows: Any, labels: npt.NDArray[np.bool_], folds: npt.NDArray[np.int64], settings: DenoiseSettings
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    """Return the mended labels, and how likely each is by models that did not see its passage; few stay as they are.

    `rows` is a sparse matrix (pairs, hashed features). Each round learns from the labels that the round before mended.
    """
    mended = labels
    for _ in range(settings.rounds):
        probabilities = _cross_fit(rows, mended, folds, settings.least_labels)
        mended = probabilities >= np.where(labels, settings.drop_below, settings.add_above)
    return mended, probabilities


def _cross_fit(
    rows: Any, labels: npt.NDArray[np.bool_], folds: npt.NDArray[np.int64], least: int
) -> npt.NDArray[np.float64]:
    from sklearn.linear_model import LogisticRegression

    probabilities = labels.astype(np.float64)
    for held_out in range(_FOLDS):
        seen, asked = folds != held_out, folds == held_out
        if min(labels[seen].sum(), (~labels[seen]).sum()) < least:
            return labels.astype(np.float64)
        model = LogisticRegression(solver="liblinear", random_state=0).fit(rows[seen], labels[seen])
        if asked.any():
            probabilities[asked] = model.predict_proba(rows[asked])[:, 1]
    return probabilities


@dataclass(frozen=True, slots=True)
class _Masked:
    """A passage's tokens, every mention replaced by its type, with the places of the mentions."""

    tokens: list[str]
    places: list[tuple[int, int, Span]]  # token number, entity id, span

    @classmethod
    def read(cls, passage: Passage) -> "_Masked":
        spans = sorted(
            ((m, e) for e in passage.graph.entities for m in e.mentions), key=lambda pair: (pair[0].start, -pair[0].end)
        )
        tokens: list[str] = []
        places: list[tuple[int, int, Span]] = []
        at = 0
        for span, entity in spans:
            if span.start < at:
                continue
            tokens += _words(passage.text[at : span.start])
            places.append((len(tokens), entity.id, span))
            tokens.append(f"<{entity.type}>")
            at = span.end
        return cls(tokens + _words(passage.text[at:]), places)

    def between(self, head: int, tail: int) -> tuple[Span, tuple[str, ...]] | None:
        """Return the stretch from the one entity to the other where they are nearest, and what describes it."""
        heads = [(n, span) for n, entity, span in self.places if entity == head]
        tails = [(n, span) for n, entity, span in self.places if entity == tail]
        if not heads or not tails:
            return None
        (i, one), (j, other) = min(
            ((h, t) for h in heads for t in tails), key=lambda pair: (abs(pair[0][0] - pair[1][0]), pair[0][0])
        )
        evidence = Span(min(one.start, other.start), max(one.end, other.end))
        return evidence, tuple(self._features(min(i, j), max(i, j), "→" if i < j else "←"))

    def _features(self, first: int, second: int, way: str) -> Iterable[str]:
        """Yield the words between and around two mentions, alone and in runs, with the way from head to tail."""
        between = self.tokens[first + 1 : second]
        before = ["^"] * _AROUND + self.tokens[:first]
        before = before[-_AROUND:]
        after = (self.tokens[second + 1 :] + ["$"] * _AROUND)[:_AROUND]
        yield way
        yield f"{way}far{min(len(between) // 3, 5)}"
        yield from (f"{way}in:{word}" for word in between)
        yield from (f"{way}in:{a} {b}" for a, b in pairwise(between))
        yield f"{way}all:{' '.join(between[:8])}"
        yield from (f"{way}before{n}:{word}" for n, word in enumerate(before))
        yield from (f"{way}after{n}:{word}" for n, word in enumerate(after))
        yield f"{way}before:{' '.join(before[-2:])}"
        yield f"{way}after:{' '.join(after[:2])}"
        yield f"{way}from:{before[-1]} {' '.join(between[:6])}"
        yield f"{way}to:{' '.join(between[-6:])} {' '.join(after[:2])}"


def _words(text: str) -> list[str]:
    return [token.lower() for token in _TOKEN.findall(text)]
