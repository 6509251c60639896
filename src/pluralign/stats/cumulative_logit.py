"""The cumulative logit link: parameters, and the log probability of one rating with its derivatives.

    log P(y = j) = log F(theta_j − eta) + log F(eta − theta_{j−1}) + log(1 − exp(theta_{j−1} − theta_j))

holds for the logistic F only; its last term has no eta in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import expit, log_expit

from pluralign.stats.crossed import Floats


@dataclass(frozen=True, eq=False)
class Parameters:
    """What psi = (theta_1, log threshold increments, beta, log s_core, log s_leaf) stands for."""

    thresholds: Floats
    beta: Floats
    sd_core: float
    sd_leaf: float


def unpack(psi: Floats, n_thresholds: int) -> Parameters:
    """Split psi; log increments keep the thresholds ordered, log standard deviations keep those positive."""
    with np.errstate(over="ignore", under="ignore"):
        steps, sds = np.exp(psi[1:n_thresholds]), np.exp(psi[-2:])
    thresholds = psi[0] + np.concatenate([[0.0], np.cumsum(steps)])
    return Parameters(thresholds, psi[n_thresholds:-2], float(sds[0]), float(sds[1]))


def threshold_jacobian(psi: Floats, n_thresholds: int) -> Floats:
    """(m, m) derivative of (thresholds, beta, log sds) with respect to psi."""
    jacobian = np.eye(len(psi))
    jacobian[:n_thresholds, 0] = 1.0
    for j in range(1, n_thresholds):
        jacobian[j:n_thresholds, j] = np.exp(psi[j])
    return jacobian


@dataclass(frozen=True, eq=False)
class RatingTerms:
    """Per-rating quantities at one eta, each of shape (n,).

    Attributes:
        hi: the threshold above the rating minus eta; ∞ for the highest category.
        lo: the threshold below the rating minus eta; −∞ for the lowest.
    """

    hi: Floats
    lo: Floats

    @cached_property
    def cdf(self) -> tuple[Floats, Floats]:
        """F at ``hi`` and at ``lo``."""
        return expit(self.hi), expit(self.lo)

    @cached_property
    def density(self) -> tuple[Floats, Floats]:
        """f = F (1 − F) at ``hi`` and at ``lo``."""
        high, low = self.cdf
        return high * (1.0 - high), low * (1.0 - low)

    @cached_property
    def density_slope(self) -> tuple[Floats, Floats]:
        """f' at ``hi`` and at ``lo``."""
        return self.density[0] * (1.0 - 2.0 * self.cdf[0]), self.density[1] * (1.0 - 2.0 * self.cdf[1])

    @property
    def score(self) -> Floats:
        """Derivative of the log probability in eta."""
        return self.cdf[0] + self.cdf[1] - 1.0

    @property
    def weight(self) -> Floats:
        """Minus its second derivative in eta."""
        return self.density[0] + self.density[1]

    def log_probability(self) -> float:
        """Sum over observations, without the term that only the thresholds touch."""
        return float(log_expit(self.hi).sum() + log_expit(-self.lo).sum())
