"""Calibrate relation confidences on dev gold, so that 8 of 10 relations with confidence 0.8 are right.

Denoising learns from labels, so it estimates the probability that a pair is *labelled*. This is too low if the
knowledge base lacks facts, and too high if names occur together by chance. Gold shows by how much.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from text2graph_dagster.graph.model import Graph
from text2graph_dagster.metrics import Directions, graph_items

ConfidenceOutcome = tuple[float, bool]  # a relation's confidence, and whether gold has the relation
_MAX_PROBABILITY = 1 - 1e-6


def collect_outcomes(graph: Graph, gold: Graph, directions: Directions) -> list[ConfidenceOutcome]:
    """Return the outcome of every relation with a confidence."""
    expected = set(graph_items(gold, directions).relations)
    return [
        (r.confidence, not expected.isdisjoint(graph_items(replace(graph, relations=(r,)), directions).relations))
        for r in graph.relations
        if r.confidence is not None
    ]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Maps a confidence p to the logistic function of `slope` · logit p + `shift` (Platt 1999)."""

    summary: str
    slope: float = 1.0
    shift: float = 0.0

    def __call__(self, confidence: float) -> float:
        """Return the calibrated confidence."""
        return float(1 / (1 + np.exp(-self.slope * _logit(confidence) - self.shift)))

    def apply(self, graph: Graph) -> Graph:
        """Return the graph with its confidences calibrated."""
        if (self.slope, self.shift) == (1.0, 0.0):
            return graph
        relations = (r if r.confidence is None else replace(r, confidence=self(r.confidence)) for r in graph.relations)
        return replace(graph, relations=tuple(relations))


def fit_calibration(outcomes: Sequence[ConfidenceOutcome], min_relations: int) -> Calibration:
    """Fit a calibration to relations of dev passages; with fewer than `min_relations`, confidences stay unchanged."""
    from sklearn.linear_model import LogisticRegression

    if len(outcomes) < min_relations:
        return Calibration(f"confidence is not calibrated: {len(outcomes):,} relations on dev are too few")
    logits = _logit(np.array([confidence for confidence, _ in outcomes]))
    right = np.array([is_right for _, is_right in outcomes], dtype=np.float64)
    # Platt's targets: n cases prove no certainty, so each case also counts a little as its opposite.
    targets = (right * (right.sum() + 1) + (1 - right)) / (right * right.sum() + (1 - right) * (1 - right).sum() + 2)
    regression = LogisticRegression(C=1.0)
    regression.fit(
        np.concatenate([logits, logits])[:, None],
        np.repeat([True, False], len(outcomes)),
        sample_weight=np.concatenate([targets, 1 - targets]),
    )
    slope, shift = float(regression.coef_[0, 0]), float(regression.intercept_[0])
    if slope <= 0:  # confidences do not rise with correctness: use the share of right relations for all
        share = (right.sum() + 1) / (len(outcomes) + 2)
        slope, shift = 0.0, float(np.log(share / (1 - share)))
    mean, share_right = float(np.mean([c for c, _ in outcomes])), float(right.mean())
    return Calibration(
        f"confidence is calibrated on {len(outcomes):,} relations on dev: mean {mean:.2f}, {share_right:.2f} are right",
        slope,
        shift,
    )


def _logit(probability: float | np.ndarray) -> np.ndarray:
    clipped = np.clip(probability, 1 - _MAX_PROBABILITY, _MAX_PROBABILITY)
    return np.asarray(np.log(clipped / (1 - clipped)))
