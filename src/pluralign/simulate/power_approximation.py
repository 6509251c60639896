"""Power without fitting: the coefficient's standard error from the expected information of the linearised model.

For each rating the expected (Fisher) information of the thresholds and of its place on the logit scale is known in closed form
at the true parameters. The random intercepts are then eliminated from it, as generalised least squares would with their true
variances:  I = A − B (Z'WZ + 1)⁻¹ B'.  A few draws of raters, items and assignment stand for all; each costs one
factorisation. Without random intercepts and without an effect it is Whitehead's formula, se² = 3 / (n π (1 − π) (1 − Σ p_j³)).

What it leaves out is what the fit does wrong: with few ratings a rater the Laplace approximation's standard errors are too
small, so that the simulated test finds more, also where there is nothing (docs/power.md has the measured agreement).

Source: Whitehead (1993), "Sample size calculations for ordered categorical data", Statistics in Medicine 12; Gelman & Carlin
(2014) for type S and M errors, whose closed forms are those of a normal estimate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr, ndtri

from pluralign.simulate.power_design import Outcome, RatingDesign, checked_effect, outcome
from pluralign.simulate.power_model import RatingModel
from pluralign.stats.crossed import CrossedFactors
from pluralign.stats.threads import blas_threads

Floats = NDArray[np.float64]
DRAWS = 3
"""Draws that stand for all: at 500 ratings they move the standard error by about 1 %."""


@dataclass(frozen=True)
class Approximation:
    """One design, answered without simulation.

    Attributes:
        design: the study.
        power: probability of a significant result with the right sign.
        se: standard error of the log odds ratio.
        type_s_error: probability that a significant result has the wrong sign.
        exaggeration: expected |estimate| / |effect| of a significant result.
    """

    design: RatingDesign
    power: float
    se: float
    type_s_error: float
    exaggeration: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values, the design's first."""
        return self.design.as_dict() | {
            "power": self.power, "se": self.se, "type_s_error": self.type_s_error, "exaggeration": self.exaggeration,
        }  # fmt: skip


def approximate(
    design: RatingDesign, model: RatingModel, odds_ratio: float, *, alpha: float = 0.05, seed: int = 0
) -> Approximation:
    """Power of a design by its expected information.

    Args:
        design: the study.
        model: what its ratings are drawn from.
        odds_ratio: the group's true effect.
        alpha: two-sided level of the Wald test.
        seed: of the draws.

    Raises:
        PluralignError: PA041 for an argument out of range.
    """
    effect = checked_effect(odds_ratio, alpha)
    with blas_threads(0):
        drawn = [outcome(design.generator(seed, draw), design, model, effect) for draw in range(DRAWS)]
        se = float(np.sqrt(np.mean([standard_error(one, model) ** 2 for one in drawn])))
    signal, critical = abs(effect) / se, float(ndtri(1 - alpha / 2))
    right, wrong = float(ndtr(signal - critical)), float(ndtr(-signal - critical))
    size = _density(critical - signal) + _density(critical + signal) + signal * (right - wrong)
    return Approximation(design, right, se, wrong / (right + wrong), size / (right + wrong) / signal)


def standard_error(drawn: Outcome, model: RatingModel) -> float:
    """Standard error of the group's coefficient, thresholds estimated with it, at the true intercepts of one draw."""
    k, x = len(model.thresholds), drawn.in_group
    thresholds, cross, weight = _information(drawn.eta, np.array(model.thresholds))
    fixed = np.zeros((k + 1, k + 1))
    fixed[:k, :k] = thresholds
    fixed[:k, k] = fixed[k, :k] = cross.T @ x
    fixed[k, k] = weight @ (x * x)

    rater_is_core = drawn.rater.max() <= drawn.item.max()
    core, leaf = (drawn.rater, drawn.item) if rater_is_core else (drawn.item, drawn.rater)
    sds = (model.rater_sd, model.item_sd) if rater_is_core else (model.item_sd, model.rater_sd)
    factors = CrossedFactors(core, leaf)
    columns = np.column_stack([cross, weight * x]).T
    to_core = sds[0] * np.stack([factors.sum_core(column) for column in columns], axis=1)
    to_leaf = sds[1] * np.stack([factors.sum_leaf(column) for column in columns], axis=1)
    solved_core, solved_leaf = factors.factorise(weight, *sds).solve(to_core, to_leaf)
    information = fixed - to_core.T @ solved_core - to_leaf.T @ solved_leaf
    return float(np.sqrt(np.linalg.inv(information)[k, k]))


def _information(eta: Floats, thresholds: Floats) -> tuple[Floats, Floats, Floats]:
    """Expected information of the ratings in the thresholds (k, k), summed; in thresholds and eta (n, k); in eta (n,)."""
    cdf = expit(thresholds - eta[:, None])
    density = cdf * (1 - cdf)
    share = np.maximum(np.diff(cdf, axis=1, prepend=0.0, append=1.0), 1e-300)
    slope = np.diff(density, axis=1, prepend=0.0, append=0.0)  # minus the derivative of the share in eta
    ratio = slope / share
    own = density**2 * (1 / share[:, :-1] + 1 / share[:, 1:])
    between = -(density[:, 1:] * density[:, :-1] / share[:, 1:-1]).sum(axis=0)
    summed = np.diag(own.sum(axis=0)) + np.diag(between, 1) + np.diag(between, -1)
    return summed, -density * (ratio[:, :-1] - ratio[:, 1:]), (slope * ratio).sum(axis=1)


def _density(z: float) -> float:
    return float(np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi))
