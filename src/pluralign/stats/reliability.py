"""How far the mean rating of an item can be trusted: split halves, and the ceiling that they set to any correlation.

Source: Spearman (1910), "Correlation calculated from faulty data"; Brown (1910), "Some experimental results in the correlation of
mental abilities", both British J. Psychology 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pluralign.errors import PluralignError
from pluralign.stats.resampling import Floats


@dataclass(frozen=True)
class Reliability:
    """Reliability of item means.

    Attributes:
        reliability: 0 (noise) to 1; negative by chance where there is nothing but noise; NaN with under three items.
        ceiling: its square root, the correlation that a perfect prediction has with the means; NaN where reliability is below 0.
        half: mean correlation of the halves.
        n_items: items with at least two ratings.
        n_ratings: their ratings.
        splits: random halves drawn.
        seed: of the halves.
    """

    reliability: float
    ceiling: float
    half: float
    n_items: int
    n_ratings: int
    splits: int
    seed: int


def correlation(x: ArrayLike, y: ArrayLike) -> float:
    """Pearson's correlation; NaN where either is constant or there are fewer than three pairs.

    >>> round(correlation([1, 2, 3], [2, 4, 6]), 12)
    1.0
    """
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if len(a) < 3 or np.ptp(a) < 1e-9 or np.ptp(b) < 1e-9:
        return np.nan
    return float(np.corrcoef(a, b)[0, 1])


def spearman_brown(half: Any, factor: float) -> Any:
    """Reliability of means of `factor` times as many ratings: k r / (1 + (k − 1) r).

    >>> spearman_brown(0.5, 3.0)
    0.75
    """
    return factor * half / (1.0 + (factor - 1.0) * half)


def split_half(item: ArrayLike, rating: ArrayLike, splits: int = 200, seed: int = 0) -> Reliability:
    """Split-half reliability of item means, over many random halves.

    An item with n ratings gives two halves of ⌊n/2⌋ (one rating is left out of an odd number); their correlation is stepped up by
    mean n / mean ⌊n/2⌋. Halves of unequal size, stepped up by 2, would underestimate it where items have three raters.

    Args:
        item: (n,) label of the item.
        rating: (n,) ratings, in points.
        splits: random halves.
        seed: of the halves.

    Returns:
        The reliability, and the ceiling √reliability.

    Raises:
        PluralignError: PA061 where lengths differ or splits is below 1.
    """
    labels, values = np.asarray(item), np.asarray(rating, dtype=np.float64)
    if labels.shape != values.shape or splits < 1:
        raise PluralignError("PA061", f"got {len(labels)} items, {len(values)} ratings and {splits} splits")
    _, codes = np.unique(labels, return_inverse=True)
    kept = np.bincount(codes)[codes] > 1
    codes, values = np.unique(codes[kept], return_inverse=True)[1], values[kept]
    n_items = int(codes.max()) + 1 if len(codes) else 0
    nothing = Reliability(np.nan, np.nan, np.nan, n_items, len(values), splits, seed)
    if n_items < 3:
        return nothing
    found = np.array([correlation(one, two) for one, two in random_halves(codes, values, splits, seed)])
    if not np.isfinite(found).any():
        return nothing
    half = float(np.nanmean(found))
    whole = spearman_brown(half, lengthening(np.bincount(codes)))
    ceiling = float(np.sqrt(whole)) if whole >= 0.0 else np.nan
    return Reliability(whole, ceiling, half, n_items, len(values), splits, seed)


def random_halves(codes: NDArray[Any], values: Floats, splits: int, seed: int) -> Floats:
    """Means of two random halves of each item's ratings, of equal size: one rating is left out of an odd number.

    Args:
        codes: (n,) item of each rating, 0 … n_items − 1, each with two ratings or more.
        values: (n,) ratings.
        splits, seed: how many halvings, and of what seed.

    Returns:
        (splits, 2, n_items).
    """
    rng, n = np.random.default_rng(seed), np.bincount(codes)
    starts, size = np.cumsum(n) - n, n // 2
    by_item = np.sort(codes)
    place = np.arange(len(codes)) - starts[by_item]
    one, two = place < size[by_item], (place >= size[by_item]) & (place < 2 * size[by_item])
    found = np.empty((splits, 2, len(n)))
    for split in range(splits):
        shuffled = values[np.lexsort((rng.random(len(codes)), codes))]
        found[split] = [np.bincount(by_item[side], shuffled[side], len(n)) / size for side in (one, two)]
    return found


def lengthening(n: NDArray[Any]) -> float:
    """How many times as many ratings the whole has as a half of `random_halves`, for Spearman–Brown.

    >>> lengthening(np.array([3, 3])), lengthening(np.array([2, 4]))
    (3.0, 2.0)
    """
    return float(n.mean() / (n // 2).mean())
