"""Scores at equal length, because judges like answers for being short, or long.

Over a board's submissions and prompts, scores are regressed on length with an effect for every submission and every prompt; what is left
is how a score goes with length where neither a harder prompt nor a better model can explain it. A submission's score at equal length is its
own less the slope times how much longer its answers are than the board's. Where a model's answers are all of another length, that is an
extrapolation, and the page says so.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pluralign.leaderboard.pairs import Means, means
from pluralign.stats.resampling import Floats

LEAST = 3
"""Submissions under which nothing is regressed."""
UNIT = 100.0
"""Characters that a slope is per."""


def demeaned(values: Floats) -> Floats:
    """(n, prompts) less the means of rows and of columns; NaN stays.

    >>> demeaned(np.array([[1.0, 2.0], [3.0, 8.0]])).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    with np.errstate(invalid="ignore"):
        rows = np.nanmean(values, axis=1, keepdims=True)
        columns = np.nanmean(values, axis=0, keepdims=True)
    out: Floats = values - rows - columns + np.nanmean(values)
    return out


def slope(scores: Floats, characters: Floats) -> float:
    """Score per 100 characters, within prompts and submissions; NaN under `LEAST` submissions or where lengths do not vary.

    Args:
        scores, characters: (n, prompts) in one language, NaN where missing.
    """
    known = np.isfinite(scores) & np.isfinite(characters)
    rows = known.any(axis=1)
    if rows.sum() < LEAST:
        return float("nan")
    y, x = np.where(known, scores, np.nan)[rows], np.where(known, characters / UNIT, np.nan)[rows]
    columns = np.isfinite(y).any(axis=0)
    y, x = demeaned(y[:, columns]), demeaned(x[:, columns])
    spread = np.nansum(x * x)
    return float(np.nansum(x * y) / spread) if spread > 1e-9 else float("nan")


def at_equal_length(scores: Floats, characters: Floats, templates: NDArray[np.int64]) -> tuple[Means, Floats]:
    """Means of scores with the board's slope on length taken out.

    Args:
        scores, characters: (n, languages, prompts).
        templates: (prompts,) number of each one's template.

    Returns:
        Means, NaN where there is no slope, and (languages,) slopes.
    """
    slopes = np.array([slope(scores[:, k], characters[:, k]) for k in range(scores.shape[1])])
    adjusted = np.empty_like(scores)
    for k, one in enumerate(slopes):
        length = characters[:, k] / UNIT
        with np.errstate(invalid="ignore"):
            adjusted[:, k] = scores[:, k] - one * (length - np.nanmean(length))
    return means(adjusted, templates), slopes
