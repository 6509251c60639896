"""Shares of items whose raters disagree. Items with fewer than two ratings cannot disagree and are left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pluralign.stats.counts import AgreementError, Counts, checked_bootstrap, checked_clusters, checked_counts
from pluralign.stats.resampling import bootstrap_sums, cluster_sums, percentile_interval, share_interval


@dataclass(frozen=True)
class Share:
    """A share of items with its bootstrap interval.

    Attributes:
        share: 0 to 1; NaN when no item has two ratings.
        low: lower end of the 95 % interval over resampled clusters; NaN without bootstrap, or with one cluster.
        high: its upper end.
        n_items: items with at least two ratings, which the share is of.
        n_clusters: what the bootstrap draws: the prompts of those items, or the items themselves.
        bootstrap: number of replicates asked for.
        seed: of the bootstrap.
    """

    share: float
    low: float
    high: float
    n_items: int
    n_clusters: int
    bootstrap: int
    seed: int


def disagreement_share(
    counts: ArrayLike, *, bootstrap: int = 0, seed: int = 0, cluster: ArrayLike | None = None
) -> Share:
    """Share of items whose raters do not all give the same category, among items with at least two ratings.

    It grows with the number of raters and of categories: compare it only at equal designs. Arguments are those of
    ``range_disagreement_share``.

    >>> disagreement_share([[2, 0, 0], [1, 1, 0], [1, 0, 0]]).share
    0.5
    """
    return range_disagreement_share(counts, 1, bootstrap=bootstrap, seed=seed, cluster=cluster)


def range_disagreement_share(
    counts: ArrayLike, at_least: int = 2, *, bootstrap: int = 0, seed: int = 0, cluster: ArrayLike | None = None
) -> Share:
    """Share of items whose highest and lowest rating are ``at_least`` categories apart, among those with two ratings.

    Args:
        counts: (n_items, n_levels), categories in order.
        at_least: distance in categories, 1 or more; 1 is any disagreement.
        bootstrap: replicates for the interval; 0 for none.
        seed: of the bootstrap.
        cluster: (n_items,) label of each item's prompt: items that share one are drawn together. None: every item alone.

    Returns:
        The share, its 95 % interval and what they rest on.

    Raises:
        AgreementError: counts, distance, bootstrap or cluster out of range.

    >>> range_disagreement_share([[1, 0, 1], [1, 1, 0]]).share
    0.5
    """
    table = checked_counts(counts)
    clusters = checked_clusters(cluster, len(table))
    checked_bootstrap(bootstrap)
    if at_least < 1:
        raise AgreementError(f"at_least: got {at_least}; expected 1 category or more")
    used = table.sum(axis=1) > 1
    apart = categories_apart(table[used], at_least).astype(np.float64)
    by_cluster = cluster_sums(np.column_stack([apart, np.ones(len(apart))]), clusters[used])
    low, high = np.nan, np.nan
    if bootstrap > 0 and len(by_cluster) > 1:
        totals = bootstrap_sums(by_cluster, bootstrap, seed)
        low, high, _ = percentile_interval(totals[:, 0] / totals[:, 1])
    share = float(apart.mean()) if len(apart) else np.nan
    low, high = share_interval(share, low, high, len(by_cluster))
    return Share(share, low, high, len(apart), len(by_cluster), bootstrap, seed)


def categories_apart(counts: Counts, at_least: int) -> NDArray[np.bool_]:
    """(n_items,) whether an item's highest and lowest rating are so many categories apart; False without ratings.

    >>> categories_apart(np.array([[1, 0, 1], [2, 0, 0], [0, 0, 0]]), 1).tolist()
    [True, False, False]
    """
    occurs = counts > 0
    lowest = occurs.argmax(axis=1)
    highest = occurs.shape[1] - 1 - occurs[:, ::-1].argmax(axis=1)
    apart: NDArray[np.bool_] = (highest - lowest >= at_least) & occurs.any(axis=1)
    return apart
