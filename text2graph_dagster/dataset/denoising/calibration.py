"""A confidence that means what it says: held against dev gold, a relation said to be right with .8 is right in 8 of 10.

What mending learns from labels is a probability of being *labelled*. Where facts are missing from the knowledge base
that is too low, where names stand together by chance too high; gold tells by how much.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from text2graph_dagster.graph.model import Graph
from text2graph_dagster.metrics import Directions, graph_items

Sure = Sequence[tuple[float, bool]]  # of relations: confidence, and whether gold has it
_MOST = 1 - 1e-6


def sure(graph: Graph, gold: Graph, directions: Directions) -> Sure:
    """Return the confidence of a graph's relations, where they have one, and whether gold has them."""
    wanted = set(graph_items(gold, directions).relations)
    return [
        (r.confidence, not wanted.isdisjoint(graph_items(replace(graph, relations=(r,)), directions).relations))
        for r in graph.relations
        if r.confidence is not None
    ]


@dataclass(frozen=True, slots=True)
class Calibration:
    """A confidence p becomes the logistic function of `slope` · logit p + `shift` (Platt 1999)."""

    why: str
    slope: float = 1.0
    shift: float = 0.0

    def __call__(self, confidence: float) -> float:
        """Return what a confidence is worth."""
        return float(1 / (1 + np.exp(-self.slope * _logit(confidence) - self.shift)))

    def apply(self, graph: Graph) -> Graph:
        """Return the graph with its confidences calibrated."""
        if (self.slope, self.shift) == (1.0, 0.0):
            return graph
        relations = (r if r.confidence is None else replace(r, confidence=self(r.confidence)) for r in graph.relations)
        return replace(graph, relations=tuple(relations))


def calibrate(said: Sure, least: int) -> Calibration:
    """Fit a calibration to relations of dev passages; with fewer than `least` of them confidences stay as they are."""
    from sklearn.linear_model import LogisticRegression

    if len(said) < least:
        return Calibration(f"confidence is not held against gold: {len(said):,} relations on dev, too few to tell")
    logits = _logit(np.array([confidence for confidence, _ in said]))
    right = np.array([met for _, met in said], dtype=np.float64)
    # Platt's targets: nothing is certain after n cases, so each counts a little as its opposite too.
    wanted = (right * (right.sum() + 1) + (1 - right)) / (right * right.sum() + (1 - right) * (1 - right).sum() + 2)
    regression = LogisticRegression(C=1.0)
    regression.fit(
        np.concatenate([logits, logits])[:, None],
        np.repeat([True, False], len(said)),
        sample_weight=np.concatenate([wanted, 1 - wanted]),
    )
    slope, shift = float(regression.coef_[0, 0]), float(regression.intercept_[0])
    if slope <= 0:  # what it says is no guide here: the share of right ones is all that is known
        share = (right.sum() + 1) / (len(said) + 2)
        slope, shift = 0.0, float(np.log(share / (1 - share)))
    mean, share_right = float(np.mean([c for c, _ in said])), float(right.mean())
    return Calibration(
        f"confidence is held against {len(said):,} relations on dev: {mean:.2f} was said, {share_right:.2f} are right",
        slope,
        shift,
    )


def _logit(probability: float | np.ndarray) -> np.ndarray:
    clipped = np.clip(probability, 1 - _MOST, _MOST)
    return np.asarray(np.log(clipped / (1 - clipped)))
