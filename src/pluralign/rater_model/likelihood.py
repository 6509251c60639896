"""The cumulative logit of pooled rating sets: log likelihood of thresholds and linear predictors, with derivatives.

    P(y ≤ j) = F(theta_{s,j} − scale_s · eta)

Every set s has thresholds of its own, as many as its scale has points less one, and a scale: raters of one set may spread their
ratings wider for the same texts. The first set's scale is 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

SHORTEST_STEP = 1e-3
"""Between two thresholds; it keeps a category that nobody chose from collapsing."""


@dataclass(frozen=True)
class Scales:
    """The thresholds and scales of the pooled sets, as free parameters and back.

    Attributes:
        points: for each set the points of 1–5 that its scale can reach, ascending.
    """

    points: tuple[tuple[int, ...], ...]

    @property
    def n_thresholds(self) -> tuple[int, ...]:
        """Of each set."""
        return tuple(len(points) - 1 for points in self.points)

    @property
    def size(self) -> int:
        """Number of free parameters: thresholds, and log scales of all sets but the first."""
        return sum(self.n_thresholds) + len(self.points) - 1

    def start(self, shares: list[Floats]) -> Floats:
        """Free parameters at which every set's predicted shares are those given (for eta = 0)."""
        parts = []
        for share in shares:
            upto = np.clip(np.cumsum(share)[:-1], 1e-3, 1 - 1e-3)
            theta = np.log(upto / (1 - upto))
            parts.append(np.concatenate([theta[:1], np.log(np.maximum(np.diff(theta), 0.05))]))
        return np.concatenate([*parts, np.zeros(len(self.points) - 1)])

    def unpack(self, free: Floats) -> tuple[list[Floats], Floats]:
        """Thresholds of each set, ascending, and the scales (n_sets,)."""
        thetas, at = [], 0
        for m in self.n_thresholds:
            first, steps = free[at], SHORTEST_STEP + np.exp(np.clip(free[at + 1 : at + m], -20, 5))
            thetas.append(first + np.concatenate([[0.0], np.cumsum(steps)]))
            at += m
        return thetas, np.concatenate([[1.0], np.exp(np.clip(free[at:], -5, 5))])

    def pull_back(self, free: Floats, by_theta: list[Floats], by_scale: Floats) -> Floats:
        """The gradient in the free parameters from that in thresholds and scales."""
        out, at = np.zeros(self.size), 0
        for m, gradient in zip(self.n_thresholds, by_theta, strict=True):
            from_end = np.cumsum(gradient[::-1])[::-1]
            out[at] = from_end[0]
            out[at + 1 : at + m] = from_end[1:] * np.exp(np.clip(free[at + 1 : at + m], -20, 5))
            at += m
        out[at:] = by_scale[1:] * np.exp(np.clip(free[at:], -5, 5))
        return out


@dataclass(frozen=True)
class Likelihood:
    """Log likelihood of weighted ratings.

    Attributes:
        scales: of the sets.
        category: of each row, 0-based place among its set's points, (n,).
        set_of: the row's set, (n,).
        weight: of each row, (n,); an item's texts in two languages share the weight of a rating.
    """

    scales: Scales
    category: Ints
    set_of: Ints
    weight: Floats

    def __call__(self, free: Floats, eta: Floats) -> tuple[float, Floats, Floats, Floats]:
        """Log likelihood; its gradients in `free` (size,) and `eta` (n,); minus its second derivative in `eta`, (n,)."""
        thetas, scale = self.scales.unpack(free)
        padded, gaps = self._padded(thetas)
        of, c = self.set_of, self.category
        z = scale[of] * eta
        above, below = expit(padded[of, c + 1] - z), expit(padded[of, c] - z)
        inner = gaps[of, c]
        value = log_expit(padded[of, c + 1] - z) + log_expit(z - padded[of, c])
        value = value + np.where(np.isfinite(inner), np.log(-np.expm1(-inner)), 0.0)
        by_z = self.weight * (above + below - 1.0)
        by_gap = np.where(np.isfinite(inner), 1.0 / np.expm1(np.minimum(inner, 700.0)), 0.0)
        by_theta = []
        for s, m in enumerate(self.scales.n_thresholds):
            rows = of == s
            w, k = self.weight[rows], c[rows]
            up = np.bincount(k, w * (1.0 - above[rows] + by_gap[rows]), m + 1)[:m]
            down = np.bincount(k, w * (below[rows] + by_gap[rows]), m + 1)[1:]
            by_theta.append(up - down)
        by_scale = np.bincount(of, by_z * eta, len(scale))
        curvature = self.weight * scale[of] ** 2 * (above * (1 - above) + below * (1 - below))
        return float(self.weight @ value), self.scales.pull_back(free, by_theta, by_scale), by_z * scale[of], curvature

    def _padded(self, thetas: list[Floats]) -> tuple[Floats, Floats]:
        """Thresholds with −∞ before and ∞ behind, (n_sets, most + 2), and the gap below each category's upper threshold."""
        most = max(len(theta) for theta in thetas)
        padded = np.full((len(thetas), most + 2), np.inf)
        for s, theta in enumerate(thetas):
            padded[s, 0], padded[s, 1 : len(theta) + 1] = -np.inf, theta
        with np.errstate(invalid="ignore"):
            return padded, np.diff(padded, axis=1)
