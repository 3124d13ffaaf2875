"""Denoise labels of distant supervision: drop unlikely relations, add likely ones.

Distant supervision is wrong in two ways: it labels two names that merely occur together, and it misses statements that
the knowledge base lacks. The *words* around the two names reveal both: in the corpus as a whole, "X was born in Y" is
labelled far more often than "X visited Y" (the idea of Takamatsu et al. 2012). For each relation type, a logistic
regression on the words between and around two mentions is trained on the noisy labels. Unlikely labels are dropped,
likely relations are added, and a second round trains on the labels denoised in the first. The predictions for a passage
are out-of-fold: the model was not fitted on the passage's own labels (cross-fitting, folds by the passage's id).

No word model is trained for a relation type if its labels are few, or if the words do not explain them (two names are
labelled regardless of what the passage says). Such types are examined together. If their labels correlate with cues
that apply to every relation alike (`cues.py`), the labels are informative and are left unchanged. If not, the cues
alone decide, and labels without their support are dropped, because no label is better than a wrong one.

The confidence of a relation is a cross-fitted probability, learned from the denoised labels. A fact of the knowledge
base raises it by a weight that was chosen on annotated text (the constants below). `calibration.py` calibrates it on
gold.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from text2graph_dagster.dataset.denoising.cues import predict_from_cues
from text2graph_dagster.dataset.denoising.logistic_regression import LogisticModel, build_matrix, fit_logistic
from text2graph_dagster.dataset.denoising.pair_features import Passage
from text2graph_dagster.dataset.denoising.pair_table import (
    HASHED_COLUMNS,
    Bools,
    Floats,
    Ints,
    PairTable,
    RelationPairs,
)
from text2graph_dagster.graph.model import Graph, Relation, Span
from text2graph_dagster.ontology import Ontology

__all__ = ["DenoisedGraphs", "Denoiser", "Passage", "denoise_passages"]

# Chosen on the gazette's dev gold, MAX_FACT_WEIGHT on two folds of KnowledgeNet.
MIN_PROBABILITY = 0.53  # relations less likely than this are dropped, others are added
MIN_FACT_WEIGHT = 0.85  # minimum that a fact of the knowledge base adds to the log-odds of a relation
MAX_FACT_WEIGHT = 4.0  # maximum, reached if the names of each fact occur together in one passage only
ROUNDS = 2  # how often a model is fitted, each time on the labels as denoised so far
MIN_LABELS = 40  # no word model is trained for a relation with fewer labels
MIN_EXPLAINED = 0.2  # nor if the mean probabilities of labelled and of other pairs differ by less
MIN_EXPLAINED_BY_CUES = 0.07  # the same for cues; below this, labels without a supporting cue are dropped
MIN_DOUBTED = 120  # with fewer such labels in total, evidence is weak, and labels stay unchanged
MAX_TRAINING_PASSAGES = 60_000  # models are fitted on a random sample of this size; all passages are judged

_FOLDS = 4
_UNSEEN_REPETITIONS = 2.5  # assumed in addition to those seen: few labels do not prove that facts never repeat
_OPTIMISM = 0.65  # log-odds subtracted because some facts are not stated in any passage
_BATCH_PASSAGES = 20_000  # passages whose pairs are in memory at one time


@dataclass(frozen=True, slots=True)
class DenoisedGraphs:
    """Graphs in the passages' order, and how many relations were dropped and added in all.

    `labels` are the passages' original graphs with new confidences; no relation is dropped or added.
    """

    graphs: list[Graph]
    labels: list[Graph]
    dropped: int
    added: int


def denoise_passages(passages: Sequence[Passage], ontology: Ontology) -> DenoisedGraphs:
    """Train on the passages and return their graphs denoised; entities are unchanged.

    The provenance of an added relation is `words:` and its probability. The order of the passages does not matter.
    """
    return Denoiser.train(passages, ontology).denoise(passages)


@dataclass(frozen=True, slots=True)
class Denoiser:
    """The models of each relation; relations without one are judged by cues alone."""

    ontology: Ontology
    models: Mapping[str, "_RelationModel"]
    fact_weights: Mapping[str, float]

    @classmethod
    def train(cls, passages: Iterable[Passage], ontology: Ontology) -> "Denoiser":
        """Train on at most `MAX_TRAINING_PASSAGES` passages, sampled by their ids; `passages` is iterated once."""
        sample = heapq.nsmallest(MAX_TRAINING_PASSAGES, passages, key=lambda p: p.passage_id)
        table = PairTable.from_passages(sample, ontology)
        models = {name: found for name, pairs in table.relations.items() if (found := _train_words(table, pairs))}
        rest = {name: pairs for name, pairs in table.relations.items() if name not in models and pairs.labels.any()}
        weights = {name: _fact_weight(pairs) for name, pairs in table.relations.items()}
        return cls(ontology, {**_train_cues(table, rest), **models}, weights)

    def denoise(self, passages: Sequence[Passage]) -> DenoisedGraphs:
        """Return the passages' graphs with unlikely relations dropped and likely ones added."""
        graphs: list[Graph] = []
        labels: list[Graph] = []
        dropped = added = 0
        for start in range(0, len(passages), _BATCH_PASSAGES):
            batch = passages[start : start + _BATCH_PASSAGES]
            judgements = self._judge_passages(PairTable.from_passages(batch, self.ontology))
            for number, passage in enumerate(batch):
                own, kept, new = _apply(passage.graph, judgements.get(number, {}))
                labels.append(replace(passage.graph, relations=tuple(own)))
                graphs.append(replace(passage.graph, relations=(*kept, *new)))
                dropped, added = dropped + len(own) - len(kept), added + len(new)
        return DenoisedGraphs(graphs, labels, dropped, added)

    def _judge_passages(self, table: PairTable) -> "dict[int, _Judgements]":
        """Return {number of a passage: judgements of its relations}."""
        judgements: dict[int, _Judgements] = defaultdict(dict)
        for name, pairs in table.relations.items():
            confidence, holds = self._judge_relation(name, pairs, table)
            for i in np.flatnonzero(holds | pairs.labels):
                number, head, tail, start, end = map(int, table.ends[pairs.rows[i]])
                judgements[number][head, tail, name] = float(confidence[i]), bool(holds[i]), Span(start, end)
        return judgements

    def _judge_relation(self, name: str, pairs: RelationPairs, table: PairTable) -> tuple[Floats, Bools]:
        """Return, for each pair, the probability that the relation holds, and whether it is taken to hold."""
        model, weight = self.models.get(name), self.fact_weights.get(name, 0.0)
        if model is None or not model.folds:
            confidence = _add_fact_weight(predict_from_cues(pairs.cues), pairs.labels, weight)
            return confidence, pairs.labels & ((confidence >= MIN_PROBABILITY) | (model is not None))
        weight = max(weight, MIN_FACT_WEIGHT)
        confidence = _add_fact_weight(_predict_cross_fitted(model.folds, table, pairs), pairs.labels, weight)
        return confidence, (confidence >= MIN_PROBABILITY if model.changes_labels else pairs.labels)


# (head, tail, type) → confidence of the relation, whether it holds, and the span that covers both mentions
_Judgements = dict[tuple[int, int, str], tuple[float, bool, Span]]


def _apply(graph: Graph, judgements: _Judgements) -> tuple[list[Relation], list[Relation], list[Relation]]:
    """Return (the graph's relations with new confidences, the ones of these that hold, added relations).

    The new confidence replaces the one that a relation had before (the share of a vote).
    """
    own, kept, met = [], [], set()
    for relation in graph.relations:
        key = relation.head, relation.tail, relation.type
        inverted = relation.tail, relation.head, relation.type
        key = key if key in judgements else inverted
        met.add(key)
        confidence, holds, _ = judgements.get(key, (relation.confidence, True, None))
        own.append(replace(relation, confidence=confidence))
        kept += own[-1:] if holds else []
    new = [
        Relation(*key, span, f"words:{confidence:.2f}", confidence)
        for key, (confidence, holds, span) in judgements.items()
        if holds and key not in met
    ]
    return own, kept, new


@dataclass(frozen=True, slots=True)
class _RelationModel:
    """One model per fold, fitted without the fold (empty: use the fixed cue weights), and whether labels may change."""

    folds: Sequence[LogisticModel]
    changes_labels: bool


def _add_fact_weight(probabilities: Floats, labels: Bools, weight: float) -> Floats:
    """Return the probabilities with `weight` added to the log-odds where the knowledge base has the fact."""
    clipped = np.clip(probabilities, 1e-6, 1 - 1e-6)
    return np.asarray(1 / (1 + (1 - clipped) / clipped * np.exp(-weight * labels)))


def _fact_weight(pairs: RelationPairs) -> float:
    """Return what a label adds to the log-odds: the log-odds, within bounds, that it is right if a fact is stated once.

    If a pair of names occurs together in many passages, only few of them state the relation (compare the "expressed at
    least once" assumption of Riedel et al. 2010).
    """
    labels = int(pairs.labels.sum())
    odds = (pairs.facts + 0.5) / (labels - pairs.facts + _UNSEEN_REPETITIONS)
    return min(max(0.0, float(np.log(odds)) - _OPTIMISM), MAX_FACT_WEIGHT)


def _predict_cross_fitted(models: Sequence[LogisticModel], table: PairTable, pairs: RelationPairs) -> Floats:
    """Return the out-of-fold probability that the relation holds, for each pair."""
    folds, probabilities = table.fold_keys[pairs.rows] % _FOLDS, np.zeros(len(pairs.rows))
    for fold, model in enumerate(models):
        inside = np.flatnonzero(folds == fold)
        probabilities[inside] = model.predict(table.words[pairs.rows[inside]], pairs.cues[inside])
    return probabilities


def _train_words(table: PairTable, pairs: RelationPairs) -> _RelationModel | None:
    """Return a model per fold, or None if the labels are too few or the words do not explain them."""
    folds, labels = table.fold_keys[pairs.rows] % _FOLDS, pairs.labels
    if any(min(kept.sum(), (~kept).sum()) < MIN_LABELS for kept in _without_each_fold(labels, folds)):
        return None
    rows, columns = build_matrix(table.words[pairs.rows], pairs.cues)
    weight = max(_fact_weight(pairs), MIN_FACT_WEIGHT)
    denoised, models = labels, list[LogisticModel]()
    for number in range(ROUNDS):
        fitted = [fit_logistic(rows[folds != fold], denoised[folds != fold], columns) for fold in range(_FOLDS)]
        if any(model is None for model in fitted):
            break
        models = [model for model in fitted if model is not None]
        probabilities = _predict_cross_fitted(models, table, pairs)
        if number == 0 and probabilities[labels].mean() - probabilities[~labels].mean() < MIN_EXPLAINED:
            return None
        denoised = _add_fact_weight(probabilities, labels, weight) >= MIN_PROBABILITY
    return _RelationModel(models, changes_labels=True)


def _train_cues(table: PairTable, relations: Mapping[str, RelationPairs]) -> dict[str, _RelationModel]:
    """Train on the cues of all these relations at once; return {} if the cues do not explain the labels."""
    if not relations:
        return {}
    every = list(relations.values())
    cues = np.vstack([pairs.cues for pairs in every]).astype(np.float64)
    relation = np.repeat(np.arange(len(every)), [len(pairs.rows) for pairs in every])
    joined = np.hstack([cues, np.eye(len(every))[relation]])
    labels = np.concatenate([pairs.labels for pairs in every])
    folds = table.fold_keys[np.concatenate([pairs.rows for pairs in every])] % _FOLDS
    columns = np.arange(joined.shape[1])
    fitted = [fit_logistic(joined[folds != fold], labels[folds != fold], columns) for fold in range(_FOLDS)]
    if any(model is None for model in fitted):  # every pair is labelled: there is nothing to compare with
        return {name: _RelationModel([], changes_labels=False) for name in relations}
    models = [model for model in fitted if model is not None]
    logits = np.zeros(len(labels))
    for fold, model in enumerate(models):
        logits[folds == fold] = joined[folds == fold] @ model.weights + model.intercept
    probabilities = 1 / (1 + np.exp(-logits))
    explained = probabilities[labels].mean() - probabilities[~labels].mean()
    if labels.sum() >= MIN_DOUBTED and explained < MIN_EXPLAINED_BY_CUES:
        return {}
    width = cues.shape[1]
    cue_columns = HASHED_COLUMNS + columns[:width]
    return {
        name: _RelationModel(
            [LogisticModel(cue_columns, m.weights[:width], m.intercept + m.weights[width + i]) for m in models],
            changes_labels=False,
        )
        for i, name in enumerate(relations)
    }


def _without_each_fold(labels: Bools, folds: Ints) -> Iterator[Bools]:
    return (labels[folds != fold] for fold in range(_FOLDS))
