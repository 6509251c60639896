"""Cumulative link mixed model with crossed random intercepts of raters and items, by Laplace maximum likelihood.

The model of the study (R's ``ordinal::clmm(rating ~ … + (1 | participant) + (1 | item), link = "logit")``), with the same
likelihood, estimates and standard errors as R to 1e-4, in seconds where R takes minutes:

- ``clmm_data`` refuses what cannot be estimated, before fitting;
- ``cumulative_logit`` is the link, ``crossed`` and ``elimination`` factorise the random intercepts' matrix, ``laplace`` has the
  likelihood and its exact gradient;
- ``quasi_newton`` climbs. Standard errors come from differences of the exact gradient.

Source: Christensen (2022), "ordinal: Regression Models for Ordinal Data", R package; McCullagh (1980) for the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

from pluralign.stats.clmm_data import (
    ClmmData,
    ClmmDataError,
    ColumnError,
    RankDeficientError,
    SeparationError,
    UnusedCategoryError,
    check_clmm_data,
)
from pluralign.stats.clmm_fit import ClmmFit, OddsRatio
from pluralign.stats.crossed import CrossedFactors, Floats
from pluralign.stats.cumulative_logit import threshold_jacobian, unpack
from pluralign.stats.laplace import LaplaceLikelihood, LaplacePoint
from pluralign.stats.quasi_newton import Maximum, maximise
from pluralign.stats.threads import blas_threads

__all__ = [
    "ClmmDataError",
    "ClmmFit",
    "ColumnError",
    "OddsRatio",
    "RankDeficientError",
    "SeparationError",
    "UnusedCategoryError",
    "fit_clmm",
]

MAX_ITERATIONS = 300
# The latent residual has sd 1.81. Below the first, an sd is reported as estimated at 0, where its log has no standard
# error; above the second it is running away, as when every rater always gives one category.
ZERO_SD = 0.02
RUNAWAY_SD = 25.0
# Step of the gradient differences in approximate standard errors: truncation (1e-3 shows 2e-5 in R's units) and rounding
# (1e-5 shows no gain) are both far below 1e-5.
DIFFERENCE = 1e-4


def fit_clmm(
    y: ArrayLike,
    X: ArrayLike,
    rater: ArrayLike,
    item: ArrayLike,
    *,
    names: Sequence[str],
    levels: Sequence[int] | None = None,
    start: Floats | None = None,
    gtol: float = 1e-5,
    covariance: bool = True,
) -> ClmmFit:
    """Fit a cumulative logit model with random intercepts of raters and of items.

    With very few ratings (tens) the Laplace likelihood may have several maxima, and this is one of them.

    Args:
        y: (n,) integer ratings.
        X: (n, p) covariates of each rating, without a constant (the thresholds are it); p may be 0.
        rater: (n,) label of who rated.
        item: (n,) label of what was rated.
        names: names of the p columns.
        levels: the scale's categories, ascending. When given, a category that nobody used is an error; when None, the
            categories are those that occur.
        start: ``psi`` of a similar fit, to start from.
        gtol: the fit has converged when no element of the gradient in psi (columns scaled to sd 1) exceeds this.
        covariance: also compute standard errors, which takes longer than the fit itself.

    Returns:
        The fit. ``converged`` False, with ``message``, marks one that must not be used.

    Raises:
        UnusedCategoryError: a level nobody used.
        RankDeficientError: a column is constant or collinear; the message names it.
        SeparationError: a column's estimate is infinite; the message names it.
        ClmmDataError: anything else wrong with shapes, values or groups.

    Two raters and two items, each with one 0 and one 1: nothing differs between raters or items, so both standard deviations
    are 0, the threshold is 0, and each rating has probability one half.

    >>> fit = fit_clmm([0, 1, 1, 0], np.zeros((4, 0)), [0, 0, 1, 1], [0, 1, 0, 1], names=[])
    >>> bool(abs(fit.thresholds[0]) < 1e-6 and abs(fit.loglik - 4 * np.log(0.5)) < 1e-4)
    True
    >>> fit.message.split("; ")[1]
    'sd_rater is estimated at 0, so its standard error is undefined'
    """
    data = check_clmm_data(y, X, rater, item, names, levels)
    problem = _Problem.of(data)
    m = problem.likelihood.n_parameters
    x0 = problem.likelihood.start() if start is None else problem.to_internal @ _checked_start(start, m)
    with blas_threads(problem.likelihood.factors.n_dense):
        found = _climb(problem.likelihood, x0, gtol)
        zero = np.exp(found.x[-2:]) < ZERO_SD
        internal = _internal_covariance(problem.likelihood, found.point, zero) if covariance else None
    return _result(data, problem, found, internal, covariance)


@dataclass(frozen=True, eq=False)
class _Problem:
    """The likelihood in the parameters that it is maximised in, and the linear way to and from the public psi.

    Inside, columns are centred and scaled to sd 1, and the standard deviations are ordered core, leaf.
    """

    likelihood: LaplaceLikelihood
    to_public: Floats
    to_internal: Floats

    @staticmethod
    def of(data: ClmmData) -> _Problem:
        mean, scale = data.design.mean(axis=0), data.design.std(axis=0)
        rater_is_core = data.n_raters <= data.n_items
        core, leaf = (data.rater, data.item) if rater_is_core else (data.item, data.rater)
        likelihood = LaplaceLikelihood(data.y, (data.design - mean) / scale, CrossedFactors(core, leaf))
        k, m = likelihood.n_thresholds, likelihood.n_parameters
        to_public = np.eye(m)
        to_public[0, k : m - 2] = mean / scale
        to_public[k : m - 2, k : m - 2] = np.diag(1.0 / scale)
        if not rater_is_core:
            to_public[-2:] = to_public[[-1, -2]]
        to_internal = np.asarray(np.linalg.inv(to_public), dtype=np.float64)
        return _Problem(likelihood, to_public, to_internal)


def _checked_start(start: Floats, n_parameters: int) -> Floats:
    psi = np.asarray(start, dtype=np.float64)
    if psi.shape != (n_parameters,) or not np.all(np.isfinite(psi)):
        raise ClmmDataError(
            f"start: got shape {psi.shape} with {int((~np.isfinite(psi)).sum())} values that are not finite; expected the psi "
            f"of a fit with the same levels and columns, shape ({n_parameters},)"
        )
    return psi


def _climb(likelihood: LaplaceLikelihood, x: Floats, gtol: float) -> Maximum[LaplacePoint]:
    """Climb to a maximum, and once more if the first is a standard deviation of 0 that should not be."""
    found = _climb_once(likelihood, x, gtol)
    rising = (np.exp(found.x[-2:]) < ZERO_SD) & (found.point.gradient[-2:] > 0.0)
    if not rising.any():
        return found
    # Every likelihood is flat in log sd near sd = 0, so a long step may have strayed there from below a real maximum.
    x = found.x.copy()
    x[-2:][rising] = np.log(0.3)
    return _climb_once(likelihood, x, gtol)


def _climb_once(likelihood: LaplaceLikelihood, x: Floats, gtol: float) -> Maximum[LaplacePoint]:
    point = likelihood.evaluate(x)
    if point is None:
        raise ClmmDataError(
            "start: the likelihood is not finite there; expected the psi of a converged fit, or no start"
        )
    return maximise(likelihood.evaluate, x, point, gtol=gtol, max_iterations=MAX_ITERATIONS)


def _internal_covariance(
    likelihood: LaplaceLikelihood, point: LaplacePoint, zero_sd: NDArray[np.bool_]
) -> Floats | None:
    """Inverse of minus the Hessian in the internal psi, by forward differences of the gradient.

    Args:
        zero_sd: (2,) which standard deviations are 0; their rows are NaN and the rest is conditional on them.

    Returns:
        (m, m), or None when the Hessian is not negative definite.
    """
    m = likelihood.n_parameters
    free = np.flatnonzero(np.append(np.ones(m - 2, dtype=bool), ~zero_sd))
    steps = DIFFERENCE / np.sqrt(np.diag(point.approximate_information()))
    information = np.empty((len(free), len(free)))
    for row, j in enumerate(free):
        shifted = point.psi.copy()
        shifted[j] += steps[j]
        there = likelihood.evaluate(shifted)
        if there is None:
            return None
        information[row] = (point.gradient[free] - there.gradient[free]) / steps[j]
    information = 0.5 * (information + information.T)
    try:
        inverse = scipy.linalg.cho_solve(scipy.linalg.cho_factor(information), np.eye(len(free)))
    except np.linalg.LinAlgError:
        return None
    covariance = np.full((m, m), np.nan)
    covariance[np.ix_(free, free)] = inverse
    return covariance


def _result(
    data: ClmmData, problem: _Problem, found: Maximum[LaplacePoint], internal: Floats | None, asked: bool
) -> ClmmFit:
    likelihood = problem.likelihood
    psi = problem.to_public @ found.x
    parameters = unpack(psi, likelihood.n_thresholds)
    sds = {"sd_rater": parameters.sd_core, "sd_item": parameters.sd_leaf}  # public order: rater, item
    converged, messages = found.converged, [found.message]
    for name, sd in sds.items():
        if sd < ZERO_SD:
            messages.append(f"{name} is estimated at 0, so its standard error is undefined")
        if sd > RUNAWAY_SD:
            converged = False
            messages.append(
                f"{name} runs away ({sd:.0f}): raters or items whose ratings are all alike; it has no estimate"
            )
    if asked and internal is None:
        converged = False
        messages.append("the Hessian is not negative definite: this is no maximum")
    return ClmmFit(
        thresholds=parameters.thresholds,
        coef=parameters.beta,
        names=data.names,
        sd_rater=sds["sd_rater"],
        sd_item=sds["sd_item"],
        loglik=found.point.loglik,
        covariance=_public_covariance(problem, psi, internal),
        n_ratings=len(data.y),
        n_raters=data.n_raters,
        n_items=data.n_items,
        converged=converged,
        gradient_max=float(np.abs(found.point.gradient).max()),
        n_iterations=found.n_iterations,
        message="; ".join(messages),
        psi=psi,
        levels=data.levels,
    )


def _public_covariance(problem: _Problem, psi: Floats, internal: Floats | None) -> Floats:
    """Covariance of (thresholds, coef, log sds) by the delta method, which is exact here but for the increments."""
    m = len(psi)
    if internal is None:
        return np.full((m, m), np.nan)
    chain = threshold_jacobian(psi, problem.likelihood.n_thresholds) @ problem.to_public
    # NaN times 0 is NaN: undefined rows must stay where they are.
    undefined = np.isnan(np.diag(internal))
    covariance = chain @ np.where(np.isnan(internal), 0.0, internal) @ chain.T
    gone = (np.abs(chain) @ undefined.astype(float)) > 0.0
    covariance[gone, :] = np.nan
    covariance[:, gone] = np.nan
    return covariance
