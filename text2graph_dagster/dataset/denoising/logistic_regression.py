"""A logistic regression on hashed words and cues that keeps only the columns it uses."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from text2graph_dagster.dataset.denoising.pair_table import HASHED_COLUMNS, Bools, Floats, Ints

_INVERSE_REGULARISATION = 0.5  # scikit-learn's C; chosen, like the thresholds, on the gazette's dev gold
_TOLERANCE = 1e-2
_MIN_OCCURRENCES = 2  # a word that occurs once in a relation's pairs is not informative


@dataclass(frozen=True, slots=True)
class LogisticModel:
    """A fitted logistic regression: the columns it uses (hashed words, then cues), their weights, the intercept."""

    columns: Ints
    weights: Floats
    intercept: float

    def predict(self, words: Any, cues: Any) -> Floats:
        """Return the probability of each row: (pairs, hashed words), (pairs, cues) → (pairs,)."""
        dense = np.zeros(HASHED_COLUMNS + cues.shape[1])
        dense[self.columns] = self.weights
        logits = words @ dense[:HASHED_COLUMNS] + cues @ dense[HASHED_COLUMNS:] + self.intercept
        return np.asarray(1 / (1 + np.exp(-logits)))


def build_matrix(words: Any, cues: Any) -> tuple[Any, Ints]:
    """Return words and cues side by side without rarely used columns, and the numbers of the columns kept."""
    from scipy.sparse import csr_matrix, hstack

    used = np.flatnonzero(np.bincount(words.indices, minlength=HASHED_COLUMNS) >= _MIN_OCCURRENCES)
    columns = np.concatenate([used, HASHED_COLUMNS + np.arange(cues.shape[1])])
    return hstack([words[:, used], csr_matrix(cues)], format="csr", dtype=np.float64), columns


def fit_logistic(rows: Any, labels: Bools, columns: Ints) -> LogisticModel | None:
    """Return the fitted regression, or None if all labels are the same."""
    from sklearn.linear_model import LogisticRegression

    if labels.all() or not labels.any():
        return None
    regression = LogisticRegression(solver="liblinear", C=_INVERSE_REGULARISATION, tol=_TOLERANCE, random_state=0)
    regression.fit(rows, labels)
    return LogisticModel(columns, regression.coef_[0], float(regression.intercept_[0]))
