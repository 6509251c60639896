"""Length of answers: how much a fine-tune changes it, and what is left of its effect at equal length.

A judge may like answers for being short. Run by run and prompt by prompt the difference in score is regressed on the difference in length;
the intercept is the effect at equal length. Where a fine-tune changes the length of nearly every answer, that is an extrapolation. Intervals
are as everywhere: over runs and templates with several seeds (`stats.runs`), about the checkpoints with one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pluralign.experiments.estimands import AGAINST_BASE, JUDGED, Contrast
from pluralign.experiments.outcomes import Outcomes, is_judged
from pluralign.experiments.pooled import GridEffect
from pluralign.experiments.runs import Runs, runs_of
from pluralign.stats.pooling import Interval
from pluralign.stats.resampling import Floats, cluster_sums
from pluralign.stats.runs import over_runs

UNIT = 100.0
"""Characters that the slope is per."""


@dataclass(frozen=True)
class LengthEffect:
    """Of one contrast in one model, against length.

    Attributes:
        contrast: of judged scores.
        model: its short name.
        length: difference in characters.
        length_interval: its 95 % interval, over templates and seeds with two seeds or more, over templates with one.
        raw: difference in score, on the same prompts.
        adjusted: difference in score at equal length, the mean of the seeds' intercepts; NaN where in some seed lengths do not differ from
            prompt to prompt.
        adjusted_interval: its 95 % interval, of the same kind.
        by_seed: seed -> difference in score at equal length.
        slope: score per 100 characters more, the mean of the seeds'.
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
    by_seed: Mapping[int, float]
    slope: float
    n_pairs: int
    n_clusters: int


def length_effects(outcomes: Outcomes, effects: list[GridEffect]) -> list[LengthEffect]:
    """Length beside every judged difference against the base or between two groups' models."""
    found = []
    for one in effects:
        wanted = one.contrast
        if wanted.estimand in (AGAINST_BASE, JUDGED) and is_judged(wanted.outcome):
            runs = [runs_of(outcomes, wanted, of.model) for of in one.models]
            found += [_length_effect(outcomes, wanted, own) for own in runs if own is not None]
    return found


def _length_effect(outcomes: Outcomes, wanted: Contrast, own: Runs) -> LengthEffect:
    # (n_seeds, n_prompts); the base has one row, which every seed is compared with.
    y = own.scores[0] - own.scores[1]
    first, second = (np.vstack([outcomes.lengths(one) for one in of]) for of in own.cells)
    x = (first - second) / UNIT
    kept = (np.isfinite(y) & np.isfinite(x)).all(axis=0)
    y, x = y[:, kept], x[:, kept]
    clusters = np.array(outcomes.axis(wanted.outcome).clusters)[kept]
    ones = np.ones((1, y.shape[1]))
    (length,), _, length_interval = _over_runs([_fit(ones, one, clusters) for one in UNIT * x])
    fits = [_fit(np.vstack([ones, at]), one, clusters) for at, one in zip(x, y, strict=True)]
    (adjusted, slope), by_seed, adjusted_interval = _over_runs(fits)
    return LengthEffect(
        wanted, own.model, length, length_interval, float(y.mean()) if y.size else math.nan, adjusted, adjusted_interval,
        dict(zip(own.seeds, by_seed, strict=True)), slope, y.shape[1], len(np.unique(clusters)),
    )  # fmt: skip


def _fit(design: Floats, values: Floats, clusters: NDArray[np.str_]) -> tuple[Floats, Floats]:
    """Least squares of one run.

    Args:
        design: (n_terms, n_prompts), the intercept first.
        values: (n_prompts,).
        clusters: (n_prompts,) template of each.

    Returns:
        (n_terms,) coefficients, and (n_clusters,) what each cluster adds to the intercept's error; all NaN where a term does not vary.
    """
    gram = design @ design.T
    if not values.size or np.linalg.matrix_rank(gram, hermitian=True) < len(gram):
        return np.full(len(design), math.nan), np.full(len(np.unique(clusters)), math.nan)
    inverse = np.linalg.inv(gram)
    found = inverse @ (design @ values)
    residuals = values - found @ design
    return found, cluster_sums((design * residuals).T, clusters) @ inverse[0]


def _over_runs(fits: list[tuple[Floats, Floats]]) -> tuple[list[float], list[float], Interval]:
    """What the fits of all runs give: (n_terms) mean coefficients, (n_seeds) intercepts, and the interval of their mean."""
    coefficients, influence = np.vstack([one for one, _ in fits]), np.mean([of for _, of in fits], axis=0)
    n = len(influence)
    se = math.sqrt(n / (n - 1) * float((influence**2).sum())) if n > 1 else math.nan
    means, intercepts = coefficients.mean(axis=0).tolist(), coefficients[:, 0].tolist()
    read = over_runs(means[0], se, n, intercepts)
    return means, intercepts, Interval(read.low, read.high)
