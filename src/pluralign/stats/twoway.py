"""The two-way bootstrap: raters and prompts are both drawn with replacement, and a rating counts as often as both were.

Ratings of one rater are alike, and so are ratings of one prompt; drawing only one of the two gives intervals that are too short.

Source: Owen (2007), "The pigeonhole bootstrap", Annals of Applied Statistics 1; it errs, if at all, on the wide side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pluralign.stats.resampling import times_drawn

Floats = NDArray[np.float64]
_BLOCK = 4_000_000


def twoway_sums(values: ArrayLike, rater: ArrayLike, prompt: ArrayLike, replicates: int, seed: int) -> Floats:
    """Totals of ratings under the two-way bootstrap.

    Args:
        values: (n, k) what each rating adds.
        rater, prompt: (n,) labels of the two sides.
        replicates: how often to draw.
        seed: equal seeds and labels give equal draws, so that two calls on the same ratings are paired.

    Returns:
        Shape (replicates, k).

    >>> twoway_sums([[1.0]], ["r"], ["p"], 2, 0).tolist()  # one rater and one prompt: drawn once each
    [[1.0], [1.0]]
    """
    added = np.asarray(values, np.float64)
    rng = np.random.default_rng(seed)
    sides = [np.unique(np.asarray(side), return_inverse=True) for side in (rater, prompt)]
    totals = np.zeros((replicates, added.shape[1]))
    if not len(added):
        return totals
    block = max(1, _BLOCK // len(added))
    for first in range(0, replicates, block):
        size = min(block, replicates - first)
        weight = np.ones((size, len(added)))
        for labels, codes in sides:
            n = len(labels)
            weight *= times_drawn(rng, n, size)[:, codes.reshape(-1)]
        totals[first : first + size] = weight @ added
    return totals
