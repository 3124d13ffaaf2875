"""Is mending worth it? On annotated dev passages labels are compared with gold, as they are and mended.

Mending repairs noisy labels and spoils clean ones, and labels alone do not tell which they are. Gold does: relation
strict F1 of the teacher's dev graphs, the same ones mended, and the difference with its interval. Dropping and adding
are judged apart: where labels are right but few, what is added helps and what is dropped does not.

A knowledge base may know training passages better than dev's, most of all one that was made from annotations of the
former. Dev labels are then few, and what is added looks better than it is where most is labelled already. So dev is
weighed after its labels (post-stratification): what is labelled counts so much more as training passages bear more
labels, and statements without a label so much less. Where both bear as many, this is plain F1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from text2graph_dagster.bootstrap import FloatArray, interval, resampled_sums
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.metrics import Directions, graph_items, ratio
from text2graph_dagster.settings import DenoiseSettings

MIN_DEV_RELATIONS = 50  # with fewer relations in dev gold, F1 cannot decide and labels are denoised
MIN_GAIN = 0.005  # minimum F1 gain required to denoise

Counts = tuple[int, int, int, int, int, int, int]
Way = tuple[bool, bool]  # whether labels are dropped, whether relations are added
_NEITHER, _BOTH = (False, False), (True, True)
_WAYS = {
    _NEITHER: "left as they are",
    (True, False): "mended by dropping alone",
    (False, True): "mended by adding alone",
    _BOTH: "mended",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether unlikely labels are dropped and likely relations added, and why, in one sentence.

    `gain` is what that changes F1 by on `relations` of dev; what both together would, if neither is done.
    """

    drops: bool
    adds: bool
    why: str
    relations: int = 0
    gain: float | None = None
    low: float | None = None
    high: float | None = None

    def apply(self, before: Graph, mended: Graph) -> Graph:
        """Return the labels with as much of the mending as is wanted."""
        stays, labels = set(mended.relations), set(before.relations)
        kept = [label for label in before.relations if label in stays or not self.drops]
        new = [relation for relation in mended.relations if self.adds and relation not in labels]
        return replace(before, relations=(*kept, *new))


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
    """Decide how a corpus's labels are mended: as makes F1 on dev best, and in every way where dev cannot tell.

    Args:
        counted: the counts of every dev passage of which everything is annotated.
        documents: a number per passage for the document it comes from; whole documents are resampled.
        labels_per_passage: of the training passages.
    """
    if settings.when != "auto":
        return _verdict(_BOTH if settings.when == "always" else _NEITHER, f"denoise.when says {settings.when}")
    table = np.array(counted, dtype=np.float64).reshape(-1, 7)
    relations = int(table[:, -1].sum())
    if relations < MIN_DEV_RELATIONS:
        return _verdict(_BOTH, f"unjudged, for dev gold has {relations:,} relations, too few to tell", relations)
    columns = np.hstack([table, np.ones((len(table), 1))])
    totals = columns.sum(axis=0)
    resampled = resampled_sums(columns, samples, seed, np.asarray(documents, dtype=np.int64))
    weight = float(_weight(totals, labels_per_passage))
    scores = {way: float(_score(totals, labels_per_passage, way)) for way in _WAYS}
    best = max(_WAYS, key=lambda way: scores[way])  # of equal ones the first, which changes least
    best = best if scores[best] > scores[_NEITHER] + MIN_GAIN else _NEITHER
    told = best if any(best) else _BOTH
    before, after = scores[_NEITHER], scores[told]
    spread = _score(resampled, labels_per_passage, told) - _score(resampled, labels_per_passage, _NEITHER)
    gain = after - before
    low, high = interval(spread) or (gain, gain)
    why = (
        f"on {relations:,} dev relations {'this changes' if any(best) else 'mending would change'} F1 by {gain:+.3f} "
        f"[{low:+.3f}, {high:+.3f}], from {before:.3f} to {after:.3f}, dev's labels weighing {weight:.1f}-fold"
    )
    return _verdict(best, why, relations, gain, low, high)


def _verdict(way: Way, why: str, relations: int = 0, *figures: float) -> Verdict:
    return Verdict(*way, f"labels are {_WAYS[way]}: {why}", relations, *figures)


def _weight(sums: FloatArray, labels_per_passage: float) -> FloatArray:
    """Return how much a label weighs, from sums (…, 8): the counts, then the passages."""
    right, wrong, gold, passages = sums[..., 0], sums[..., 2], sums[..., 6], sums[..., 7]
    wanted = np.nan_to_num(ratio(labels_per_passage * passages, right + wrong), nan=1.0)
    return np.asarray(np.fmin(wanted, ratio(gold, right)))  # no more than all of gold is labelled


def _score(sums: FloatArray, labels_per_passage: float, way: Way) -> FloatArray:
    """Return F1 of labels that are mended in this way."""
    right, right_kept, wrong, wrong_kept, added_right, added_wrong, gold, _ = np.moveaxis(sums, -1, 0)
    weight = _weight(sums, labels_per_passage)
    unlabelled = np.nan_to_num(ratio(gold - weight * right, gold - right), nan=0.0)
    drops, adds = way
    found = weight * (right_kept if drops else right) + adds * unlabelled * added_right
    spurious = weight * (wrong_kept if drops else wrong) + adds * added_wrong
    return np.nan_to_num(ratio(2 * found, found + spurious + gold))
