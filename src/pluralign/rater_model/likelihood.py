"""The cumulative logit of pooled rating sets: log likelihood of thresholds and linear predictors, with derivatives.

    P(y ≤ j) = F(theta_{s,j} − eta)

Every set s has thresholds of its own, as many as its scale has points less one: they take up where its raters begin to object,
how far apart its points lie and how many there are. A factor on eta by set besides them was tried and made pooled fits worse
(docs/decisions/006-offline-judge.md): a factor escapes the ridge penalty.
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
    """The thresholds of the pooled sets, as free parameters and back.

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
        """Number of free parameters: each set's first threshold, and the logs of its steps."""
        return sum(self.n_thresholds)

    def start(self, shares: list[Floats]) -> Floats:
        """Free parameters at which every set's predicted shares are those given (for eta = 0)."""
        parts = []
        for share in shares:
            upto = np.clip(np.cumsum(share)[:-1], 1e-3, 1 - 1e-3)
            theta = np.log(upto / (1 - upto))
            parts.append(np.concatenate([theta[:1], np.log(np.maximum(np.diff(theta), 0.05))]))
        return np.concatenate(parts)

    def unpack(self, free: Floats) -> list[Floats]:
        """Thresholds of each set, ascending."""
        thetas, at = [], 0
        for m in self.n_thresholds:
            first, steps = free[at], SHORTEST_STEP + np.exp(np.clip(free[at + 1 : at + m], -20, 5))
            thetas.append(first + np.concatenate([[0.0], np.cumsum(steps)]))
            at += m
        return thetas

    def pull_back(self, free: Floats, by_theta: list[Floats]) -> Floats:
        """The gradient in the free parameters from that in the thresholds."""
        out, at = np.zeros(self.size), 0
        for m, gradient in zip(self.n_thresholds, by_theta, strict=True):
            from_end = np.cumsum(gradient[::-1])[::-1]
            out[at] = from_end[0]
            out[at + 1 : at + m] = from_end[1:] * np.exp(np.clip(free[at + 1 : at + m], -20, 5))
            at += m
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
        thetas = self.scales.unpack(free)
        padded, gaps = self._padded(thetas)
        of, c = self.set_of, self.category
        above, below = expit(padded[of, c + 1] - eta), expit(padded[of, c] - eta)
        inner = gaps[of, c]
        value = log_expit(padded[of, c + 1] - eta) + log_expit(eta - padded[of, c])
        value = value + np.where(np.isfinite(inner), np.log(-np.expm1(-inner)), 0.0)
        by_eta = self.weight * (above + below - 1.0)
        by_gap = np.where(np.isfinite(inner), 1.0 / np.expm1(np.minimum(inner, 700.0)), 0.0)
        by_theta: list[Floats] = []
        for s, m in enumerate(self.scales.n_thresholds):
            rows = of == s
            w, k = self.weight[rows], c[rows]
            up = np.bincount(k, w * (1.0 - above[rows] + by_gap[rows]), m + 1)[:m]
            down = np.bincount(k, w * (below[rows] + by_gap[rows]), m + 1)[1:]
            by_theta.append(np.asarray(up - down, np.float64))
        curvature = self.weight * (above * (1 - above) + below * (1 - below))
        return float(self.weight @ value), self.scales.pull_back(free, by_theta), by_eta, curvature

    def _padded(self, thetas: list[Floats]) -> tuple[Floats, Floats]:
        """Thresholds with −∞ before and ∞ behind, (n_sets, most + 2), and the gap below each category's upper threshold."""
        most = max(len(theta) for theta in thetas)
        padded = np.full((len(thetas), most + 2), np.inf)
        for s, theta in enumerate(thetas):
            padded[s, 0], padded[s, 1 : len(theta) + 1] = -np.inf, theta
        with np.errstate(invalid="ignore"):
            return padded, np.diff(padded, axis=1)
