"""Length of answers: how much a fine-tune changes it, and what is left of its effect at equal length.

A judge may like answers for being short. Prompt by prompt the difference in score is regressed on the difference in length; the
intercept is the effect at equal length. Where a fine-tune changes the length of nearly every answer, that is an extrapolation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pluralign.experiments.estimands import AGAINST_BASE, JUDGED, Contrast
from pluralign.experiments.outcomes import Outcomes, is_judged
from pluralign.experiments.pooled import GridEffect
from pluralign.experiments.runs import Runs, runs_of
from pluralign.stats.effects import bca_interval
from pluralign.stats.pooling import NO_INTERVAL, Interval
from pluralign.stats.resampling import cluster_sums

UNIT = 100.0
"""Characters that the slope is per."""


@dataclass(frozen=True)
class LengthEffect:
    """Of one contrast in one model, against length.

    Attributes:
        contrast: of judged scores.
        model: its short name.
        length: difference in characters, with its 95 % BCa interval over templates.
        length_interval: of it; like the other it is about these checkpoints.
        raw: difference in score, on the same prompts.
        adjusted: difference in score at equal length; NaN where lengths do not differ from prompt to prompt.
        adjusted_interval: 95 % BCa interval over templates.
        slope: score per 100 characters more.
        n_pairs: prompts.
        n_clusters: templates.
    """

    contrast: Contrast
    model: str
    length: float
    length_interval: Interval
    raw: float
    adjusted: float
    adjusted_interval: Interval
    slope: float
    n_pairs: int
    n_clusters: int


def length_effects(outcomes: Outcomes, effects: list[GridEffect], *, bootstrap: int, seed: int) -> list[LengthEffect]:
    """Length beside every judged difference against the base or between two groups' models."""
    found = []
    for one in effects:
        wanted = one.contrast
        if wanted.estimand in (AGAINST_BASE, JUDGED) and is_judged(wanted.outcome):
            runs = [runs_of(outcomes, wanted, of.model) for of in one.models]
            found += [_length_effect(outcomes, wanted, own, bootstrap, seed) for own in runs if own is not None]
    return found


def _length_effect(outcomes: Outcomes, wanted: Contrast, own: Runs, bootstrap: int, seed: int) -> LengthEffect:
    y1, y0 = (one.mean(axis=0) for one in own.scores)
    x1, x0 = (np.mean([outcomes.lengths(one) for one in of], axis=0) for of in own.cells)
    y, x = y1 - y0, (x1 - x0) / UNIT
    kept = np.isfinite(y) & np.isfinite(x)
    clusters = np.array(outcomes.axis(wanted.outcome).clusters)[kept]
    y, x = y[kept], x[kept]
    sums = cluster_sums(np.column_stack([np.ones(len(y)), x, x * x, y, x * y]), clusters)
    whole = [column[None] for column in sums.T]
    intercept, slope = (float(of(*whole)[0]) for of in (_intercept, _slope))
    told = len(sums) > 1 and bootstrap > 0
    length = (
        Interval(*(UNIT * end for end in bca_interval(_mean, [sums[:, 1], sums[:, 0]], bootstrap, seed)))
        if told and x.any()
        else NO_INTERVAL
    )
    adjusted = (
        Interval(*bca_interval(_intercept, [*sums.T], bootstrap, seed))
        if told and math.isfinite(intercept)
        else NO_INTERVAL
    )
    return LengthEffect(
        wanted, own.model, UNIT * float(x.mean()) if len(x) else math.nan, length, float(y.mean()) if len(y) else math.nan, intercept, adjusted,
        slope, len(y), len(sums),
    )  # fmt: skip


def _slope(
    n: NDArray[Any], x: NDArray[Any], xx: NDArray[Any], y: NDArray[Any], xy: NDArray[Any], axis: int = -1
) -> NDArray[Any]:
    """Least squares from sums over clusters; NaN where lengths do not vary."""
    n, x, xx, y, xy = (part.sum(axis=axis) for part in (n, x, xx, y, xy))
    spread = n * xx - x * x
    found: NDArray[Any] = np.full(np.shape(spread), np.nan)
    np.divide(n * xy - x * y, spread, out=found, where=spread > 1e-9 * np.maximum(n * xx, 1e-300))
    return found


def _intercept(
    n: NDArray[Any], x: NDArray[Any], xx: NDArray[Any], y: NDArray[Any], xy: NDArray[Any], axis: int = -1
) -> NDArray[Any]:
    slope = _slope(n, x, xx, y, xy, axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: NDArray[Any] = (y.sum(axis=axis) - slope * x.sum(axis=axis)) / n.sum(axis=axis)
    return found


def _mean(total: NDArray[Any], n: NDArray[Any], axis: int = -1) -> NDArray[Any]:
    found: NDArray[Any] = total.sum(axis=axis) / n.sum(axis=axis)
    return found
