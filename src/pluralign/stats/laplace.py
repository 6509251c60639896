"""Laplace-approximated likelihood of a cumulative link mixed model with two crossed random intercepts.

    eta_n = x_n' beta + s_c u[core_n] + s_l v[leaf_n],   u, v ~ N(0, 1),   P(y_n <= j) = F(theta_j − eta_n)

with F logistic. Writing g for the joint log density of y and (u, v), and H for minus its second derivative in (u, v) at
the mode, the approximation is  loglik = g(mode) − ½ log det H.  For the logistic link

    log P(y = j) = log F(theta_j − eta) + log F(eta − theta_{j−1}) + log(1 − exp(theta_{j−1} − theta_j)),

so the thresholds enter together only in the last term, which no random intercept touches, and H is I + Z'WZ with
W = f(theta_j − eta) + f(theta_{j−1} − eta) > 0: the mode is unique.

Source: Christensen (2022), "ordinal: Regression Models for Ordinal Data"; Tutz & Hennevogl (1996) for the model;
the gradient is the implicit-function derivative of the approximation, as in Kristensen et al. (2016), TMB.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pluralign.stats.crossed import CrossedFactorisation, CrossedFactors, Floats, Ints, group_sums
from pluralign.stats.cumulative_logit import Parameters, RatingTerms, threshold_jacobian, unpack

MODE_TOLERANCE = 1e-10
MAX_MODE_STEPS = 200
# A factorisation is kept for the next steps and the next parameters while each step shrinks the gradient this much.
SLOW_STEP = 0.3


class LaplaceLikelihood:
    """The approximated log-likelihood as a function of psi.

    It remembers the last mode and factorisation to start the next evaluation from; results do not depend on them beyond
    the mode's tolerance.

    Args:
        y: (n,) codes 0 … n_levels − 1, each used.
        design: (n, p) fixed-effects columns without intercept.
        factors: the two grouping factors.
    """

    def __init__(self, y: Ints, design: Floats, factors: CrossedFactors) -> None:
        self.y, self.design, self.factors = y, design, factors
        self.counts = np.bincount(y)
        self.n_thresholds = len(self.counts) - 1
        self.n_parameters = self.n_thresholds + design.shape[1] + 2
        self._mode = np.zeros(factors.n_core), np.zeros(factors.n_leaf)
        self._factorisation: CrossedFactorisation | None = None

    def start(self) -> Floats:
        """Start values: no effects, both standard deviations 0.7, thresholds from the marginal distribution."""
        share = np.cumsum(self.counts)[:-1] / len(self.y)
        # 1.2: conditional thresholds are wider than marginal ones by about √(1 + 0.35 (s_core² + s_leaf²)).
        thresholds = 1.2 * np.log(share / (1.0 - share))
        no_effects = np.zeros(self.design.shape[1])
        return np.concatenate([thresholds[:1], np.log(np.diff(thresholds)), no_effects, np.log([0.7, 0.7])])

    def evaluate(self, psi: Floats) -> LaplacePoint | None:
        """The likelihood at psi, or None where it is not finite (a threshold increment or sd beyond floating point)."""
        parameters = unpack(psi, self.n_thresholds)
        values = (*parameters.thresholds, *parameters.beta, parameters.sd_core, parameters.sd_leaf)
        if not np.all(np.isfinite(values)):
            return None
        gaps = np.diff(parameters.thresholds)
        if np.any(gaps <= 0.0):
            return None
        try:
            terms, g, factorisation = self._find_mode(parameters)
        except np.linalg.LinAlgError:
            return None
        g += float(self.counts[1:-1] @ np.log(-np.expm1(-gaps)))
        loglik = g - 0.5 * factorisation.log_det()
        return LaplacePoint(self, psi, parameters, terms, self._mode, factorisation, loglik)

    def _terms(self, fixed: Floats, parameters: Parameters, core: Floats, leaf: Floats) -> RatingTerms:
        factors = self.factors
        eta = fixed + parameters.sd_core * core[factors.core] + parameters.sd_leaf * leaf[factors.leaf]
        bounds = np.concatenate([[-np.inf], parameters.thresholds, [np.inf]])
        return RatingTerms(bounds[self.y + 1] - eta, bounds[self.y] - eta)

    def _find_mode(self, parameters: Parameters) -> tuple[RatingTerms, float, CrossedFactorisation]:
        """Newton steps to the mode of g in the random intercepts, with an old factorisation while it serves."""
        factors, s_core, s_leaf = self.factors, parameters.sd_core, parameters.sd_leaf
        fixed = self.design @ parameters.beta
        core, leaf = self._mode
        factorisation, is_fresh, last = self._factorisation, False, np.inf

        def objective(core: Floats, leaf: Floats) -> tuple[RatingTerms, float]:
            terms = self._terms(fixed, parameters, core, leaf)
            return terms, terms.log_probability() - 0.5 * float(core @ core + leaf @ leaf)

        terms, g = objective(core, leaf)
        for _ in range(MAX_MODE_STEPS):
            gradient_core = s_core * factors.sum_core(terms.score) - core
            gradient_leaf = s_leaf * factors.sum_leaf(terms.score) - leaf
            size = max(float(np.abs(gradient_core).max()), float(np.abs(gradient_leaf).max()))
            if size < MODE_TOLERANCE:
                break
            if factorisation is None or size > SLOW_STEP * last:
                factorisation, is_fresh = factors.factorise(terms.weight, s_core, s_leaf), True
            last = size
            step_core, step_leaf = factorisation.solve(gradient_core, gradient_leaf)
            length = 1.0
            while True:
                trial = core + length * step_core, leaf + length * step_leaf
                trial_terms, trial_g = objective(*trial)
                if trial_g >= g - 1e-10 * abs(g) or (is_fresh and length < 1e-6):
                    break
                if not is_fresh:
                    factorisation, is_fresh = factors.factorise(terms.weight, s_core, s_leaf), True
                    step_core, step_leaf = factorisation.solve(gradient_core, gradient_leaf)
                else:
                    length /= 2.0
            (core, leaf), terms, g, is_fresh = trial, trial_terms, trial_g, False
        else:
            raise np.linalg.LinAlgError(f"no mode of the random intercepts in {MAX_MODE_STEPS} steps")
        self._mode = core, leaf
        self._factorisation = factors.factorise(terms.weight, s_core, s_leaf)
        return terms, g, self._factorisation


@dataclass(frozen=True, eq=False)
class LaplacePoint:
    """The likelihood at one psi, with its derivatives computed when asked for.

    Attributes:
        loglik: the Laplace-approximated log-likelihood.
    """

    likelihood: LaplaceLikelihood
    psi: Floats
    parameters: Parameters
    terms: RatingTerms
    mode: tuple[Floats, Floats]
    factorisation: CrossedFactorisation
    loglik: float

    @cached_property
    def _inverse(self) -> tuple[Floats, Floats, Floats]:
        """Variances by core level and by leaf level and covariances by cell, of the intercepts given the ratings."""
        return self.factorisation.inverse_entries()

    @cached_property
    def gradient(self) -> Floats:
        """Exact gradient of ``loglik`` in psi, shape (m,).

        Besides g itself, log det H moves with psi in three ways: through W at fixed eta (the thresholds), through eta
        (all but the thresholds), and because the mode moves. The last is q' times the mode's equations, where
        q = H^-1 Z' (Var(eta) dW/deta).
        """
        likelihood, terms, parameters = self.likelihood, self.terms, self.parameters
        factors, s_core, s_leaf = likelihood.factors, parameters.sd_core, parameters.sd_leaf
        by_core, by_leaf, by_cell = self._inverse
        var_core, var_leaf, covariance = by_core[factors.core], by_leaf[factors.leaf], by_cell[factors.cell]
        var_eta = s_core**2 * var_core + s_leaf**2 * var_leaf + 2.0 * s_core * s_leaf * covariance
        weight_slope = -(terms.density_slope[0] + terms.density_slope[1])
        pull = var_eta * weight_slope
        q_core, q_leaf = self.factorisation.solve(s_core * factors.sum_core(pull), s_leaf * factors.sum_leaf(pull))
        zq = s_core * q_core[factors.core] + s_leaf * q_leaf[factors.leaf]

        eta_gradient = terms.score - 0.5 * pull + 0.5 * zq * terms.weight
        core, leaf = self.mode
        # Z itself scales with the standard deviations: in H (the middle terms) and in the mode's equations, where
        # s Z' score = mode makes the last ones short.
        log_sd_core = (
            float(eta_gradient @ (s_core * core[factors.core]))
            - float(terms.weight @ (s_core**2 * var_core + s_core * s_leaf * covariance))
            - 0.5 * float(q_core @ core)
        )
        log_sd_leaf = (
            float(eta_gradient @ (s_leaf * leaf[factors.leaf]))
            - float(terms.weight @ (s_leaf**2 * var_leaf + s_core * s_leaf * covariance))
            - 0.5 * float(q_leaf @ leaf)
        )
        natural = np.concatenate(
            [self._threshold_gradient(var_eta, zq), likelihood.design.T @ eta_gradient, [log_sd_core, log_sd_leaf]]
        )
        gradient: Floats = threshold_jacobian(self.psi, likelihood.n_thresholds).T @ natural
        return gradient

    def _threshold_gradient(self, var_eta: Floats, zq: Floats) -> Floats:
        """Gradient in the thresholds themselves, shape (n_thresholds,)."""
        y, n_thresholds, terms = self.likelihood.y, self.likelihood.n_thresholds, self.terms
        (cdf_hi, cdf_lo), (f_hi, f_lo), (slope_hi, slope_lo) = terms.cdf, terms.density, terms.density_slope
        by_upper = (1.0 - cdf_hi) - 0.5 * var_eta * slope_hi - 0.5 * zq * f_hi
        by_lower = -cdf_lo - 0.5 * var_eta * slope_lo - 0.5 * zq * f_lo
        # The lowest and the highest category have no lower and no upper threshold.
        n_levels = n_thresholds + 1
        gradient = group_sums(y, by_upper, n_levels)[:-1] + group_sums(y, by_lower, n_levels)[1:]
        gap_gradient = self.likelihood.counts[1:-1] / np.expm1(np.diff(self.parameters.thresholds))
        gradient[1:] += gap_gradient
        gradient[:-1] -= gap_gradient
        return gradient

    def approximate_information(self) -> Floats:
        """A cheap positive definite stand-in for minus the Hessian in psi, shape (m, m), to scale an optimiser.

        Thresholds and effects: the information of the joint density with the random intercepts eliminated. Log standard
        deviations: twice the summed squared reliabilities, as in a balanced normal model, without cross terms.
        """
        likelihood, terms, parameters = self.likelihood, self.terms, self.parameters
        factors, y, k = likelihood.factors, likelihood.y, likelihood.n_thresholds
        f_hi, f_lo = terms.density
        rows = np.arange(len(y))
        upper = np.zeros((len(y), k + 1))
        lower = np.zeros((len(y), k + 1))
        upper[rows, y] = 1.0
        lower[rows, y - 1] = 1.0  # y = 0 lands in the last column, which is cut as threshold K + 1 is
        upper = np.hstack([upper[:, :k], -likelihood.design])
        lower = np.hstack([lower[:, :k], -likelihood.design])
        fixed = (upper.T * f_hi) @ upper + (lower.T * f_lo) @ lower
        gap_slope = np.zeros((k - 1, k + likelihood.design.shape[1]))
        gap_slope[:, 1:k] += np.eye(k - 1)
        gap_slope[:, : k - 1] -= np.eye(k - 1)
        decay = 1.0 / np.expm1(np.diff(parameters.thresholds))
        fixed += (gap_slope.T * (likelihood.counts[1:-1] * decay * (1.0 + decay))) @ gap_slope

        weighted = upper * f_hi[:, None] + lower * f_lo[:, None]
        cross_core = parameters.sd_core * np.stack([factors.sum_core(column) for column in weighted.T], axis=1)
        cross_leaf = parameters.sd_leaf * np.stack([factors.sum_leaf(column) for column in weighted.T], axis=1)
        solved_core, solved_leaf = self.factorisation.solve(cross_core, cross_leaf)
        information = np.zeros((likelihood.n_parameters, likelihood.n_parameters))
        information[:-2, :-2] = fixed - cross_core.T @ solved_core - cross_leaf.T @ solved_leaf
        by_core, by_leaf, _ = self._inverse
        information[-2, -2] = 2.0 * float(((1.0 - by_core) ** 2).sum()) + 1e-3
        information[-1, -1] = 2.0 * float(((1.0 - by_leaf) ** 2).sum()) + 1e-3
        jacobian = threshold_jacobian(self.psi, k)
        return jacobian.T @ information @ jacobian
