"""What one system does differently from another on the same prompts, with intervals that resample prompt templates.

Scores are on 0–1; a missing score (a failed judgement) is NaN. A prompt counts only where every system of the comparison was scored,
with all of its seeds, so that what is compared is the same prompts; what drops out is counted. The English and German versions of a
prompt, and all prompts of a template, are one cluster: clusters are drawn whole, and the estimate is a ratio of cluster sums.

Seeds of one model are averaged first. The intervals here are then about those checkpoints; replicates that draw seeds within the model,
and that several models share, are in `joint`.

Sources: Efron (1987), "Better bootstrap confidence intervals", JASA 82 (BCa), as in `scipy.stats.bootstrap`; Cameron & Miller (2015),
"A practitioner's guide to cluster-robust inference", J. Human Resources 50.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import bootstrap as scipy_bootstrap

from pluralign.stats.resampling import BLOCK, Floats, cluster_sums

Systems: TypeAlias = Sequence[ArrayLike]
"""Scores of several systems on the same prompts: each (n_prompts,), or (n_seeds, n_prompts) with seeds of its own number. A matrix of
shape (n_systems, n_prompts) is one."""

FEW_CLUSTERS = 10
"""Clusters below which a note says that intervals are too short."""
OWN_GROUP_ADVANTAGE = (1.0, -1.0, 1.0, -1.0)
"""Weights of AA, BA, BB, AB in the own-group advantage."""


class EffectError(ValueError):
    """Scores, weights or clusters that no effect can be computed of."""


@dataclass(frozen=True)
class Effect:
    """A contrast of systems' mean scores.

    Attributes:
        estimate: mean over prompts, in points of the 0–1 scale; a difference lies in −1 to 1; NaN without a complete prompt.
        low: lower end of the 95 % BCa interval over resampled clusters; NaN where BCa is undefined (see notes) or not asked for.
        high: its upper end.
        se: cluster-robust standard error with the factor G / (G − 1), to be pooled; it owes nothing to the bootstrap's seed. NaN with
            fewer than two clusters, or when no cluster departs from the estimate: 0 would read as certainty.
        percent_change: 100 × difference / mean of the second system; NaN for contrasts of more than two, or where that mean is 0.
        percent_low: lower end of its 95 % BCa interval.
        percent_high: its upper end.
        standardised: estimate / sd of the clusters' means, a description without an interval; NaN where se is.
        n_pairs: prompts that all systems of the contrast were scored on.
        n_dropped: prompts that are not among them because a score is missing.
        n_failed: missing scores of each system, over all its seeds.
        n_seeds: seeds of each system, averaged.
        n_clusters: prompt templates with at least one of the n_pairs.
        bootstrap: number of replicates asked for.
        seed: of the bootstrap.
        notes: what limits or is missing from the above, in words.
    """

    estimate: float
    low: float
    high: float
    se: float
    percent_change: float
    percent_low: float
    percent_high: float
    standardised: float
    n_pairs: int
    n_dropped: int
    n_failed: tuple[int, ...]
    n_seeds: tuple[int, ...]
    n_clusters: int
    bootstrap: int
    seed: int
    notes: tuple[str, ...]


def paired_difference(
    first: ArrayLike, second: ArrayLike, cluster: ArrayLike, *, bootstrap: int = 9999, seed: int = 0
) -> Effect:
    """Mean of first − second over the same prompts, and the change in percent of the second.

    Args:
        first: (n_prompts,) or (n_seeds, n_prompts) scores on 0–1, NaN where judging failed.
        second: the same prompts' scores under the system compared with; its number of seeds may differ.
        cluster: (n_prompts,) label of the prompt template.
        bootstrap: replicates; 0 for no interval.
        seed: of the bootstrap.

    Returns:
        The difference, its interval, and what they rest on.

    Raises:
        EffectError: shapes do not fit, scores are off the 0–1 scale, or a label is missing.

    Template "a" has differences 0.25 and 0.25, "b" 0.5; the last prompt has no pair.

    >>> effect = paired_difference([0.5, 0.75, 1, 1], [0.25, 0.5, 0.5, float("nan")], ["a", "a", "b", "b"], bootstrap=0)
    >>> effect.n_pairs, effect.n_dropped, effect.n_clusters, effect.n_failed
    (3, 1, 2, (0, 1))
    >>> round(effect.estimate, 12), round(effect.percent_change, 9)  # (.25 + .25 + .5) / 3, over 1.25 / 3
    (0.333333333333, 80.0)
    """
    systems = checked_systems([first, second], cluster)
    effect = contrast(systems, [1.0, -1.0], cluster, bootstrap=bootstrap, seed=seed)
    values = contrast_values(systems, np.array([1.0, -1.0]))
    kept = np.isfinite(values)
    reference = systems[1].mean(axis=0)[kept]
    if not kept.any() or reference.sum() == 0.0:
        note = ("percent change is undefined: the second system's mean is 0",) if kept.any() else ()
        return replace(effect, notes=effect.notes + note)
    percent = 100.0 * float(values[kept].sum() / reference.sum())
    low, high = np.nan, np.nan
    notes = effect.notes
    if np.isfinite(effect.low):
        sums = cluster_sums(np.column_stack([values[kept], reference]), np.asarray(cluster)[kept])
        low, high = (100.0 * end for end in bca_interval(_ratio, [*sums.T], bootstrap, seed))
        if not np.isfinite(low):
            notes = (*notes, "percent change has no interval: BCa is undefined for this ratio")
    return replace(effect, percent_change=percent, percent_low=low, percent_high=high, notes=notes)


def own_group_advantage(
    aa: ArrayLike,
    ba: ArrayLike,
    bb: ArrayLike,
    ab: ArrayLike,
    cluster: ArrayLike,
    *,
    bootstrap: int = 9999,
    seed: int = 0,
) -> Effect:
    """(AA − BA) + (BB − AB): how much better each group is served by the model that learnt from it than by the other's.

    A group that rates everything higher, and a model that is better by everyone's lights, cancel.

    Args:
        aa: scores by group A of the model trained on A; (n_prompts,) or (n_seeds, n_prompts), on 0–1, higher is better.
        ba: scores by group A of the model trained on B.
        bb: scores by group B of the model trained on B.
        ab: scores by group B of the model trained on A.
        cluster: (n_prompts,) label of the prompt template.
        bootstrap: replicates; 0 for no interval.
        seed: of the bootstrap.

    Returns:
        The advantage, −2 to 2, 0 where it does not matter who rated.

    Raises:
        EffectError: as `paired_difference`.

    >>> own_group_advantage([0.75], [0.5], [1.0], [0.75], ["a"], bootstrap=0).estimate
    0.5
    """
    return contrast([aa, ba, bb, ab], OWN_GROUP_ADVANTAGE, cluster, bootstrap=bootstrap, seed=seed)


def contrast(
    scores: Systems, weights: ArrayLike, cluster: ArrayLike, *, bootstrap: int = 9999, seed: int = 0
) -> Effect:
    """A weighted sum of systems' mean scores over the same prompts, with a BCa interval clustered by template.

    Args:
        scores: one array a system, see `Systems`.
        weights: (n_systems,) summing to 0. A system of weight 0 drops no prompts.
        cluster: (n_prompts,) label of the prompt template.
        bootstrap: replicates; 0 for no interval.
        seed: of the bootstrap.

    Returns:
        The contrast, its interval, and what they rest on; the percent change is NaN.

    Raises:
        EffectError: as `paired_difference`, or weights that do not sum to 0.

    >>> contrast([[1.0, 1.0], [0.5, 0.5], [0.25, 0.75]], [1, -0.5, -0.5], ["a", "b"], bootstrap=0).estimate
    0.5
    """
    systems = checked_systems(scores, cluster)
    (c,) = checked_weights(np.asarray(weights, dtype=np.float64)[None], len(systems))
    if bootstrap < 0:
        raise EffectError(f"bootstrap: got {bootstrap}; expected a number of replicates, 0 for none")
    values = contrast_values(systems, c)
    kept = np.isfinite(values)
    n = int(kept.sum())
    sums = cluster_sums(np.column_stack([values[kept], np.ones(n)]), np.asarray(cluster)[kept])
    estimate = float(sums[:, 0].sum() / n) if n else np.nan
    se, standardised, undefined = _spread(sums, estimate)
    low, high = np.nan, np.nan
    if not undefined and bootstrap:
        low, high = bca_interval(_ratio, [*sums.T], bootstrap, seed)
        undefined = "" if np.isfinite(low) else "no interval: BCa is undefined for these clusters"
    notes = [undefined] if undefined else []
    if 1 < len(sums) < FEW_CLUSTERS:
        notes.append(f"{len(sums)} clusters: intervals and standard errors of fewer than {FEW_CLUSTERS} are too short")
    return Effect(
        estimate, low, high, se, np.nan, np.nan, np.nan, standardised, n, len(values) - n,
        tuple(int(np.isnan(one).sum()) for one in systems), tuple(len(one) for one in systems),
        len(sums), bootstrap, seed, tuple(notes),
    )  # fmt: skip


def bca_interval(statistic: Callable[..., Any], data: list[Floats], replicates: int, seed: int) -> tuple[float, float]:
    """The 95 % BCa interval of a vectorised statistic of per-cluster sums, clusters drawn jointly; NaN, NaN where it is undefined."""
    batch = max(1, BLOCK // len(data[0]))
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore")  # scipy warns where BCa is undefined; the caller writes a note
        found = scipy_bootstrap(
            data, statistic, paired=True, vectorized=True, method="BCa", n_resamples=replicates, batch=batch,
            random_state=np.random.default_rng(seed),
        ).confidence_interval  # fmt: skip
    low, high = float(found.low), float(found.high)
    return (low, high) if np.isfinite([low, high]).all() else (np.nan, np.nan)


def checked_systems(scores: Systems, cluster: ArrayLike) -> list[Floats]:
    """Each system's scores as (n_seeds, n_prompts).

    Raises:
        EffectError: as `paired_difference`.
    """
    labels = np.asarray(cluster)
    if labels.ndim != 1 or any(label is None or label != label for label in labels.tolist()):
        raise EffectError(f"cluster: got shape {labels.shape} or missing labels; expected one label a prompt")
    systems = [np.atleast_2d(np.asarray(one, dtype=np.float64)) for one in scores]
    for place, one in enumerate(systems):
        if one.ndim != 2 or len(one) == 0 or one.shape[1] != len(labels):
            raise EffectError(
                f"system {place}: got scores of shape {one.shape}; expected (n_seeds, {len(labels)}), a column for each cluster label"
            )
        wrong = one[(one < 0.0) | (one > 1.0)]
        if wrong.size:
            raise EffectError(
                f"system {place}: got a score of {wrong[0]}; expected 0 to 1, NaN where missing. Of a score from 1 to 5 take (score − 1) / 4"
            )
    return systems


def checked_weights(weights: ArrayLike, n_systems: int) -> Floats:
    """Contrasts as (n_contrasts, n_systems).

    Raises:
        EffectError: another shape, not finite, or a contrast that is all 0 or does not sum to 0.
    """
    c = np.asarray(weights, dtype=np.float64)
    if c.ndim != 2 or c.shape[1] != n_systems:
        raise EffectError(f"weights: got shape {c.shape}; expected one a system, {n_systems} in each contrast")
    wrong = ~np.isfinite(c).all(axis=1) | (np.abs(c.sum(axis=1)) > 1e-9) | (c == 0.0).all(axis=1)
    if wrong.any():
        raise EffectError(f"weights: got {c[wrong][0].tolist()}; expected numbers, not all 0, that sum to 0")
    return c


def contrast_values(systems: list[Floats], weights: Floats) -> Floats:
    """(n_prompts,) what each prompt says of the contrast, seeds averaged; NaN where a score that it needs is missing."""
    values = np.zeros(systems[0].shape[1])
    for one, weight in zip(systems, weights, strict=True):
        if weight != 0.0:
            values += weight * one.mean(axis=0)
    return values


def _spread(sums: Floats, estimate: float) -> tuple[float, float, str]:
    """Standard error, standardised effect, and why there is no interval ('' where there is one)."""
    n_clusters = len(sums)
    if n_clusters < 2:
        what = "one cluster" if n_clusters else "no prompt that all systems were scored on"
        return np.nan, np.nan, f"no interval and no standard error: {what}"
    residuals = sums[:, 0] - estimate * sums[:, 1]
    if np.abs(residuals).max() < 1e-12 * sums[:, 1].max():
        return np.nan, np.nan, "no interval and no standard error: all differences are equal, BCa is undefined"
    se = np.sqrt(n_clusters / (n_clusters - 1) * (residuals**2).sum()) / sums[:, 1].sum()
    sd = np.std(sums[:, 0] / sums[:, 1], ddof=1)
    return float(se), float(estimate / sd) if sd > 0.0 else np.nan, ""


def _ratio(numerator: NDArray[Any], denominator: NDArray[Any], axis: int = -1) -> NDArray[Any]:
    quotient: NDArray[Any] = numerator.sum(axis=axis) / denominator.sum(axis=axis)
    return quotient
