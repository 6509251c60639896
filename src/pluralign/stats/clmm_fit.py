"""What a fitted cumulative link mixed model says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtr, ndtri

from pluralign.stats.crossed import Floats


@dataclass(frozen=True)
class OddsRatio:
    """The factor by which one unit of a covariate multiplies the odds of a higher rating.

    Attributes:
        name: the covariate's column.
        odds_ratio: exp(coefficient).
        low: lower end of the Wald interval, on the odds scale.
        high: its upper end.
        p: two-sided Wald p-value of "no effect".
        level: coverage of the interval.
    """

    name: str
    odds_ratio: float
    low: float
    high: float
    p: float
    level: float


@dataclass(frozen=True, eq=False)
class ClmmFit:
    """A cumulative link mixed model, P(y ≤ j) = F(theta_j − x'beta − u_rater − v_item), F logistic.

    Vectors over all m = K + p + 2 parameters are in the order of ``parameter_names``: K thresholds, p coefficients, then
    the logs of the two standard deviations.

    Attributes:
        thresholds: (K,) ascending, on the latent scale whose residual sd is π/√3.
        coef: (p,) positive means higher ratings.
        names: (p,) the columns' names.
        sd_rater: standard deviation of the raters' intercepts. Laplace underestimates it: at three ratings an item and five a
            rater it is 17 % below the exact posterior mean (`exact`, NUTS) in 1,095 raters and 16–18 % in three sets of 300;
            sd_item is 9 % and 10–12 % below, and coefficients 3 % and 4–5 %.
        sd_item: standard deviation of the items' intercepts.
        loglik: Laplace-approximated maximised log-likelihood.
        covariance: (m, m) inverse of minus the Hessian; NaN where it is undefined or was not asked for.
        n_ratings: number of ratings.
        n_raters: number of raters.
        n_items: number of items.
        converged: the fit is a maximum. False makes every number unfit for use; ``message`` says why.
        gradient_max: largest absolute gradient, in psi, with columns scaled to sd 1.
        n_iterations: steps of the optimiser.
        message: what happened, including a standard deviation estimated as 0.
        psi: (m,) theta_1, log threshold increments, beta, log sds: ``start`` for a similar fit.
        levels: the scale's categories in order.
    """

    thresholds: Floats
    coef: Floats
    names: tuple[str, ...]
    sd_rater: float
    sd_item: float
    loglik: float
    covariance: Floats
    n_ratings: int
    n_raters: int
    n_items: int
    converged: bool
    gradient_max: float
    n_iterations: int
    message: str
    psi: Floats
    levels: tuple[int, ...]

    @property
    def threshold_names(self) -> tuple[str, ...]:
        """Names as R's ordinal gives them: 1|2, 2|3 and so on."""
        return tuple(f"{low}|{high}" for low, high in zip(self.levels, self.levels[1:], strict=False))

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Names of all m parameters in order."""
        return (*self.threshold_names, *self.names, "log_sd_rater", "log_sd_item")

    @cached_property
    def estimates(self) -> Floats:
        """(m,) estimates in the order of ``parameter_names``."""
        with np.errstate(divide="ignore"):
            log_sds = np.log([self.sd_rater, self.sd_item])
        return np.concatenate([self.thresholds, self.coef, log_sds])

    @cached_property
    def se(self) -> Floats:
        """(m,) standard errors; those of the last two are of the log standard deviations. NaN where undefined."""
        return np.sqrt(np.diag(self.covariance))

    @cached_property
    def z(self) -> Floats:
        """(m,) Wald statistics; NaN for the log standard deviations, whose zero means nothing."""
        z = self.estimates / self.se
        z[-2:] = np.nan
        return z

    @cached_property
    def p(self) -> Floats:
        """(m,) two-sided p-values of ``z``."""
        two_sided: Floats = 2.0 * ndtr(-np.abs(self.z))
        return two_sided

    def odds_ratios(self, level: float = 0.95) -> list[OddsRatio]:
        """Odds ratios of the coefficients with Wald intervals.

        Args:
            level: coverage of the intervals, between 0 and 1.

        Returns:
            One a column, in order. Intervals are NaN where standard errors are.

        Raises:
            ValueError: ``level`` is not between 0 and 1.
        """
        if not 0.0 < level < 1.0:
            raise ValueError(f"level: got {level}; expected a coverage between 0 and 1, such as 0.95")
        k, p = len(self.thresholds), len(self.coef)
        half = float(ndtri(0.5 + level / 2.0)) * self.se[k : k + p]
        middle, low, high = np.exp(self.coef), np.exp(self.coef - half), np.exp(self.coef + half)
        p_values = self.p[k : k + p]
        return [
            OddsRatio(name, float(middle[j]), float(low[j]), float(high[j]), float(p_values[j]), level)
            for j, name in enumerate(self.names)
        ]
