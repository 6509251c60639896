"""The cluster bootstrap, for every statistic that is a function of sums over clusters.

A replicate draws as many clusters as there are, with replacement; its sums are a matrix product of how often each cluster
was drawn and the clusters' own sums. Clusters are drawn whole because their cases are alike: drawing cases would give
intervals that are too short.

Source: Cameron & Miller (2015), "A practitioner's guide to cluster-robust inference", J. Human Resources 50.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]

# Weights are drawn in blocks of about this many numbers, to bound memory; the draws do not depend on it.
BLOCK = 2_000_000


def cluster_sums(values: Floats, cluster: ArrayLike) -> Floats:
    """Sums of (n, k) values by (n,) cluster labels, shape (n_clusters, k), in the labels' order.

    >>> cluster_sums(np.array([[1.0], [2.0], [4.0]]), ["b", "a", "b"]).tolist()
    [[2.0], [5.0]]
    """
    found, codes = np.unique(np.asarray(cluster), return_inverse=True)
    sums = np.zeros((len(found), values.shape[1]))
    np.add.at(sums, codes.reshape(-1), values)
    return sums


def bootstrap_sums(sums: Floats, replicates: int, seed: int) -> Floats:
    """Totals of clusters drawn with replacement.

    Args:
        sums: (n_clusters, k) what each cluster adds.
        replicates: how many times to draw n_clusters clusters.
        seed: equal seeds give equal draws.

    Returns:
        Shape (replicates, k).
    """
    rng = np.random.default_rng(seed)
    n_clusters, k = sums.shape
    block = max(1, BLOCK // n_clusters)
    totals = np.empty((replicates, k))
    for first in range(0, replicates, block):
        size = min(block, replicates - first)
        totals[first : first + size] = times_drawn(rng, n_clusters, size) @ sums
    return totals


def times_drawn(rng: np.random.Generator, n: int, size: int) -> Floats:
    """How often each of n is drawn in n draws with replacement, (size, n).

    Counting drawn numbers gives what `multinomial` gives, in a tenth of its time.
    """
    drawn = rng.integers(n, size=(size, n)) + n * np.arange(size)[:, None]
    times: Floats = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)
    return times


def percentile_interval(replicates: Floats) -> tuple[float, float, int]:
    """The 95 % percentile interval of the replicates that are defined.

    Returns:
        Its ends, NaN when no replicate is defined, and the number of replicates that are NaN.
    """
    defined = replicates[np.isfinite(replicates)]
    n_undefined = len(replicates) - len(defined)
    if len(defined) == 0:
        return np.nan, np.nan, n_undefined
    low, high = np.quantile(defined, [0.025, 0.975])
    return float(low), float(high), n_undefined


def share_interval(share: float, low: float, high: float, n_clusters: int) -> tuple[float, float]:
    """The interval of a share, where the bootstrap has none: all clusters alike say nothing of the next one.

    A share of 0 or 1 gets the exact interval of as many independent cases as there are clusters, 1 − .025^(1/n) at most.

    Source: Clopper & Pearson (1934), "The use of confidence or fiducial limits", Biometrika 26.

    >>> [round(end, 3) for end in share_interval(1.0, 1.0, 1.0, 12)], share_interval(0.5, 0.4, 0.6, 12)
    ([0.735, 1.0], (0.4, 0.6))
    """
    if share not in (0.0, 1.0) or low != high:
        return low, high
    reach = 1.0 - 0.025 ** (1.0 / n_clusters)
    return (0.0, reach) if share == 0.0 else (1.0 - reach, 1.0)


def ratios(numerator: Floats, denominator: Floats) -> Floats:
    """Element-wise quotients, NaN where the denominator is not positive."""
    quotients = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=quotients, where=denominator > 0.0)
    return quotients
