"""Decide on dev gold whether to denoise labels: compare the original and the denoised labels with gold.

Denoising repairs noisy labels and damages clean ones, and labels alone do not show whether they are noisy. Gold shows
it by strict relation F1 of the teacher's dev graphs and of the same graphs denoised; the difference is reported with
its interval. Dropping and adding are decided separately: if labels are right but few, adding helps and dropping does
not.

A knowledge base may cover training passages better than dev passages, especially if it was made from annotations of the
training passages. Dev then has too few labels, so that adding relations looks more useful than it is on training
passages, most of whose relations are labelled already. Dev is therefore reweighted (post-stratification): labelled
relations are weighted by the ratio of labels per training passage to labels per dev passage, and relations without a
label get less weight. If this ratio is 1, the result is plain F1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from text2graph_dagster.bootstrap import FloatArray, percentile_interval, resample_sums
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.metrics import Directions, graph_items, ratio
from text2graph_dagster.settings import DenoiseSettings

MIN_DEV_RELATIONS = 50  # with fewer relations in dev gold, F1 is too uncertain, and labels are denoised
MIN_GAIN = 0.005  # minimum F1 gain required to denoise

_Steps = tuple[bool, bool]  # whether labels are dropped, whether relations are added
_NEITHER, _BOTH = (False, False), (True, True)
_DESCRIPTIONS: dict[_Steps, str] = {
    _NEITHER: "left unchanged",
    (True, False): "denoised by dropping only",
    (False, True): "denoised by adding only",
    _BOTH: "denoised",
}


class RelationCounts(NamedTuple):
    """Counts of a dev passage's relations: labels and how many denoising keeps, relations that it adds, and gold."""

    right: int
    right_kept: int
    wrong: int
    wrong_kept: int
    right_added: int
    wrong_added: int
    gold: int


@dataclass(frozen=True, slots=True)
class DenoiseDecision:
    """Whether unlikely labels are dropped and likely relations added, with a one-sentence summary.

    `gain` is the change of F1 on the `relations` relations of dev gold, and [`low`, `high`] is its 95 % interval. If
    neither step is taken, `gain` is the change that both steps together would make.
    """

    drops: bool
    adds: bool
    summary: str
    relations: int = 0
    gain: float | None = None
    low: float | None = None
    high: float | None = None

    def apply(self, labels: Graph, denoised: Graph) -> Graph:
        """Return the labels after the denoising steps that were decided."""
        kept, known = set(denoised.relations), set(labels.relations)
        old = [label for label in labels.relations if label in kept or not self.drops]
        new = [relation for relation in denoised.relations if self.adds and relation not in known]
        return replace(labels, relations=(*old, *new))


def leave_unchanged(reason: str) -> DenoiseDecision:
    """Return the decision to change nothing; `reason` is a clause for its summary."""
    return _make_decision(_NEITHER, reason)


def count_relations(labels: Graph, denoised: Graph, gold: Graph, directions: Directions) -> RelationCounts:
    """Compare a passage's labels and its denoised graph with gold."""
    before, after, expected = (set(graph_items(graph, directions).relations) for graph in (labels, denoised, gold))
    right, wrong, added = before & expected, before - expected, after - before
    return RelationCounts(
        len(right),
        len(right & after),
        len(wrong),
        len(wrong & after),
        len(added & expected),
        len(added - expected),
        len(expected),
    )


def decide(
    counts: Sequence[RelationCounts],
    documents: Sequence[int],
    labels_per_passage: float,
    settings: DenoiseSettings,
    samples: int,
    seed: int,
) -> DenoiseDecision:
    """Choose the denoising steps with the best F1 on dev, or both steps if dev has too few relations to decide.

    Args:
        counts: of every dev passage that is annotated exhaustively.
        documents: a number per passage for the document it comes from; whole documents are resampled.
        labels_per_passage: mean number of labels of a training passage.
        samples: bootstrap samples of the interval.
        seed: seed of the bootstrap.
    """
    if settings.when != "auto":
        return _make_decision(_BOTH if settings.when == "always" else _NEITHER, f"denoise.when is {settings.when}")
    table = np.array(counts, dtype=np.float64).reshape(-1, 7)
    relations = int(table[:, -1].sum())
    if relations < MIN_DEV_RELATIONS:
        return _make_decision(_BOTH, f"not evaluated, because dev gold has only {relations:,} relations", relations)
    return _choose_steps(table, documents, labels_per_passage, samples, seed)


def _choose_steps(
    table: FloatArray, documents: Sequence[int], labels_per_passage: float, samples: int, seed: int
) -> DenoiseDecision:
    """Choose the steps with the best F1 on a table of `RelationCounts`, a row per passage."""
    columns = np.hstack([table, np.ones((len(table), 1))])
    totals = columns.sum(axis=0)
    resampled = resample_sums(columns, samples, seed, np.asarray(documents, dtype=np.int64))
    scores = {steps: float(_weighted_f1(totals, labels_per_passage, steps)) for steps in _DESCRIPTIONS}
    best = max(_DESCRIPTIONS, key=lambda steps: scores[steps])  # in a tie the first, which changes least
    best = best if scores[best] > scores[_NEITHER] + MIN_GAIN else _NEITHER
    reported = best if any(best) else _BOTH
    gains = _weighted_f1(resampled, labels_per_passage, reported) - _weighted_f1(
        resampled, labels_per_passage, _NEITHER
    )
    before, after = scores[_NEITHER], scores[reported]
    gain, relations = after - before, int(table[:, -1].sum())
    low, high = percentile_interval(gains) or (gain, gain)
    weight = float(_label_weight(totals, labels_per_passage))
    reason = (
        f"on {relations:,} dev relations {'this changes' if any(best) else 'denoising would change'} F1 by {gain:+.3f} "
        f"[{low:+.3f}, {high:+.3f}], from {before:.3f} to {after:.3f}; dev labels have weight {weight:.1f}"
    )
    return _make_decision(best, reason, relations, gain, low, high)


def _make_decision(steps: _Steps, reason: str, relations: int = 0, *figures: float) -> DenoiseDecision:
    return DenoiseDecision(*steps, f"labels are {_DESCRIPTIONS[steps]}: {reason}", relations, *figures)


def _label_weight(sums: FloatArray, labels_per_passage: float) -> FloatArray:
    """Return the weight of a dev label, from sums (…, 8): `RelationCounts`, then the number of passages."""
    right, wrong, gold, passages = sums[..., 0], sums[..., 2], sums[..., 6], sums[..., 7]
    wanted = np.nan_to_num(ratio(labels_per_passage * passages, right + wrong), nan=1.0)
    return np.asarray(np.fmin(wanted, ratio(gold, right)))  # at most all relations of gold are labelled


def _weighted_f1(sums: FloatArray, labels_per_passage: float, steps: _Steps) -> FloatArray:
    """Return F1 of the labels after these steps, from sums as in `_label_weight`."""
    right, right_kept, wrong, wrong_kept, right_added, wrong_added, gold, _ = np.moveaxis(sums, -1, 0)
    weight = _label_weight(sums, labels_per_passage)
    unlabelled = np.nan_to_num(ratio(gold - weight * right, gold - right), nan=0.0)
    drops, adds = steps
    found = weight * (right_kept if drops else right) + adds * unlabelled * right_added
    spurious = weight * (wrong_kept if drops else wrong) + adds * wrong_added
    return np.nan_to_num(ratio(2 * found, found + spurious + gold))
