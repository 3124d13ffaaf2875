"""The pairs of entities of many passages as columns: what a classifier learns from, without an object per pair."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from text2graph_dagster.dataset.denoising.cues import COMMON, WEIGHTS, Triggers, common_cues, trigger_cues
from text2graph_dagster.dataset.denoising.pair_features import Pair, Passage, pairs
from text2graph_dagster.graph.model import Entity, Graph
from text2graph_dagster.ontology import Ontology, RelationType

HASHED = 1 << 18  # columns of the hashed words
_BATCH = 4_000  # pairs whose words are held as text at one time

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Asked:
    """The pairs that one relation may hold between: their row numbers, whether they are labelled with it, the cues.

    `facts` is how many different pairs of names the labels are about.
    """

    rows: Ints
    labels: Bools
    cues: npt.NDArray[np.float32]
    facts: int


@dataclass(frozen=True, slots=True)
class PairTable:
    """`ends` holds per pair: number of the passage, id of head and tail, start and end of the stretch they span.

    `words` is a sparse matrix (pairs, hashed words); `keys` number the passages by their ids, for folds.
    """

    ends: Ints
    words: Any
    keys: Ints
    asked: dict[str, Asked]

    @classmethod
    def read(cls, passages: Sequence[Passage], ontology: Ontology) -> "PairTable":
        """Take the pairs out of the passages, some thousand at a time."""
        return _Reader(ontology).read(passages)


class _Reader:
    def __init__(self, ontology: Ontology) -> None:
        self.ontology = ontology
        self.relations = [(r, Triggers.of(r, ontology)) for r in ontology.relation_types]
        self.symmetric = frozenset(r.name for r in ontology.relation_types if r.symmetric)
        self.ends, self.common = array("q"), array("f")
        self.rows = {r.name: array("q") for r in ontology.relation_types}
        self.labels = {r.name: array("b") for r in ontology.relation_types}
        self.triggers = {r.name: array("b") for r in ontology.relation_types}
        self.facts: dict[str, set[tuple[str, str]]] = {r.name: set() for r in ontology.relation_types}
        self.count = 0

    def read(self, passages: Sequence[Passage]) -> PairTable:
        words = _hash_in_batches(self._features(passages))
        ends = np.frombuffer(self.ends, dtype=np.int64).reshape(-1, 5) if self.count else np.zeros((0, 5), np.int64)
        keys = np.array([int(p.passage_id[:8], 16) for p in passages], dtype=np.int64)
        common = np.array(self.common, dtype=np.float32).reshape(self.count, COMMON)
        asked = {}
        for name, numbers in self.rows.items():
            rows = np.array(numbers, dtype=np.int64)
            cues = np.array(self.triggers[name], dtype=np.float32).reshape(len(rows), len(WEIGHTS) - COMMON)
            labels = np.array(self.labels[name], dtype=bool)
            asked[name] = Asked(rows, labels, np.hstack([common[rows], cues]), len(self.facts[name]))
        return PairTable(ends, words, keys[ends[:, 0]], asked)

    def _features(self, passages: Iterable[Passage]) -> Iterator[tuple[str, ...]]:
        for number, passage in enumerate(passages):
            labels = _labels(passage.graph, self.symmetric)
            for pair in pairs(passage, self.ontology):
                self._note(number, pair, labels)
                yield pair.features

    def _note(self, number: int, pair: Pair, labels: set[tuple[int, int, str]]) -> None:
        head, tail, row = pair.head, pair.tail, self.count
        self.count += 1
        self.ends.extend((number, head.id, tail.id, pair.evidence.start, pair.evidence.end))
        self.common.extend(common_cues(pair.place))
        for relation, triggers in self.relations:
            if _fits(relation, head, tail, self.ontology):
                labelled = (head.id, tail.id, relation.name) in labels
                if labelled:
                    self.facts[relation.name].add((head.text, tail.text))
                self.rows[relation.name].append(row)
                self.labels[relation.name].append(labelled)
                self.triggers[relation.name].extend(trigger_cues(pair.place, triggers))


def _labels(graph: Graph, symmetric: frozenset[str]) -> set[tuple[int, int, str]]:
    labels = {(r.head, r.tail, r.type) for r in graph.relations}
    return labels | {(tail, head, kind) for head, tail, kind in labels if kind in symmetric}


def _fits(relation: RelationType, head: Entity, tail: Entity, ontology: Ontology) -> bool:
    """Tell whether the relation may hold; a symmetric one is asked of the entity mentioned first."""
    if not ontology.allows(head.type, relation.name, tail.type):
        return False
    return not relation.symmetric or _first(head) < _first(tail)


def _first(entity: Entity) -> tuple[int, int]:
    return (entity.mentions[0].start if entity.mentions else 0), entity.id


def _hash_in_batches(features: Iterable[tuple[str, ...]]) -> Any:
    """Return the sparse matrix of the features, hashed some thousand rows at a time."""
    from scipy.sparse import csr_matrix, vstack
    from sklearn.feature_extraction import FeatureHasher  # here: it takes a second that loading the definitions has not

    hasher = FeatureHasher(HASHED, input_type="string", alternate_sign=False, dtype=np.float32)
    parts, batch = [csr_matrix((0, HASHED), dtype=np.float32)], []
    for row in features:
        batch.append(row)
        if len(batch) == _BATCH:
            parts.append(hasher.transform(batch))
            batch = []
    return vstack([*parts, hasher.transform(batch)] if batch else parts, format="csr")
