"""Is mending worth it? On annotated dev passages labels are compared with gold, as they are and mended.

Mending repairs noisy labels and spoils clean ones, and labels alone do not tell which they are. Gold does: relation
strict F1 of the teacher's dev graphs, the same ones mended, and the difference with its interval.

A knowledge base may know training passages better than dev's, most of all one that was made from annotations of the
former. Dev labels are then few, and what is added looks better than it is where most is labelled already. So dev is
weighed after its labels (post-stratification): what is labelled counts so much more as training passages bear more
labels, and statements without a label so much less. Where both bear as many, this is plain F1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from text2graph_dagster.evaluation.bootstrap import FloatArray, interval, resampled_sums
from text2graph_dagster.graph import Graph
from text2graph_dagster.metrics import Directions, graph_items, ratio
from text2graph_dagster.settings import DenoiseSettings

Counts = tuple[int, int, int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether labels are mended, and why, in one sentence; `gain` is what mending changes F1 by, where it is known."""

    mends: bool
    why: str
    relations: int = 0
    gain: float | None = None
    low: float | None = None
    high: float | None = None


def counts(before: Graph, after: Graph, gold: Graph, directions: Directions) -> Counts:
    """Count a passage's relations: right labels, those of them that stay; wrong ones, those of them that stay; right
    ones that mending adds, wrong ones that it adds; gold."""
    labels, mended, wanted = (set(graph_items(graph, directions).relations) for graph in (before, after, gold))
    right, wrong, added = labels & wanted, labels - wanted, mended - labels
    kept = len(right & mended), len(wrong & mended)
    return len(right), kept[0], len(wrong), kept[1], len(added & wanted), len(added - wanted), len(wanted)


def judge(
    counted: Sequence[Counts],
    documents: Sequence[int],
    labels_per_passage: float,
    settings: DenoiseSettings,
    samples: int,
    seed: int,
) -> Verdict:
    """Decide whether a corpus's labels are mended: where that makes F1 on dev better, and where dev cannot tell.

    Args:
        counted: the counts of every dev passage of which everything is annotated.
        documents: a number per passage for the document it comes from; whole documents are resampled.
        labels_per_passage: of the training passages.
    """
    if settings.when != "auto":
        return _verdict(settings.when == "always", f"denoise.when says {settings.when}")
    table = np.array(counted, dtype=np.float64).reshape(-1, 7)
    relations = int(table[:, -1].sum())
    if relations < settings.least_dev_relations:
        return _verdict(True, f"unjudged, for dev gold has {relations:,} relations, too few to tell", relations)
    columns = np.hstack([table, np.ones((len(table), 1))])
    before, after, weight = (float(value) for value in _scores(columns.sum(axis=0), labels_per_passage))
    resampled = resampled_sums(columns, samples, seed, np.asarray(documents, dtype=np.int64))
    spread = _scores(resampled, labels_per_passage)
    gain = after - before
    low, high = interval(spread[1] - spread[0]) or (gain, gain)
    why = (
        f"on {relations:,} dev relations mending {'changes' if gain > 0 else 'would change'} F1 by {gain:+.3f} "
        f"[{low:+.3f}, {high:+.3f}], from {before:.3f} to {after:.3f}, dev's labels weighing "
        f"{weight:.1f}-fold"
    )
    return _verdict(gain > 0, why, relations, gain, low, high)


def _verdict(mends: bool, why: str, relations: int = 0, *figures: float) -> Verdict:
    return Verdict(mends, f"labels are {'mended' if mends else 'left as they are'}: {why}", relations, *figures)


def _scores(sums: FloatArray, labels_per_passage: float) -> tuple[FloatArray, FloatArray, npt.NDArray[np.float64]]:
    """Return F1 before and after, and the weight of a label, of sums (…, 8): the counts, then the passages."""
    right, right_kept, wrong, wrong_kept, added_right, added_wrong, gold, passages = np.moveaxis(sums, -1, 0)
    wanted = np.nan_to_num(ratio(labels_per_passage * passages, right + wrong), nan=1.0)
    weight = np.fmin(wanted, ratio(gold, right))  # no more than all of gold is labelled
    unlabelled = np.nan_to_num(ratio(gold - weight * right, gold - right), nan=0.0)
    stays, added = weight * right_kept, unlabelled * added_right
    before = _f1(weight * right, weight * wrong, gold)
    return before, _f1(stays + added, weight * wrong_kept + added_wrong, gold), weight


def _f1(right: FloatArray, wrong: FloatArray, gold: FloatArray) -> FloatArray:
    return np.nan_to_num(ratio(2 * right, right + wrong + gold))
