"""The entity pairs of many passages as columns to train a classifier on, without an object per pair."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from text2graph_dagster.dataset.denoising.cues import (
    COMMON_CUES,
    CUE_WEIGHTS,
    TriggerWords,
    compute_common_cues,
    compute_trigger_cues,
)
from text2graph_dagster.dataset.denoising.pair_features import EntityPair, Passage, iterate_pairs
from text2graph_dagster.graph.model import Entity, Graph
from text2graph_dagster.ontology import Ontology, RelationType

HASHED_COLUMNS = 1 << 18  # columns of the hashed words
_BATCH_PAIRS = 4_000  # pairs whose words are in memory as text at one time

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RelationPairs:
    """The pairs that one relation may connect: row numbers in the table, whether they are labelled with it, cues.

    `facts` is the number of different pairs of names among the labelled pairs.
    """

    rows: Ints
    labels: Bools
    cues: npt.NDArray[np.float32]
    facts: int


@dataclass(frozen=True, slots=True)
class PairTable:
    """A row per entity pair.

    `ends` (pairs, 5): number of the passage, ids of head and tail, start and end of the evidence span. `words` is a
    sparse matrix (pairs, hashed words); `fold_keys` (pairs,) are numbers derived from the passages' ids.
    """

    ends: Ints
    words: Any
    fold_keys: Ints
    relations: dict[str, RelationPairs]

    @classmethod
    def from_passages(cls, passages: Sequence[Passage], ontology: Ontology) -> "PairTable":
        """Collect the pairs of the passages, some thousand at a time."""
        return _PairCollector(ontology).collect(passages)


class _PairCollector:
    def __init__(self, ontology: Ontology) -> None:
        self.ontology = ontology
        self.relations = [(r, TriggerWords.of(r, ontology)) for r in ontology.relation_types]
        self.symmetric = frozenset(r.name for r in ontology.relation_types if r.symmetric)
        self.ends, self.common = array("q"), array("f")
        self.rows = {r.name: array("q") for r in ontology.relation_types}
        self.labels = {r.name: array("b") for r in ontology.relation_types}
        self.triggers = {r.name: array("b") for r in ontology.relation_types}
        self.facts: dict[str, set[tuple[str, str]]] = {r.name: set() for r in ontology.relation_types}
        self.count = 0

    def collect(self, passages: Sequence[Passage]) -> PairTable:
        words = _hash_in_batches(self._iterate_features(passages))
        ends = np.frombuffer(self.ends, dtype=np.int64).reshape(-1, 5) if self.count else np.zeros((0, 5), np.int64)
        keys = np.array([int(p.passage_id[:8], 16) for p in passages], dtype=np.int64)
        common = np.array(self.common, dtype=np.float32).reshape(self.count, COMMON_CUES)
        relations = {}
        for name, numbers in self.rows.items():
            rows = np.array(numbers, dtype=np.int64)
            cues = np.array(self.triggers[name], dtype=np.float32).reshape(len(rows), len(CUE_WEIGHTS) - COMMON_CUES)
            labels = np.array(self.labels[name], dtype=bool)
            relations[name] = RelationPairs(rows, labels, np.hstack([common[rows], cues]), len(self.facts[name]))
        return PairTable(ends, words, keys[ends[:, 0]], relations)

    def _iterate_features(self, passages: Iterable[Passage]) -> Iterator[tuple[str, ...]]:
        for number, passage in enumerate(passages):
            labels = _label_keys(passage.graph, self.symmetric)
            for pair in iterate_pairs(passage, self.ontology):
                self._add(number, pair, labels)
                yield pair.features

    def _add(self, number: int, pair: EntityPair, labels: set[tuple[int, int, str]]) -> None:
        head, tail, row = pair.head, pair.tail, self.count
        self.count += 1
        self.ends.extend((number, head.id, tail.id, pair.evidence.start, pair.evidence.end))
        self.common.extend(compute_common_cues(pair.context))
        for relation, triggers in self.relations:
            if _may_connect(relation, head, tail, self.ontology):
                labelled = (head.id, tail.id, relation.name) in labels
                if labelled:
                    self.facts[relation.name].add((head.text, tail.text))
                self.rows[relation.name].append(row)
                self.labels[relation.name].append(labelled)
                self.triggers[relation.name].extend(compute_trigger_cues(pair.context, triggers))


def _label_keys(graph: Graph, symmetric: frozenset[str]) -> set[tuple[int, int, str]]:
    keys = {(r.head, r.tail, r.type) for r in graph.relations}
    return keys | {(tail, head, kind) for head, tail, kind in keys if kind in symmetric}


def _may_connect(relation: RelationType, head: Entity, tail: Entity, ontology: Ontology) -> bool:
    """Tell whether the relation may connect them; the head of a symmetric relation must be mentioned first."""
    if not ontology.allows(head.type, relation.name, tail.type):
        return False
    return not relation.symmetric or _first_mention(head) < _first_mention(tail)


def _first_mention(entity: Entity) -> tuple[int, int]:
    return (entity.mentions[0].start if entity.mentions else 0), entity.id


def _hash_in_batches(features: Iterable[tuple[str, ...]]) -> Any:
    """Return the sparse matrix of the features, hashed some thousand rows at a time."""
    from scipy.sparse import csr_matrix, vstack
    from sklearn.feature_extraction import FeatureHasher  # not at the top: it would slow down loading the definitions

    hasher = FeatureHasher(HASHED_COLUMNS, input_type="string", alternate_sign=False, dtype=np.float32)
    parts, batch = [csr_matrix((0, HASHED_COLUMNS), dtype=np.float32)], []
    for row in features:
        batch.append(row)
        if len(batch) == _BATCH_PAIRS:
            parts.append(hasher.transform(batch))
            batch = []
    return vstack([*parts, hasher.transform(batch)] if batch else parts, format="csr")
