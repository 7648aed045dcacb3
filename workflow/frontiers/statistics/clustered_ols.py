"""Least squares with errors clustered in few groups: CR2 variances and Bell & McCaffrey's degrees of freedom.

Bell & McCaffrey 2002 (Surv. Methodol. 28, 169); Pustejovsky & Tipton 2018 (J. Bus. Econ. Stat. 36, 672,
section 2). The usual variance with as many degrees of freedom as groups less one is too narrow when few groups
carry a contrast, three models of a kind for instance; see the simulated coverage in the docs.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats

SINGULAR = 1e-8


class Contrast(NamedTuple):
    """A combination of coefficients: estimate, standard error, degrees of freedom."""

    estimate: float
    error: float
    freedom: float

    def limits(self, level: float) -> tuple[float, float]:
        """Return the limits by Student's t."""
        reach = float(stats.t.ppf((1 + level) / 2, self.freedom) * self.error)
        return self.estimate - reach, self.estimate + reach

    @property
    def p_value(self) -> float:
        """Two-sided p-value of Student's t for an estimate of what is 0."""
        if not self.error:
            return float(self.estimate == 0)
        return float(2 * stats.t.sf(abs(self.estimate) / self.error, self.freedom))


class ClusteredFit:
    """Least squares of `y` (n,) on `design` (n, k), errors alike within `groups` (n,).

    Raises ValueError when the design has not full rank.
    """

    def __init__(self, design: np.ndarray, y: np.ndarray, groups: np.ndarray) -> None:
        design, y = np.asarray(design, float), np.asarray(y, float)
        if np.linalg.matrix_rank(design) < design.shape[1]:
            raise ValueError("the design has not full rank")
        inverse = np.linalg.inv(design.T @ design)
        self.coefficients = inverse @ design.T @ y
        hat = design @ inverse @ design.T
        residual = y - hat @ y
        self._rows = []
        meat = np.zeros_like(inverse)
        for group in np.unique(groups):
            here = np.flatnonzero(groups == group)
            roots, axes = np.linalg.eigh(np.eye(len(here)) - hat[np.ix_(here, here)])
            scale = np.where(roots > SINGULAR, 1 / np.sqrt(np.maximum(roots, SINGULAR)), 0.0)
            weighted = (axes * scale) @ axes.T @ design[here] @ inverse
            score = weighted.T @ residual[here]
            meat += np.outer(score, score)
            spread = -hat[:, here] @ weighted
            spread[here] += weighted
            self._rows.append(spread)
        self.covariance = meat

    def contrast(self, weights: np.ndarray) -> Contrast:
        """Return the sum of the coefficients times `weights` (k,)."""
        weights = np.asarray(weights, float)
        parts = np.array([rows @ weights for rows in self._rows])
        products = parts @ parts.T
        freedom = np.trace(products) ** 2 / (products**2).sum()
        error = np.sqrt(weights @ self.covariance @ weights)
        return Contrast(float(weights @ self.coefficients), float(error), float(freedom))
