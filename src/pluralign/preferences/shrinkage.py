"""Soft labels that are no more certain than a few raters allow: p = ½ + s (p_raw − ½), s = m / (m + c).

m is the harmonic mean of the two items' numbers of ratings, whose inverse the noise of a soft label goes with; c is the number
of ratings at which half of an excess over ½ is noise. It is found without any truth: one rating of each item is held out, its
vote predicted from all the others, and c is what makes the squared error of these predictions smallest, over every pair of ratings
that can be held out. All raters' ratings of the split `train` are used, whatever the condition's group, so that a small group's
labels do not rest on a number that cannot be told from few ratings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pluralign.preferences.votes import votes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_STEPS = 400
_LEAST, _MOST = 1e-3, 1e3
FEWEST = 100
"""Votes held out with fewer than this give no c: it would be a guess."""


@dataclass(frozen=True)
class Shrinkage:
    """How soft labels are shrunk.

    Attributes:
        c: ratings an item at which half of the excess over ½ is noise; NaN where too few votes could be held out.
        n_votes: votes that were held out, one at a time.
    """

    c: float
    n_votes: int

    def factor(self, first: Ints | Floats, second: Ints | Floats) -> Floats:
        """s of pairs whose items have so many ratings, each (n,); NaN where c is."""
        m = harmonic_mean(first, second)
        return m / (m + self.c)


def harmonic_mean(first: Ints | Floats, second: Ints | Floats) -> Floats:
    """The harmonic mean of two numbers of ratings, each (n,) and above 0.

    >>> harmonic_mean(np.array([2]), np.array([6])).tolist()
    [3.0]
    """
    mean: Floats = 2 * first * second / np.asarray(first + second, np.float64)
    return mean


def fit_shrinkage(first: Ints, second: Ints, ties: str) -> Shrinkage:
    """Find c from the histograms of pairs.

    Args:
        first: (n, n_steps) ratings of the first item of each pair on each step, the best last.
        second: (n, n_steps) ratings of the second.
        ties: `drop` or `half`.

    Returns:
        c, between 0.001 and 1,000.
    """
    held = [part for part in _held_out(first, second, ties) if len(part[0])]
    if not held or (n := int(sum(part[3].sum() for part in held))) < FEWEST:
        return Shrinkage(float("nan"), 0 if not held else n)
    m, excess, outcome, weight = (np.concatenate(columns) for columns in zip(*held, strict=True))

    def loss(c: float) -> float:
        return float((weight * (m / (m + c) * excess - outcome) ** 2).sum())

    grid = np.geomspace(_LEAST, _MOST, _STEPS)
    best = int(np.argmin([loss(c) for c in grid]))
    fine = np.geomspace(grid[max(best - 1, 0)], grid[min(best + 1, _STEPS - 1)], _STEPS)
    return Shrinkage(float(fine[np.argmin([loss(c) for c in fine])]), n)


def _held_out(first: Ints, second: Ints, ties: str) -> list[tuple[Floats, Floats, Floats, Floats]]:
    """For each pair of steps: m and excess of the remaining ratings, outcome of the vote held out less ½, how many such votes."""
    found = []
    steps = first.shape[1]
    for i in range(steps):
        for j in range(steps):
            if i == j and ties == "drop":
                continue
            has = (first[:, i] > 0) & (second[:, j] > 0) & (first.sum(1) > 1) & (second.sum(1) > 1)
            a, b = first[has].copy(), second[has].copy()
            weight = (a[:, i] * b[:, j]).astype(np.float64)
            a[:, i] -= 1
            b[:, j] -= 1
            outcome = np.full(len(a), np.sign(i - j) / 2)
            found.append((harmonic_mean(a.sum(1), b.sum(1)), votes(a, b).excess(ties), outcome, weight))
    return found
