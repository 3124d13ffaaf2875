"""A logistic regression on hashed words and cues that keeps only the columns it uses."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from text2graph_dagster.dataset.denoising.pair_table import HASHED, Bools, Floats, Ints

_STRENGTH = 0.5  # inverse of the regularisation; chosen, like the thresholds, on the gazette's dev gold
_TOLERANCE = 1e-2
_LEAST_SEEN = 2  # a word seen once in a relation's pairs tells nothing


@dataclass(frozen=True, slots=True)
class Model:
    """A fitted logistic regression: the columns it uses (hashed words, then cues), their weights, the intercept."""

    columns: Ints
    weights: Floats
    intercept: float

    def probabilities(self, words: Any, cues: Any) -> Floats:
        """Return how likely each row is: (pairs, hashed words), (pairs, cues) to (pairs,)."""
        dense = np.zeros(HASHED + cues.shape[1])
        dense[self.columns] = self.weights
        logits = words @ dense[:HASHED] + cues @ dense[HASHED:] + self.intercept
        return np.asarray(1 / (1 + np.exp(-logits)))


def matrix(words: Any, cues: Any) -> tuple[Any, Ints]:
    """Return words and cues side by side without the columns that are hardly ever used, and the columns' numbers."""
    from scipy.sparse import csr_matrix, hstack

    used = np.flatnonzero(np.bincount(words.indices, minlength=HASHED) >= _LEAST_SEEN)
    columns = np.concatenate([used, HASHED + np.arange(cues.shape[1])])
    return hstack([words[:, used], csr_matrix(cues)], format="csr", dtype=np.float64), columns


def fit(rows: Any, labels: Bools, columns: Ints) -> Model | None:
    """Return the regression, or None where all labels are the same."""
    from sklearn.linear_model import LogisticRegression

    if labels.all() or not labels.any():
        return None
    regression = LogisticRegression(solver="liblinear", C=_STRENGTH, tol=_TOLERANCE, random_state=0)
    regression.fit(rows, labels)
    return Model(columns, regression.coef_[0], float(regression.intercept_[0]))
