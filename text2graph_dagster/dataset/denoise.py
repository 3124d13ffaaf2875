"""Which ways of saying go with which relation is learnt from the corpus itself, and labels that do not fit are mended.

Distant supervision is wrong in two ways: two names that stand together are taken for a statement, and a statement that
the knowledge base does not hold is passed over. Either way the *words* around the two names tell: in the corpus as a
whole, "X was born in Y" is labelled far more often than "X visited Y" (the idea of Takamatsu et al. 2012). Per relation
a logistic regression on the words between and around two mentions learns from the noisy labels how likely a label is;
a relation that is unlikely is dropped, one that is likely is added. No passage is judged by a model that was fitted on
its own label (three folds by the passage's id). A relation with too few labels to learn from is left as it is.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction import FeatureHasher
from sklearn.linear_model import LogisticRegression

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
class _Candidate:
    """An ordered pair of entities that the relation may hold between."""

    passage: int
    head: Entity
    tail: Entity
    evidence: Span
    features: tuple[str, ...]
    labelled: bool


def denoise(passages: Sequence[Passage], ontology: Ontology, settings: DenoiseSettings) -> Denoised:
    """Return the passages' graphs with unlikely relations dropped and likely ones added; entities stay.

    An added relation's provenance is `words:` and its probability. The result depends on the passages, not on their
    order.
    """
    by_relation = _candidates(passages, ontology)
    unlikely: dict[int, set[tuple[int, int, str]]] = defaultdict(set)
    likely: dict[int, list[Relation]] = defaultdict(list)
    folds = np.array([int(p.passage_id[:8], 16) % _FOLDS for p in passages])
    for name, candidates in by_relation.items():
        probabilities = _judge(candidates, folds, settings.least_labels)
        if probabilities is None:
            continue
        for candidate, probability in zip(candidates, probabilities.tolist(), strict=True):
            head, tail = candidate.head.id, candidate.tail.id
            if candidate.labelled and probability < settings.drop_below:
                unlikely[candidate.passage] |= {(head, tail, name), (tail, head, name)}
            elif not candidate.labelled and probability >= settings.add_above:
                relation = Relation(head, tail, name, candidate.evidence, f"words:{probability:.2f}")
                likely[candidate.passage].append(relation)
    graphs, dropped, added = [], 0, 0
    for number, passage in enumerate(passages):
        old = passage.graph.relations
        kept = tuple(r for r in old if (r.head, r.tail, r.type) not in unlikely[number])
        graphs.append(replace(passage.graph, relations=(*kept, *likely[number])))
        dropped, added = dropped + len(old) - len(kept), added + len(likely[number])
    return Denoised(graphs, dropped, added)


def _candidates(passages: Sequence[Passage], ontology: Ontology) -> dict[str, list[_Candidate]]:
    """Return, per relation, every pair of entities that its signatures allow."""
    found: dict[str, list[_Candidate]] = {name: [] for name in ontology.relation_names}
    for number, passage in enumerate(passages):
        tokens = _Masked.read(passage)
        labels = {(r.head, r.tail, r.type) for r in passage.graph.relations}
        for head, tail in _pairs(passage.graph.entities):
            fitting = [r for r in ontology.relation_types if _fits(r, head, tail, ontology)]
            if not fitting:
                continue
            seen = tokens.between(head.id, tail.id)
            if seen is None:
                continue
            for relation in fitting:
                labelled = (head.id, tail.id, relation.name) in labels
                if relation.symmetric:
                    labelled = labelled or (tail.id, head.id, relation.name) in labels
                found[relation.name].append(_Candidate(number, head, tail, *seen, labelled))
    return found


def _pairs(entities: Sequence[Entity]) -> Iterator[tuple[Entity, Entity]]:
    return ((head, tail) for head in entities for tail in entities if head.id != tail.id)


def _fits(relation: RelationType, head: Entity, tail: Entity, ontology: Ontology) -> bool:
    if not ontology.allows(head.type, relation.name, tail.type):
        return False
    return not relation.symmetric or _first(head) < _first(tail)


def _first(entity: Entity) -> tuple[int, int]:
    return (entity.mentions[0].start if entity.mentions else 0), entity.id


def _judge(
    candidates: Sequence[_Candidate], folds: npt.NDArray[np.int64], least: int
) -> npt.NDArray[np.float64] | None:
    """Return how likely each candidate's label is, by a model that did not see its passage; None: too few labels."""
    if not candidates:
        return None
    labels = np.array([c.labelled for c in candidates], dtype=bool)
    fold = folds[[c.passage for c in candidates]]
    rows = FeatureHasher(_HASHED, input_type="string", alternate_sign=False).transform(c.features for c in candidates)
    probabilities = np.zeros(len(candidates))
    for held_out in range(_FOLDS):
        seen, asked = fold != held_out, fold == held_out
        if min(labels[seen].sum(), (~labels[seen]).sum()) < least:
            return None
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
