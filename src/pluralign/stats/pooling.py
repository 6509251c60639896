"""Effects of several models pooled: DerSimonian–Laird, and the modified Hartung–Knapp interval always beside it.

A model is a study. Seeds nest in models: average them first (`effects`), they are never studies of their own.

DerSimonian–Laird takes tau² and the standard errors as known and errs on the short side with few models; the modified Hartung–Knapp
interval uses t with k − 1 degrees of freedom and never a variance below DerSimonian–Laird's (the unmodified one can be absurdly short
where effects are alike by chance). With two models neither holds, so under three there is an estimate and no interval.

Both take models' errors for independent. They are not, in two ways that look alike and are not alike:
- Models answer the same prompts. That correlation can be seen, and `joint.pool_jointly` takes it in.
- Models learnt from the same ratings. Had other raters been asked, all effects would have moved together; neither Q nor any
  resampling of prompts or models can see it, as it shifts all of them alike. Only something that varies the ratings can: retrain on
  resampled raters, take the standard deviation of the pooled effect over them (some of it is training's chance, so it errs on the wide
  side), and give it as ``shared_se``. Without it every interval here is about these ratings, not about what other raters would have
  taught. `benchmarks/pooling_coverage.py` measures all of this.

Sources: DerSimonian & Laird (1986), Controlled Clinical Trials 7; Higgins & Thompson (2002), Statistics in Medicine 21 (I²);
Viechtbauer (2007), Statistics in Medicine 26 (interval of tau²); Hartung & Knapp (2001), Statistics in Medicine 20; Röver, Knapp &
Friede (2015), BMC Medical Research Methodology 15 (modified); Higgins, Thompson & Spiegelhalter (2009), JRSS A 172 (prediction, k − 2);
Viechtbauer (2010), J. Statistical Software 36 (metafor, whose prediction under t has k − 1); Holm (1979), Scand. J. Statistics 6.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import chdtrc, chdtri, ndtr, ndtri, stdtr, stdtrit

from pluralign.stats.resampling import Floats

FEWEST_MODELS = 3
"""Models below which nothing is inferred."""


class PoolingError(ValueError):
    """Effects or standard errors that cannot be pooled."""


class Interval(NamedTuple):
    """Lower and upper end of a 95 % interval; NaN where it is undefined."""

    low: float
    high: float


NO_INTERVAL = Interval(np.nan, np.nan)


@dataclass(frozen=True)
class Inference:
    """A standard error and what follows from it.

    Attributes:
        se: of the pooled effect; NaN where nothing estimates it.
        statistic: z or t of the hypothesis that the pooled effect is 0.
        df: degrees of freedom of t; infinite for z.
        p: two-sided; NaN under three models, as the interval is.
        low: lower end of the 95 % interval; NaN under three models.
        high: its upper end.
    """

    se: float
    statistic: float
    df: float
    p: float
    low: float
    high: float


@dataclass(frozen=True)
class Pooled:
    """Effects pooled over models.

    Attributes:
        estimate: weighted mean; the weights are inverse variances with tau² in them. NaN without a model.
        dl: DerSimonian–Laird's inference, by z.
        hartung_knapp: modified Hartung–Knapp's, by t with k − 1 degrees of freedom.
        hartung_knapp_scale: what the variance would be multiplied by without the modification; the modification is max(1, this).
        prediction_k_minus_2: 95 % interval of the effect in a new model by t with k − 2 degrees of freedom (Higgins et al. 2009).
        prediction_k_minus_1: the same by t with k − 1 (metafor's under t).
        tau2: variance of the effects between models, truncated at 0; NaN with fewer than two models.
        tau2_interval: its 95 % interval by the Q-profile; both ends 0 where even 0 explains too little; NaN under three models.
        i2_percent: share of the effects' variance that is between models, 0 to 100, truncated at 0.
        q: Cochran's Q.
        q_p: its p value, chi² with k − 1 degrees of freedom.
        weights: of each model in the estimate, summing to 1, in input order; 0 for one without an effect.
        n_models: models pooled.
        n_dropped: models left out because their effect or standard error is NaN.
        shared_se: as given.
        notes: what limits or is missing from the above, in words.
    """

    estimate: float
    dl: Inference
    hartung_knapp: Inference
    hartung_knapp_scale: float
    prediction_k_minus_2: Interval
    prediction_k_minus_1: Interval
    tau2: float
    tau2_interval: Interval
    i2_percent: float
    q: float
    q_p: float
    weights: tuple[float, ...]
    n_models: int
    n_dropped: int
    shared_se: float
    notes: tuple[str, ...]


def pool(effects: ArrayLike, se: ArrayLike, *, shared_se: float = 0.0) -> Pooled:
    """The random-effects mean of several models' effects.

    Args:
        effects: (n_models,) one effect a model, NaN where undefined.
        se: (n_models,) their standard errors, above 0.
        shared_se: standard error of an error that all effects share, known from elsewhere (see the module); its variance is added to
            that of the pooled effect and of a prediction. It changes neither weights nor tau².

    Returns:
        The estimate with both inferences, heterogeneity and prediction intervals.

    Raises:
        PoolingError: lengths differ, something is infinite, or a standard error is not above 0.

    With equal variances s² the weights are equal, and tau² = variance of the effects − s² = 1 − 0.25:

    >>> pooled = pool([1, 2, 3], [0.5, 0.5, 0.5])
    >>> pooled.estimate, pooled.q, pooled.tau2, pooled.i2_percent
    (2.0, 8.0, 0.75, 75.0)
    >>> round(pooled.dl.se**2, 12)  # (0.25 + 0.75) / 3
    0.333333333333
    """
    y, s, kept = _checked(effects, se, shared_se)
    k, v = len(y), s**2
    q = cochran_q(y, v, 0.0)
    tau2 = _moment_tau2(q, k, v)
    w = 1.0 / (v + (tau2 if k > 1 else 0.0))
    estimate = float((w * y).sum() / w.sum()) if k else np.nan
    scale = float((w * (y - estimate) ** 2).sum() / (k - 1)) if k > 1 else np.nan
    own, shared2 = 1.0 / w.sum() if k else np.nan, shared_se**2
    dl_se, hk_se = float(np.sqrt(own + shared2)), float(np.sqrt(own * max(1.0, scale) + shared2)) if k > 1 else np.nan
    share = np.zeros(len(kept))
    share[kept] = w / w.sum()
    return Pooled(
        estimate=estimate,
        dl=infer(estimate, dl_se, np.inf, k),
        hartung_knapp=infer(estimate, hk_se, k - 1.0, k),
        hartung_knapp_scale=scale,
        prediction_k_minus_2=_prediction(estimate, dl_se, tau2, k - 2, k),
        prediction_k_minus_1=_prediction(estimate, dl_se, tau2, k - 1, k),
        tau2=tau2,
        tau2_interval=tau2_interval(y, v),
        i2_percent=(100.0 * max(0.0, (q - (k - 1)) / q) if q > 0.0 else 0.0) if k > 1 else np.nan,
        q=q,
        q_p=float(chdtrc(k - 1, q)) if k > 1 else np.nan,
        weights=tuple(share.tolist()),
        n_models=k,
        n_dropped=len(kept) - k,
        shared_se=float(shared_se),
        notes=pooling_notes(k, tau2, len(kept) - k),
    )


def holm(p: ArrayLike) -> Floats:
    """Holm's adjusted p values of one family of tests (here: one experiment), in input order.

    Args:
        p: (n,) p values. A NaN stays NaN and is not counted as a test, as in R's `p.adjust`.

    Returns:
        Shape (n,), each at most 1 and at least its p.

    Raises:
        PoolingError: a p value is off 0 to 1.

    >>> holm([0.0625, 0.5, 0.125]).tolist()  # 3 × .0625, 1 × .5, 2 × .125
    [0.1875, 0.5, 0.25]
    """
    values = np.asarray(p, dtype=np.float64)
    defined = np.flatnonzero(np.isfinite(values))
    if values.ndim != 1 or ((values < 0.0) | (values > 1.0)).any():
        raise PoolingError(
            f"p: got {values.tolist()}; expected p values from 0 to 1 of shape (n,), NaN where undefined"
        )
    order = defined[np.argsort(values[defined], kind="stable")]
    adjusted = np.full(len(values), np.nan)
    steps = values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return adjusted


def infer(estimate: float, se: float, df: float, n_models: int) -> Inference:
    """Test and interval by t, or by z where df is infinite; p and interval are NaN under three models."""
    found = by_t(estimate, se, df)
    return found if n_models >= FEWEST_MODELS else replace(found, p=np.nan, low=np.nan, high=np.nan)


def by_t(estimate: float, se: float, df: float) -> Inference:
    """Two-sided test of 0 and 95 % interval by t, or by z where df is infinite; NaN where there is no standard error above 0."""
    statistic = estimate / se if se > 0.0 else np.nan
    if not np.isfinite(statistic):
        return Inference(se, statistic, df, np.nan, np.nan, np.nan)
    normal = np.isinf(df)
    p = 2.0 * float(ndtr(-abs(statistic)) if normal else stdtr(df, -abs(statistic)))
    half = float(ndtri(0.975) if normal else stdtrit(df, 0.975)) * se
    return Inference(se, statistic, df, p, estimate - half, estimate + half)


def cochran_q(effects: Floats, variances: Floats, tau2: float) -> float:
    """Weighted squares of the effects about their weighted mean; with tau² = 0 Cochran's Q. NaN with fewer than two models."""
    if len(effects) < 2:
        return np.nan
    w = 1.0 / (variances + tau2)
    return float((w * (effects - (w * effects).sum() / w.sum()) ** 2).sum())


def tau2_interval(effects: Floats, variances: Floats) -> Interval:
    """The 95 % Q-profile interval of tau²: where the generalised Q meets the chi² quantiles; NaN under three models."""
    k = len(effects)
    if k < FEWEST_MODELS:
        return NO_INTERVAL

    def end(tail: float) -> float:
        wanted = float(chdtri(k - 1, tail))
        if cochran_q(effects, variances, 0.0) <= wanted:
            return 0.0
        far = float(np.ptp(effects) ** 2 + variances.max())
        while cochran_q(effects, variances, far) > wanted:
            far *= 2.0
        return float(
            brentq(lambda tau2: cochran_q(effects, variances, tau2) - wanted, 0.0, far, xtol=1e-14, rtol=1e-13)
        )

    return Interval(end(0.025), end(0.975))


def pooling_notes(n_models: int, tau2: float, n_dropped: int) -> tuple[str, ...]:
    """What limits a pooled effect, in words."""
    notes = []
    if n_models < FEWEST_MODELS:
        notes.append(f"no p value and no interval: {n_models} models; expected at least {FEWEST_MODELS}")
    elif tau2 == 0.0:
        notes.append(
            "tau² is estimated as 0, which few models cannot prove: prediction intervals are as narrow as the mean's"
        )
    if n_dropped:
        notes.append(f"{n_dropped} models left out: their effect or standard error is undefined")
    return tuple(notes)


def _moment_tau2(q: float, k: int, v: Floats) -> float:
    if k < 2:
        return np.nan
    w = 1.0 / v
    return max(0.0, float((q - (k - 1)) / (w.sum() - (w**2).sum() / w.sum())))


def _prediction(estimate: float, se: float, tau2: float, df: int, n_models: int) -> Interval:
    if n_models < FEWEST_MODELS:
        return NO_INTERVAL
    half = float(stdtrit(df, 0.975) * np.sqrt(tau2 + se**2))
    return Interval(estimate - half, estimate + half)


def _checked(effects: ArrayLike, se: ArrayLike, shared_se: float) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Effects and standard errors of the models that have both, and which those are."""
    y, s = np.asarray(effects, dtype=np.float64), np.asarray(se, dtype=np.float64)
    if y.ndim != 1 or y.shape != s.shape:
        raise PoolingError(
            f"effects, se: got shapes {y.shape} and {s.shape}; expected one of each a model, (n_models,)"
        )
    if np.isinf(y).any() or np.isinf(s).any():
        raise PoolingError("effects, se: got an infinite value; expected numbers, NaN where undefined")
    if (s <= 0.0).any():
        raise PoolingError(
            f"se: got {s[s <= 0.0][0]} of model {np.flatnonzero(s <= 0.0)[0]}; expected above 0. A model whose differences are all "
            "equal has no standard error: give NaN"
        )
    if not (np.isfinite(shared_se) and shared_se >= 0.0):
        raise PoolingError(f"shared_se: got {shared_se}; expected a standard error, 0 for none")
    kept = np.isfinite(y) & np.isfinite(s)
    return y[kept], s[kept], kept
