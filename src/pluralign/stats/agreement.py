"""Agreement and disagreement of raters, from counts of ratings by item and category.

Krippendorff's alpha is 1 − D_o / D_e: observed over expected disagreement between two ratings of one item. It is at most
1 (all agree); 0 is what chance would give, and it may be negative (raters disagree systematically). Use ``ordinal`` for
rating scales, ``nominal`` where categories have no order, ``interval`` where the distance of categories 1 and 2 is that of
4 and 5. Items with fewer than two ratings say nothing about agreement and are left out everywhere.

Source: Krippendorff (2019), "Content Analysis", 4th ed., ch. 12; Hayes & Krippendorff (2007), "Answering the call for a
standard reliability measure for coding data".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from pluralign.stats.counts import (
    AgreementError,
    Counts,
    checked_bootstrap,
    checked_clusters,
    checked_counts,
    value_counts,
)
from pluralign.stats.disagreement import Share, disagreement_share, range_disagreement_share
from pluralign.stats.resampling import Floats, bootstrap_sums, cluster_sums, percentile_interval, ratios

__all__ = [
    "LEVELS",
    "AgreementError",
    "Alpha",
    "Counts",
    "Level",
    "Share",
    "alpha_from_coincidences",
    "disagreement_share",
    "krippendorff_alpha",
    "range_disagreement_share",
    "unit_coincidences",
    "value_counts",
]

Level = Literal["nominal", "ordinal", "interval"]
LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True)
class Alpha:
    """Krippendorff's alpha with its bootstrap interval.

    Attributes:
        alpha: at most 1; NaN when no item has two ratings or all ratings are the same category.
        low: lower end of the 95 % interval over resampled clusters; NaN without bootstrap, or with one cluster.
        high: its upper end.
        n_items: items with at least two ratings.
        n_clusters: what the bootstrap draws: the prompts of those items, or the items themselves.
        n_ratings: ratings of those items.
        level: the measurement level, "nominal", "ordinal" or "interval".
        bootstrap: number of replicates asked for.
        n_undefined: replicates without an alpha (all ratings drawn were one category), left out of the interval.
        seed: of the bootstrap.
    """

    alpha: float
    low: float
    high: float
    n_items: int
    n_clusters: int
    n_ratings: int
    level: Level
    bootstrap: int
    n_undefined: int
    seed: int


def unit_coincidences(counts: ArrayLike) -> Floats:
    """What each item adds to the coincidence matrix: its ordered pairs of ratings, each weighted 1 / (m − 1).

    An item's matrix sums to its number of ratings m, so that items weigh by their ratings. Sums over items, also weighted
    ones, are coincidence matrices, which makes a bootstrap a matrix product.

    Args:
        counts: (n_items, n_levels).

    Returns:
        Shape (n_items, n_levels, n_levels), symmetric in the last two; 0 for items with fewer than two ratings.

    >>> unit_coincidences([[1, 1, 1]])[0].tolist()
    [[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]]
    """
    table = checked_counts(counts).astype(np.float64)
    m = table.sum(axis=1)
    pairs = table[:, :, None] * table[:, None, :]
    levels = np.arange(table.shape[1])
    pairs[:, levels, levels] -= table
    weight = np.where(m > 1, 1.0 / np.maximum(m - 1.0, 1.0), 0.0)
    weighted: Floats = pairs * weight[:, None, None]
    return weighted


def alpha_from_coincidences(coincidences: Floats, level: Level = "ordinal") -> Floats:
    """Krippendorff's alpha of coincidence matrices.

    Args:
        coincidences: (…, n_levels, n_levels), symmetric, as summed ``unit_coincidences``.
        level: "nominal", "ordinal" or "interval"; interval takes categories as equally spaced.

    Returns:
        Alpha, shape (…); NaN where no two ratings differ or there are none.

    Raises:
        AgreementError: unknown level, or matrices that are not square.

    >>> float(alpha_from_coincidences(np.array([[0.0, 2.0], [2.0, 0.0]])))
    -0.5
    """
    matrices = np.asarray(coincidences, dtype=np.float64)
    if matrices.ndim < 2 or matrices.shape[-1] != matrices.shape[-2]:
        raise AgreementError(f"coincidences: got shape {matrices.shape}; expected (…, n_levels, n_levels)")
    marginal = matrices.sum(axis=-1)
    n = marginal.sum(axis=-1)
    distance = _squared_distance(marginal, level)
    observed = (matrices * distance).sum(axis=(-1, -2))
    expected = (marginal[..., :, None] * marginal[..., None, :] * distance).sum(axis=(-1, -2))
    alpha: Floats = 1.0 - ratios((n - 1.0) * observed, expected)
    return alpha


def krippendorff_alpha(
    counts: ArrayLike, level: Level = "ordinal", bootstrap: int = 0, seed: int = 0, cluster: ArrayLike | None = None
) -> Alpha:
    """Krippendorff's alpha, with a percentile interval over resampled items or clusters of items.

    Args:
        counts: (n_items, n_levels) ratings by item and category.
        level: "nominal", "ordinal" or "interval".
        bootstrap: replicates; 0 for no interval. 1,000 take about 0.3 s for 1,761 items of five categories.
        seed: of the bootstrap.
        cluster: (n_items,) label of each item's prompt: items that share one are drawn together. None: every item alone.

    Returns:
        Alpha, its 95 % interval, and what they rest on. With fewer than 30 items the interval is not to be trusted.

    Raises:
        AgreementError: counts, level, bootstrap or cluster out of range.

    Three raters, three categories, one item: D_o = 1 for nominal data, and chance gives the same.

    >>> krippendorff_alpha([[1, 1, 1]], level="nominal").alpha
    0.0
    """
    table = checked_counts(counts)
    clusters = checked_clusters(cluster, len(table))
    checked_bootstrap(bootstrap)
    used = table.sum(axis=1) > 1
    units = unit_coincidences(table[used])
    alpha = float(alpha_from_coincidences(units.sum(axis=0), level))
    by_cluster = cluster_sums(units.reshape(len(units), table.shape[1] ** 2), clusters[used])
    low, high, n_undefined = np.nan, np.nan, 0
    if bootstrap > 0 and len(by_cluster) > 1 and np.isfinite(alpha):
        totals = bootstrap_sums(by_cluster, bootstrap, seed).reshape(-1, *units.shape[1:])
        low, high, n_undefined = percentile_interval(alpha_from_coincidences(totals, level))
    n_ratings = int(table[used].sum())
    return Alpha(alpha, low, high, len(units), len(by_cluster), n_ratings, level, bootstrap, n_undefined, seed)


def _squared_distance(marginal: Floats, level: Level) -> Floats:
    """Squared difference function δ² of categories, shape (…, n_levels, n_levels); only "ordinal" depends on the data."""
    if level not in LEVELS:
        raise AgreementError(f"level: got {level!r}; expected one of {', '.join(LEVELS)}")
    n_levels = marginal.shape[-1]
    if level == "nominal":
        return 1.0 - np.eye(n_levels)
    if level == "interval":
        position = np.arange(n_levels, dtype=np.float64)
    else:
        # Krippendorff's sum of frequencies from c to k less half of both ends is the difference of their mid-ranks.
        position = np.cumsum(marginal, axis=-1) - marginal / 2.0
    difference: Floats = position[..., :, None] - position[..., None, :]
    return difference**2
