"""How reliable a confidence is: of relations with confidence 0.8, are eight in ten right?"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from text2graph_dagster.bootstrap import percentile_interval, resample_sums
from text2graph_dagster.dataset.denoising.calibration import ConfidenceOutcome

EDGES = (0.6, 0.7, 0.8, 0.9, 0.95)
_Floats = npt.NDArray[np.float64]


def rows(name: str, passages: Sequence[Sequence[ConfidenceOutcome]], samples: int) -> list[dict[str, Any]]:
    """Return a row per bin of confidence (n, mean confidence, share right), and one for all bins with the error.

    The expected calibration error (Naeini et al. 2015) is the mean distance of the two figures over the bins, weighted
    by n; its interval is a bootstrap over passages.
    """
    vectors = np.array([_binned(sure) for sure in passages]).reshape(len(passages), -1)
    totals = vectors.sum(axis=0)
    low, high = percentile_interval(_error(resample_sums(vectors, samples, seed=0))) or (0.0, 0.0)
    bounds = ["0", *map(str, EDGES), "1"]
    shown = [
        _row(name, f"{bounds[i]} to {bounds[i + 1]}", sums, "")
        for i, sums in enumerate(totals.reshape(-1, 3))
        if sums[0]
    ]
    error = f"{float(_error(totals)):.3f} [{low:.3f}, {high:.3f}]"
    return [*shown, _row(name, "all", totals.reshape(-1, 3).sum(axis=0), error)]


def auc(marked: Sequence[tuple[float, bool]]) -> float:
    """Return the probability that a right one has a higher score than a wrong one (AUC); ties count half."""
    values = np.array([score for score, _ in marked])
    right = np.array([met for _, met in marked], dtype=bool)
    if not right.any() or right.all():
        return float("nan")
    _, inverse, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[inverse]
    positive = int(right.sum())
    return float((ranks[right].sum() - positive * (positive + 1) / 2) / (positive * (len(right) - positive)))


def _binned(sure: Sequence[ConfidenceOutcome]) -> _Floats:
    """Return number, sum of confidences and number right of every bin."""
    sums = np.zeros((len(EDGES) + 1, 3))
    for confidence, right in sure:
        sums[np.searchsorted(EDGES, confidence, side="right")] += 1, confidence, right
    return sums.ravel()


def _error(sums: _Floats) -> _Floats:
    """Return the expected calibration error of sums (…, bins x 3)."""
    number, confidence, right = np.moveaxis(sums.reshape(*sums.shape[:-1], -1, 3), -1, 0)
    return np.asarray(np.abs(confidence - right).sum(axis=-1) / np.maximum(number.sum(axis=-1), 1))


def _row(name: str, bounds: str, sums: _Floats, error: str) -> dict[str, Any]:
    number, confidence, right = (float(value) for value in sums)
    figures = {"confidence": f"{confidence / max(number, 1):.3f}", "right": f"{right / max(number, 1):.3f}"}
    return {"set": name, "confidence from": bounds, "n": int(number), **figures, "calibration error": error}
