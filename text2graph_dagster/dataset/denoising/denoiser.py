"""Which ways of saying go with which relation is learnt from the corpus itself, and labels that do not fit are mended.

Distant supervision is wrong in two ways: two names that stand together are taken for a statement, and a statement that
the knowledge base does not hold is passed over. Either way the *words* around the two names tell: in the corpus as a
whole, "X was born in Y" is labelled far more often than "X visited Y" (the idea of Takamatsu et al. 2012). Per relation
a logistic regression on the words between and around two mentions learns from the noisy labels how likely a statement
is; a label that is unlikely is dropped, a relation that is likely is added; a second round learns from the labels so
mended. No passage is judged by a model that was fitted on its own label (folds by the passage's id).

Where labels are few, or the words do not explain them (two names stand together whatever is said of them), no words
can be learnt. Such relations are looked at together: if labels go with cues that speak of every relation alike
(`cues.py`), labels mean something in this corpus and are left as they are. If not, the cues alone judge, and what they
do not speak for is dropped: no label is better than a wrong one.

Every relation bears its confidence: a cross-fitted probability, learnt from the mended labels; how much a fact of the
knowledge base adds was chosen on annotated text (the constants below). `calibration.py` holds it against gold.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from text2graph_dagster.dataset.denoising.cues import likelihood
from text2graph_dagster.dataset.denoising.logistic_regression import Model, fit, matrix
from text2graph_dagster.dataset.denoising.pair_features import Passage
from text2graph_dagster.dataset.denoising.pair_table import HASHED, Asked, Bools, Floats, Ints, PairTable
from text2graph_dagster.graph.model import Graph, Relation, Span
from text2graph_dagster.ontology import Ontology

__all__ = ["Denoised", "Mender", "Passage", "denoise"]

# Chosen on the gazette's dev gold, MAX_FACT_WEIGHT on two folds of KnowledgeNet.
MIN_PROBABILITY = 0.53  # relations less likely than this are dropped, others are added
MIN_FACT_WEIGHT = 0.85  # minimum that a fact of the knowledge base adds to the log-odds of its statement
MAX_FACT_WEIGHT = 4.0  # maximum, reached where the names of each fact are together in one passage only
ROUNDS = 2  # how often a model is fitted, each time on the labels as denoised so far
MIN_LABELS = 40  # no words are learnt for a relation with fewer labels
MIN_EXPLAINED = 0.2  # nor where labelled pairs are not more likely than others by this, judged by their words
MIN_EXPLAINED_BY_CUES = 0.07  # below this, such relations' labels are dropped where no cue supports them
MIN_DOUBTED = 120  # fewer such labels in all are not enough evidence against them: they are left
MAX_TRAINING_PASSAGES = 60_000  # a random sample is learnt from; all passages are judged

_FOLDS = 4
_UNSEEN_REPETITIONS = 2.5  # so many are assumed beside those seen: a few labels are no proof that facts never repeat
_OPTIMISM = 0.65  # of the assumption that each fact is stated at all
_BATCH = 20_000  # passages whose pairs are held at one time


@dataclass(frozen=True, slots=True)
class Denoised:
    """Graphs in the passages' order, and how many relations were dropped and added in all.

    `labels` are the passages' own graphs: nothing dropped or added, but a confidence put on every relation.
    """

    graphs: list[Graph]
    labels: list[Graph]
    dropped: int
    added: int


def denoise(passages: Sequence[Passage], ontology: Ontology) -> Denoised:
    """Return the passages' graphs with unlikely relations dropped and likely ones added; entities stay.

    An added relation's provenance is `words:` and its probability. The result depends on the passages, not on their
    order.
    """
    return Mender.learn(passages, ontology).mend(passages)


@dataclass(frozen=True, slots=True)
class Mender:
    """What was learnt of each relation; one of which nothing is known is judged by cues alone."""

    ontology: Ontology
    learnt: Mapping[str, "_Learnt"]
    fact_weights: Mapping[str, float]

    @classmethod
    def learn(cls, passages: Iterable[Passage], ontology: Ontology) -> "Mender":
        """Learn from at most `MAX_TRAINING_PASSAGES` passages, drawn by their ids; `passages` is gone through once."""
        sample = heapq.nsmallest(MAX_TRAINING_PASSAGES, passages, key=lambda p: p.passage_id)
        table = PairTable.read(sample, ontology)
        learnt = {name: found for name, asked in table.asked.items() if (found := _learn(table, asked))}
        thin = {name: asked for name, asked in table.asked.items() if name not in learnt and asked.labels.any()}
        weights = {name: _fact_weight(asked) for name, asked in table.asked.items()}
        return cls(ontology, {**_learn_together(table, thin), **learnt}, weights)

    def mend(self, passages: Sequence[Passage]) -> Denoised:
        """Return the passages' graphs with their relations judged."""
        graphs: list[Graph] = []
        labels: list[Graph] = []
        dropped = added = 0
        for start in range(0, len(passages), _BATCH):
            batch = passages[start : start + _BATCH]
            verdicts = self._verdicts(PairTable.read(batch, self.ontology))
            for number, passage in enumerate(batch):
                own, kept, new = _apply(passage.graph, verdicts.get(number, {}))
                labels.append(replace(passage.graph, relations=tuple(own)))
                graphs.append(replace(passage.graph, relations=(*kept, *new)))
                dropped, added = dropped + len(own) - len(kept), added + len(new)
        return Denoised(graphs, labels, dropped, added)

    def _verdicts(self, table: PairTable) -> "dict[int, _Verdicts]":
        """Return what is said of the relations of every passage, by its number."""
        verdicts: dict[int, _Verdicts] = defaultdict(dict)
        for name, asked in table.asked.items():
            confidence, holds = self._judge(name, asked, table)
            for i in np.flatnonzero(holds | asked.labels):
                number, head, tail, start, end = map(int, table.ends[asked.rows[i]])
                verdicts[number][head, tail, name] = float(confidence[i]), bool(holds[i]), Span(start, end)
        return verdicts

    def _judge(self, name: str, asked: Asked, table: PairTable) -> tuple[Floats, Bools]:
        """Return how likely each pair's statement is, and which are taken to hold."""
        learnt, weight = self.learnt.get(name), self.fact_weights.get(name, 0.0)
        if learnt is None or not learnt.models:
            confidence = _with_fact(likelihood(asked.cues), asked.labels, weight)
            return confidence, asked.labels & ((confidence >= MIN_PROBABILITY) | (learnt is not None))
        weight = max(weight, MIN_FACT_WEIGHT)
        confidence = _with_fact(_cross_judged(learnt.models, table, asked), asked.labels, weight)
        return confidence, (confidence >= MIN_PROBABILITY if learnt.mends else asked.labels)


_Verdicts = dict[tuple[int, int, str], tuple[float, bool, Span]]  # relation: confidence, whether it holds, stretch


def _apply(graph: Graph, verdicts: _Verdicts) -> tuple[list[Relation], list[Relation], list[Relation]]:
    """Return the graph's relations with their confidence, those of them that hold, and those that are new.

    What the words say of a relation takes the place of the confidence that it came with (the share of a vote).
    """
    own, kept, met = [], [], set()
    for relation in graph.relations:
        key = relation.head, relation.tail, relation.type
        turned = relation.tail, relation.head, relation.type
        key = key if key in verdicts else turned
        met.add(key)
        confidence, holds, _ = verdicts.get(key, (relation.confidence, True, None))
        own.append(replace(relation, confidence=confidence))
        kept += own[-1:] if holds else []
    new = [
        Relation(*key, span, f"words:{confidence:.2f}", confidence)
        for key, (confidence, holds, span) in verdicts.items()
        if holds and key not in met
    ]
    return own, kept, new


@dataclass(frozen=True, slots=True)
class _Learnt:
    """A model per fold, that did not see it (none: cues). `mends`: labels are dropped and added; else they are left."""

    models: Sequence[Model]
    mends: bool


def _with_fact(probabilities: Floats, labels: Bools, weight: float) -> Floats:
    """Return the probabilities with `weight` added to the log-odds where the knowledge base holds the fact."""
    clipped = np.clip(probabilities, 1e-6, 1 - 1e-6)
    return np.asarray(1 / (1 + (1 - clipped) / clipped * np.exp(-weight * labels)))


def _fact_weight(asked: Asked) -> float:
    """Return what a label adds to the log-odds: those of being right if every fact is stated just once, bounded.

    A pair of names that stands together in many passages is hardly spoken of as related in each of them (compare the
    "expressed at least once" assumption of Riedel et al. 2010).
    """
    labels = int(asked.labels.sum())
    odds = (asked.facts + 0.5) / (labels - asked.facts + _UNSEEN_REPETITIONS)
    return min(max(0.0, float(np.log(odds)) - _OPTIMISM), MAX_FACT_WEIGHT)


def _cross_judged(models: Sequence[Model], table: PairTable, asked: Asked) -> Floats:
    """Return how likely each pair's statement is, by the model that did not see its passage."""
    folds, probabilities = table.keys[asked.rows] % _FOLDS, np.zeros(len(asked.rows))
    for fold, model in enumerate(models):
        mine = np.flatnonzero(folds == fold)
        probabilities[mine] = model.probabilities(table.words[asked.rows[mine]], asked.cues[mine])
    return probabilities


def _learn(table: PairTable, asked: Asked) -> _Learnt | None:
    """Return a model per fold, or nothing when the labels are too few or the words do not explain them."""
    folds, labels = table.keys[asked.rows] % _FOLDS, asked.labels
    if any(min(seen.sum(), (~seen).sum()) < MIN_LABELS for seen in _seen(labels, folds)):
        return None
    rows, columns = matrix(table.words[asked.rows], asked.cues)
    weight = max(_fact_weight(asked), MIN_FACT_WEIGHT)
    mended, models = labels, list[Model]()
    for number in range(ROUNDS):
        fitted = [fit(rows[folds != fold], mended[folds != fold], columns) for fold in range(_FOLDS)]
        if any(model is None for model in fitted):
            break
        models = [model for model in fitted if model is not None]
        probabilities = _cross_judged(models, table, asked)
        if number == 0 and probabilities[labels].mean() - probabilities[~labels].mean() < MIN_EXPLAINED:
            return None
        mended = _with_fact(probabilities, labels, weight) >= MIN_PROBABILITY
    return _Learnt(models, mends=True)


def _learn_together(table: PairTable, thin: Mapping[str, Asked]) -> dict[str, _Learnt]:
    """Learn from the cues of all these relations at once; return nothing when they do not explain the labels."""
    if not thin:
        return {}
    cues = np.vstack([asked.cues for asked in thin.values()]).astype(np.float64)
    which = np.repeat(np.arange(len(thin)), [len(asked.rows) for asked in thin.values()])
    joined = np.hstack([cues, np.eye(len(thin))[which]])
    labels = np.concatenate([asked.labels for asked in thin.values()])
    folds = table.keys[np.concatenate([asked.rows for asked in thin.values()])] % _FOLDS
    columns = np.arange(joined.shape[1])
    fitted = [fit(joined[folds != fold], labels[folds != fold], columns) for fold in range(_FOLDS)]
    if any(model is None for model in fitted):  # every pair is labelled: there is nothing to compare with
        return {name: _Learnt([], mends=False) for name in thin}
    models = [model for model in fitted if model is not None]
    logits = np.zeros(len(labels))
    for fold, model in enumerate(models):
        logits[folds == fold] = joined[folds == fold] @ model.weights + model.intercept
    probabilities = 1 / (1 + np.exp(-logits))
    explained = probabilities[labels].mean() - probabilities[~labels].mean()
    if labels.sum() >= MIN_DOUBTED and explained < MIN_EXPLAINED_BY_CUES:
        return {}
    width = cues.shape[1]
    return {
        name: _Learnt(
            [Model(HASHED + columns[:width], m.weights[:width], m.intercept + m.weights[width + i]) for m in models],
            mends=False,
        )
        for i, name in enumerate(thin)
    }


def _seen(labels: Bools, folds: Ints) -> Iterator[Bools]:
    return (labels[folds != fold] for fold in range(_FOLDS))
