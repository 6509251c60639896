"""Several models that answer the same prompts: effects whose errors are correlated, and pooling that takes this in.

An easy prompt is easy for every model. Replicates therefore draw prompt templates once for all models and all conditions; the
covariance of the effects comes from the same clusters. DerSimonian–Laird takes the models' errors for independent: where they are
positively correlated its Q is too small, its tau² with it, and its interval too short. `pool_jointly` equates Q with what it is expected
to be under the covariance, and takes the standard error of the mean from the covariance too. By t with k − 1 degrees of freedom it errs
on the wide side: the part of its variance that is the prompts' is known better than that (`benchmarks/pooling_coverage.py`: .975 where
DerSimonian–Laird covers .73).

What no prompt can show: an error that moves all models alike on every prompt, because all learnt from the same ratings. It is not in the
replicates, not in the covariance and not in Q; see ``shared_se`` in `pooling`.

Sources: Cameron & Miller (2015), J. Human Resources 50 (cluster-robust covariance); DerSimonian & Kacker (2007), Contemporary Clinical
Trials 28 (moments with general weights; the covariance in place of variances is ours); Rao & Wu (1988), JASA 83 (rescaled draws of few).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pluralign.stats.effects import Systems, checked_systems, checked_weights, contrast_values
from pluralign.stats.pooling import (
    NO_INTERVAL,
    Inference,
    Interval,
    Pooled,
    PoolingError,
    cochran_q,
    holm,
    infer,
    pool,
)
from pluralign.stats.resampling import Floats, bootstrap_sums, cluster_sums, percentile_interval, ratios


@dataclass(frozen=True, eq=False)
class JointEffects:
    """Several contrasts on the same prompts, and replicates of all of them under the same draws.

    Attributes:
        estimates: (n_contrasts,) in points of the 0–1 scale; NaN where no prompt has all scores.
        covariance: (n_contrasts, n_contrasts) of their errors: cluster-robust, with the factor G / (G − 1) as `Effect.se`, or, where
            seeds are resampled, that of the replicates. NaN, as `Effect.se`, with fewer than two clusters or when none departs from
            the estimate; where seeds are resampled also when a replicate is undefined.
        replicates: (bootstrap, n_contrasts); row b of every column rests on the same drawn clusters, and on the same drawn seeds of a
            system that several contrasts share.
        n_pairs: (n_contrasts,) prompts that every system of the contrast was scored on, with all seeds.
        n_dropped: (n_contrasts,) prompts that are not among them.
        n_undefined: (n_contrasts,) replicates that are NaN, as no drawn cluster has such a prompt.
        n_clusters: prompt templates.
        resample_seeds: whether seeds were drawn within systems.
        seed: of the bootstrap.
    """

    estimates: Floats
    covariance: Floats
    replicates: Floats
    n_pairs: NDArray[np.int64]
    n_dropped: NDArray[np.int64]
    n_undefined: NDArray[np.int64]
    n_clusters: int
    resample_seeds: bool
    seed: int

    @property
    def se(self) -> Floats:
        """(n_contrasts,) standard errors."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))


def difference_weights(pairs: Sequence[tuple[int, int]], n_systems: int) -> Floats:
    """Contrast weights of first − second for each pair of systems.

    >>> difference_weights([(1, 0), (2, 0)], 3).tolist()
    [[-1.0, 1.0, 0.0], [-1.0, 0.0, 1.0]]
    """
    rows = np.eye(n_systems)
    return np.array([rows[first] - rows[second] for first, second in pairs]).reshape(-1, n_systems)


def joint_effects(
    scores: Systems,
    weights: ArrayLike,
    cluster: ArrayLike,
    *,
    bootstrap: int = 2000,
    seed: int = 0,
    resample_seeds: bool = False,
) -> JointEffects:
    """Contrasts of systems on the same prompts, with replicates that draw prompt templates jointly for all of them.

    Args:
        scores: one array a system, (n_prompts,) or (n_seeds, n_prompts), on 0–1, NaN where judging failed; a matrix of shape
            (n_systems, n_prompts) is fine.
        weights: (n_contrasts, n_systems), each row summing to 0; see `difference_weights`.
        cluster: (n_prompts,) label of the prompt template.
        bootstrap: replicates.
        seed: equal seeds give equal draws.
        resample_seeds: draw seeds within each system too, so that the error includes what training by chance does. Draws are rescaled
            by √(n / (n − 1)), without which two seeds would show half of their variance. A system with one seed has no such variance
            to show. Not needed where effects are pooled over models: there seeds' noise is part of tau².

    Returns:
        Estimates, covariance and replicates.

    Raises:
        EffectError: shapes do not fit, scores are off the 0–1 scale, a contrast does not sum to 0, or a label is missing.

    >>> found = joint_effects([[0.5, 0.5], [1.0, 0.5], [1.0, 0.5]], difference_weights([(1, 0), (2, 0)], 3), ["a", "b"], bootstrap=4)
    >>> found.estimates.tolist(), found.covariance.round(12).tolist()  # deviations ±.25, over n = 2, times G / (G − 1) = 2
    ([0.25, 0.25], [[0.0625, 0.0625], [0.0625, 0.0625]])
    >>> bool((found.replicates[:, 0] == found.replicates[:, 1]).all())
    True
    """
    systems = checked_systems(scores, cluster)
    c = checked_weights(weights, len(systems))
    kept = np.array([np.isfinite(contrast_values(systems, row)) for row in c])
    by_cluster = cluster_sums(_columns(systems, c, kept), cluster)
    rng = np.random.default_rng([seed, 1])
    by_seed = [_seed_weights(len(one), bootstrap if resample_seeds else 0, rng) for one in systems]
    replicates = _combine(bootstrap_sums(by_cluster, bootstrap, seed), c, by_seed)
    plain = [np.full((1, len(one)), 1.0 / len(one)) for one in systems]
    estimates = _combine(by_cluster.sum(axis=0)[None], c, plain)[0]
    covariance = _cluster_covariance(by_cluster, c, plain, estimates)
    if resample_seeds:
        undefined = np.isnan(covariance)
        covariance = np.atleast_2d(np.cov(replicates, rowvar=False)) if bootstrap > 1 else covariance * np.nan
        covariance[undefined] = np.nan
    return JointEffects(
        estimates, covariance, replicates, kept.sum(axis=1), (~kept).sum(axis=1), np.isnan(replicates).sum(axis=0),
        len(by_cluster), resample_seeds, seed,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class JointPooled:
    """Effects pooled over models whose errors are correlated.

    Attributes:
        pooled: DerSimonian–Laird and modified Hartung–Knapp, which take the errors for independent.
        estimate: weighted mean with weights 1 / (variance + tau²), by this tau².
        joint: its standard error from tau² and the whole covariance, and the inference by t with k − 1 degrees of freedom. What to
            report where models answered the same prompts.
        tau2: variance between models by moments under the covariance, truncated at 0; NaN with fewer than two models.
        i2_percent: share of Q that the covariance does not expect, 0 to 100, truncated at 0: 0 just where tau2 is; of independent errors
            it is `pooled`'s. NaN with fewer than two models.
        prompts: 95 % percentile interval of the estimate over replicates with the weights held: what other prompts would have made of
            *these* models. It has no variance between models in it and is no interval for models in general. NaN without replicates
            and under three models.
        correlation: (k, k) of the errors of the models pooled.
        mean_correlation: mean of its off-diagonal; NaN with fewer than two models.
        n_replicates: replicates in `prompts`.
        n_undefined: replicates left out of it, as some model's effect is NaN in them.
    """

    pooled: Pooled
    estimate: float
    joint: Inference
    tau2: float
    i2_percent: float
    prompts: Interval
    correlation: Floats
    mean_correlation: float
    n_replicates: int
    n_undefined: int


def pool_jointly(
    effects: ArrayLike, covariance: ArrayLike, replicates: ArrayLike | None = None, *, shared_se: float = 0.0
) -> JointPooled:
    """Random-effects mean of models that answered the same prompts.

    With A = diag(1/v) − (1/v)(1/v)′ / Σ 1/v, Q is expected to be tr(A (tau² I + S)), S being the errors' covariance and v its diagonal;
    solved for tau² this is DerSimonian–Laird's where S is diagonal.

    Args:
        effects: (n_models,) as `JointEffects.estimates`, NaN where undefined.
        covariance: (n_models, n_models) of their errors.
        replicates: (bootstrap, n_models) under joint draws.
        shared_se: see `pool`; no prompt can show it.

    Returns:
        Both kinds of pooling, and how correlated the errors are.

    Raises:
        PoolingError: shapes do not fit, or a variance is not above 0.

    Independent errors, as in the example of `pool`; with a correlation of a half tau² is 1 − 0.25 × (1 − 0.5) and the variance of the
    mean (0.875 + 0.25 × (1 + 2 × 0.5)) / 3:

    >>> found = pool_jointly([1, 2, 3], [[0.25, 0, 0], [0, 0.25, 0], [0, 0, 0.25]])
    >>> found.tau2, found.tau2 == found.pooled.tau2
    (0.75, True)
    >>> found = pool_jointly([1, 2, 3], [[0.25, 0.125, 0.125], [0.125, 0.25, 0.125], [0.125, 0.125, 0.25]])
    >>> found.tau2, round(found.joint.se**2, 12), found.mean_correlation
    (0.875, 0.458333333333, 0.5)
    >>> found.i2_percent, found.pooled.i2_percent  # Q is 8; 1 is expected of it, and 2 where errors are independent
    (87.5, 75.0)
    """
    y, S = np.asarray(effects, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    if y.ndim != 1 or S.shape != (len(y), len(y)):
        raise PoolingError(f"covariance: got shape {S.shape}; expected (n_models, n_models) = ({y.size}, {y.size})")
    if (np.diag(S) < 0.0).any():
        raise PoolingError(f"covariance: got a variance of {np.diag(S).min()}; expected above 0, NaN where undefined")
    pooled = pool(y, np.sqrt(np.diag(S)), shared_se=shared_se)
    kept = np.isfinite(y) & np.isfinite(np.diag(S))
    y, S, k = y[kept], S[np.ix_(kept, kept)], int(kept.sum())
    v = np.diag(S)
    tau2, i2_percent = _heterogeneity(y, S)
    w = 1.0 / (v + (tau2 if k > 1 else 0.0))
    w = w / w.sum()
    estimate = float(w @ y) if k else np.nan
    se = float(np.sqrt(tau2 * (w @ w) + w @ S @ w + shared_se**2)) if k > 1 else pooled.dl.se
    prompts, n_replicates, n_undefined = _prompt_interval(replicates, kept, w)
    correlation = S / np.sqrt(np.outer(v, v))
    mean = float(correlation[~np.eye(k, dtype=bool)].mean()) if k > 1 else np.nan
    inference = infer(estimate, se, k - 1.0, k)
    return JointPooled(
        pooled, estimate, inference, tau2, i2_percent, prompts, correlation, mean, n_replicates, n_undefined
    )


@dataclass(frozen=True, eq=False)
class Comparison:
    """One condition against another, paired within model, pooled over models.

    Attributes:
        first: the condition whose effect is taken.
        second: the condition that is subtracted.
        pooled: of the within-model differences; `pooled.pooled` has DerSimonian–Laird and modified Hartung–Knapp.
        p_holm_dl: Holm's p over all comparisons of the experiment, of DerSimonian–Laird's.
        p_holm_hartung_knapp: the same of modified Hartung–Knapp's.
        p_holm_joint: the same of the joint inference's.
    """

    first: str
    second: str
    pooled: JointPooled
    p_holm_dl: float
    p_holm_hartung_knapp: float
    p_holm_joint: float


def compare_conditions(
    effects: ArrayLike, covariance: ArrayLike, names: Sequence[str], *, shared_se: float = 0.0
) -> list[Comparison]:
    """Every pair of conditions: differences within each model, pooled, with Holm's p over the experiment.

    A model in which two conditions differ by the same on every prompt has no standard error there, and drops out of that comparison.

    What a model's conditions have in common (its base model, its prompts, its own level) cancels in the difference, in the standard
    error as well, which is why two pooled effects whose intervals overlap may differ clearly.

    Args:
        effects: (n_conditions, n_models), NaN where a model lacks a condition: it drops out of that condition's comparisons only.
        covariance: (n_conditions, n_models, n_conditions, n_models) of their errors: `JointEffects.covariance` of contrasts listed
            condition by condition, reshaped.
        names: of the conditions, as the results call them.
        shared_se: of an error that all differences share; see `pool`.

    Returns:
        One comparison a pair, in the order of `itertools.combinations`.

    Raises:
        PoolingError: shapes do not fit.
    """
    y, S = np.asarray(effects, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    if y.ndim != 2 or len(names) != len(y) or S.shape != y.shape * 2:
        raise PoolingError(
            f"effects, covariance, names: got shapes {y.shape}, {S.shape} and {len(names)} names; expected (n_conditions, n_models), "
            "the same twice over, and a name a condition"
        )
    pairs = list(combinations(range(len(y)), 2))
    found = [pool_jointly(y[a] - y[b], _difference_covariance(S, a, b), shared_se=shared_se) for a, b in pairs]
    adjusted = [
        holm([one.pooled.dl.p for one in found]),
        holm([one.pooled.hartung_knapp.p for one in found]),
        holm([one.joint.p for one in found]),
    ]
    return [
        Comparison(names[a], names[b], one, *map(float, p))
        for (a, b), one, p in zip(pairs, found, np.array(adjusted).T, strict=True)
    ]


def _difference_covariance(S: Floats, a: int, b: int) -> Floats:
    """(n_models, n_models) of first − second; NaN for a model in which they are equal but for rounding."""
    S_ab = S[a, :, b]
    found = S[a, :, a] + S[b, :, b] - S_ab - S_ab.T
    equal = np.diag(found) < 1e-12 * (np.diag(S[a, :, a]) + np.diag(S[b, :, b]))
    found[equal, :] = found[:, equal] = np.nan
    return np.asarray(found)


def _heterogeneity(y: Floats, S: Floats) -> tuple[float, float]:
    """tau² by moments and I² in percent, both of Q less what the covariance expects of it."""
    if len(y) < 2:
        return np.nan, np.nan
    w = 1.0 / np.diag(S)
    A = np.diag(w) - np.outer(w, w) / w.sum()
    q = cochran_q(y, np.diag(S), 0.0)
    beyond = max(0.0, q - float(np.trace(A @ S)))
    return beyond / float(np.trace(A)), 100.0 * beyond / q if q > 0.0 else 0.0


def _prompt_interval(replicates: ArrayLike | None, kept: NDArray[np.bool_], w: Floats) -> tuple[Interval, int, int]:
    if replicates is None:
        return NO_INTERVAL, 0, 0
    drawn = np.asarray(replicates, dtype=np.float64)
    if drawn.ndim != 2 or drawn.shape[1] != len(kept):
        raise PoolingError(f"replicates: got shape {drawn.shape}; expected (bootstrap, {len(kept)}), a column a model")
    low, high, n_undefined = percentile_interval(drawn[:, kept] @ w)
    return Interval(low, high) if len(w) >= 3 else NO_INTERVAL, len(drawn) - n_undefined, n_undefined


def _columns(systems: list[Floats], weights: Floats, kept: NDArray[np.bool_]) -> Floats:
    """What `_combine` reads, a column each: for each contrast its prompts, then the scores of each seed of its systems on them."""
    columns = []
    for row, mask in zip(weights, kept, strict=True):
        columns.append(mask.astype(np.float64)[None])
        columns += [np.where(mask, systems[i], 0.0) for i in np.flatnonzero(row)]
    return np.vstack(columns).T


def _combine(totals: Floats, weights: Floats, by_seed: list[Floats]) -> Floats:
    """(replicates, n_contrasts) contrasts from totals of `_columns` and the weight of each seed of each system."""
    found, at = [], 0
    for row in weights:
        count, value, at = totals[:, at], np.zeros(len(totals)), at + 1
        for i in np.flatnonzero(row):
            n_seeds = by_seed[i].shape[1]
            value += row[i] * (totals[:, at : at + n_seeds] * by_seed[i]).sum(axis=1)
            at += n_seeds
        found.append(ratios(value, count))
    return np.column_stack(found)


def _seed_weights(n_seeds: int, replicates: int, rng: np.random.Generator) -> Floats:
    """(replicates, n_seeds) summing to 1: draws with replacement, rescaled; (1, n_seeds) equal ones without replicates."""
    equal = np.full((1, n_seeds), 1.0 / n_seeds)
    if n_seeds == 1 or not replicates:
        return equal
    drawn = rng.multinomial(n_seeds, equal[0], size=replicates) / n_seeds
    return np.asarray(equal + np.sqrt(n_seeds / (n_seeds - 1)) * (drawn - equal))


def _cluster_covariance(by_cluster: Floats, weights: Floats, by_seed: list[Floats], estimates: Floats) -> Floats:
    """Sum over clusters of the products of what each does to the estimates, with the factor G / (G − 1)."""
    starts = np.cumsum([0, *(1 + sum(by_seed[i].shape[1] for i in np.flatnonzero(row)) for row in weights[:-1])])
    counts = by_cluster[:, starts]
    means = np.nan_to_num(_combine(by_cluster, weights, by_seed))
    used = (counts > 0.0).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        influence = counts * (means - estimates) / counts.sum(axis=0) * np.sqrt(used / (used - 1.0))
    # Rounding would leave a variance of 1e-34, and with it all of the weight.
    influence[:, np.abs(influence).max(axis=0) < 1e-12] = np.nan
    return np.asarray(influence.T @ influence)
