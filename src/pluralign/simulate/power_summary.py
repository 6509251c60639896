"""What the replicates of one design say: power, its interval, and what a significant result would then be worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from pluralign.simulate.power_design import RatingDesign

NAN = float("nan")


@dataclass(frozen=True)
class Replicate:
    """One simulated study, fitted; with a failure the numbers are NaN.

    Attributes:
        estimate: log odds ratio of the group.
        se: its standard error.
        p: two-sided Wald p-value.
        failure: why it could not be fitted, in a word; empty where it could.
    """

    estimate: float = NAN
    se: float = NAN
    p: float = NAN
    failure: str = ""


@dataclass(frozen=True)
class Share:
    """A share of replicates with Wilson's 95 % interval; NaN where there are none.

    Attributes:
        value, low, high: the share and its interval.
        k, n: what was counted, out of how many.
    """

    value: float
    low: float
    high: float
    k: int
    n: int

    @classmethod
    def of(cls, k: int, n: int, level: float = 0.95) -> Share:
        """k of n.

        Source: Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22.

        >>> share = Share.of(8, 10)
        >>> round(share.low, 3), round(share.high, 3)
        (0.49, 0.943)
        """
        if not n:
            return cls(NAN, NAN, NAN, k, n)
        z, p = float(ndtri(0.5 + level / 2)), k / n
        middle, half = p + z**2 / (2 * n), z * float(np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)))
        scale = 1 + z**2 / n
        return cls(p, max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale), k, n)

    def as_dict(self) -> dict[str, Any]:
        """Plain values; an undefined share is null."""
        return {"value": none(self.value), "low": none(self.low), "high": none(self.high), "k": self.k, "n": self.n}


@dataclass(frozen=True)
class PowerRow:
    """One design.

    Attributes:
        design: the study.
        log_odds_ratio: the true effect.
        power: share of fitted replicates that are significant with the right sign.
        type_s_error: share of the significant replicates whose sign is wrong.
        exaggeration: mean of |estimate| / |effect| over the significant replicates (type M); NaN where there are none.
        mean_estimate: mean estimated log odds ratio.
        bias: that minus the true one; the Laplace approximation shrinks it.
        mean_se: mean standard error of the fits.
        sd_estimate: standard deviation of the estimates; standard errors are right where it equals `mean_se`.
        n_replicates, n_fitted: simulated, and fitted among them.
        failures: why the others could not be fitted, with counts.
        type_i_error: share of significant replicates without the effect, either sign; None where it was not asked for.
        type_i_failures: as `failures`, without the effect.

    Source: Gelman & Carlin (2014), "Beyond power calculations: assessing type S (sign) and type M (magnitude) errors",
    Perspectives on Psychological Science 9.
    """

    design: RatingDesign
    log_odds_ratio: float
    power: Share
    type_s_error: Share
    exaggeration: float
    mean_estimate: float
    bias: float
    mean_se: float
    sd_estimate: float
    n_replicates: int
    n_fitted: int
    failures: dict[str, int]
    type_i_error: Share | None = None
    type_i_failures: dict[str, int] | None = None

    @property
    def n_failed(self) -> int:
        """Replicates that could not be fitted."""
        return self.n_replicates - self.n_fitted

    def as_dict(self) -> dict[str, Any]:
        """Plain values; what is undefined is null, with its reason under `undefined`."""
        row: dict[str, Any] = self.design.as_dict() | {
            "power": self.power.as_dict(), "type_s_error": self.type_s_error.as_dict(), "exaggeration": none(self.exaggeration),
            "mean_estimate": none(self.mean_estimate), "mean_odds_ratio": none(float(np.exp(self.mean_estimate))),
            "bias": none(self.bias), "mean_se": none(self.mean_se), "sd_estimate": none(self.sd_estimate),
            "n_replicates": self.n_replicates, "n_fitted": self.n_fitted, "n_failed": self.n_failed, "failures": self.failures,
        }  # fmt: skip
        if self.type_i_error is not None:
            row |= {"type_i_error": self.type_i_error.as_dict(), "type_i_failures": self.type_i_failures}
        undefined = {}
        if not self.n_fitted:
            undefined["power"] = "no replicate could be fitted"
        if not self.type_s_error.n:
            undefined["type_s_error"] = undefined["exaggeration"] = "no replicate is significant"
        if self.n_fitted < 2:
            undefined["sd_estimate"] = "fewer than two replicates could be fitted"
        return row | {"undefined": undefined}


def summary(
    design: RatingDesign,
    log_odds_ratio: float,
    alpha: float,
    replicates: Sequence[Replicate],
    without_effect: Sequence[Replicate] | None = None,
) -> PowerRow:
    """Summarise a design's replicates.

    Args:
        design: the study.
        log_odds_ratio: the true effect.
        alpha: level of the test.
        replicates: simulated with the effect.
        without_effect: simulated without it, for the type-I error.
    """
    fits = [r for r in replicates if not r.failure]
    estimate, se = np.array([r.estimate for r in fits]), np.array([r.se for r in fits])
    significant = np.array([r.p for r in fits]) < alpha
    right = np.sign(estimate) == np.sign(log_odds_ratio)
    n, n_significant = len(fits), int(significant.sum())
    mean = float(estimate.mean()) if n else NAN
    null = [r for r in without_effect or [] if not r.failure]
    return PowerRow(
        design=design,
        log_odds_ratio=log_odds_ratio,
        power=Share.of(int((significant & right).sum()), n),
        type_s_error=Share.of(int((significant & ~right).sum()), n_significant),
        exaggeration=float(np.abs(estimate[significant] / log_odds_ratio).mean()) if n_significant else NAN,
        mean_estimate=mean,
        bias=mean - log_odds_ratio,
        mean_se=float(se.mean()) if n else NAN,
        sd_estimate=float(estimate.std(ddof=1)) if n > 1 else NAN,
        n_replicates=len(replicates),
        n_fitted=n,
        failures=failures(replicates),
        type_i_error=None if without_effect is None else Share.of(sum(r.p < alpha for r in null), len(null)),
        type_i_failures=None if without_effect is None else failures(without_effect),
    )


def failures(replicates: Sequence[Replicate]) -> dict[str, int]:
    """Why replicates could not be fitted, with counts, the most frequent first."""
    return dict(Counter(r.failure for r in replicates if r.failure).most_common())


def none(value: float) -> float | None:
    """NaN as None, for JSON."""
    return None if np.isnan(value) else value
