"""Scores at equal length, because judges like answers for being short, or long.

Over a board's ranked submissions and prompts, scores are regressed on length with an effect for every submission and every prompt; what is left
is how a score goes with length where neither a harder prompt nor a better model can explain it. A submission's score at equal length is its
own less the slope times how much longer its answers are than the ranked submissions'. Where a model's answers are all of another length, that
is an extrapolation, and its interval is wider for it: the slope has an error of its own.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pluralign.leaderboard.pairs import means
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


@dataclass(frozen=True)
class Slope:
    """How a score goes with length.

    Attributes:
        value: per 100 characters; NaN where it is not known.
        influence: (templates,) what each template adds to it; its variance is the sum of their squares.
    """

    value: float
    influence: Floats


def slope(scores: Floats, characters: Floats, templates: NDArray[np.int64]) -> Slope:
    """Score per 100 characters, within prompts and submissions; NaN under `LEAST` submissions or where lengths do not vary.

    Args:
        scores, characters: (n, prompts) in one language, NaN where missing.
        templates: (prompts,) number of each one's template.
    """
    n_templates = int(templates.max()) + 1
    nothing = Slope(float("nan"), np.zeros(n_templates))
    known = np.isfinite(scores) & np.isfinite(characters)
    rows = known.any(axis=1)
    if rows.sum() < LEAST:
        return nothing
    y, x = np.where(known, scores, np.nan)[rows], np.where(known, characters / UNIT, np.nan)[rows]
    columns = np.isfinite(y).any(axis=0)
    y, x = demeaned(y[:, columns]), demeaned(x[:, columns])
    spread = np.nansum(x * x)
    if spread <= 1e-9:
        return nothing
    value = float(np.nansum(x * y) / spread)
    each = np.nansum(x * (y - value * x), axis=0) / spread
    of = np.bincount(templates[columns], weights=each, minlength=n_templates)
    return Slope(value, of * np.sqrt(n_templates / max(n_templates - 1, 1)))


@dataclass(frozen=True)
class AtLength:
    """Scores at a board's length.

    Attributes:
        value: (n,) NaN where there is no slope.
        reach: (n,) half the width of 95 % intervals by t over templates, the slope's own error among them.
        slopes: (languages,) score per 100 characters.
    """

    value: Floats
    reach: Floats
    slopes: Floats


def at_equal_length(
    scores: Floats, characters: Floats, templates: NDArray[np.int64], ranked: Sequence[int]
) -> AtLength:
    """Means of scores with the slope on length of the ranked submissions taken out, at their mean length.

    Args:
        scores, characters: (n, languages, prompts).
        templates: (prompts,) number of each one's template.
        ranked: rows that slope and length are of: an answer that is no answer says nothing of either.
    """
    from scipy.stats import t

    n, n_languages, _ = scores.shape
    taking_part = list(ranked)
    slopes = [slope(scores[taking_part, k], characters[taking_part, k], templates) for k in range(n_languages)]
    adjusted = np.empty_like(scores)
    influence = np.zeros((n, int(templates.max()) + 1))
    for k, one in enumerate(slopes):
        length = characters[:, k] / UNIT
        with np.errstate(invalid="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a language that nobody answered has no mean
            further = length - np.nanmean(length[taking_part]) if taking_part else np.full_like(length, np.nan)
            adjusted[:, k] = scores[:, k] - one.value * further
            influence -= np.nan_to_num(np.nanmean(further, axis=1))[:, None] * one.influence / n_languages
    found = means(adjusted, templates)
    variance = ((found.influence + influence) ** 2).sum(axis=1)
    return AtLength(
        found.value, np.sqrt(variance) * t.isf(0.025, int(templates.max())), np.array([one.value for one in slopes])
    )
