"""How near a predicted rating distribution comes to what people gave: proper scores and unbiased distances.

Items have about three ratings. A distance between a prediction and an item's three ratings is mostly the noise of three ratings: a
constant beats the raters themselves at it. What stands here either scores each rating by itself, so that in expectation the true
distribution scores best however many raters there are, or takes the ratings' own sampling variance out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pluralign.errors import PluralignError

Floats = NDArray[np.float64]
POOLED_MINIMUM = 500
"""Ratings below which a pooled Jensen–Shannon distance is refused: its floor from sampling alone would be too high."""


def checked_distributions(predicted: ArrayLike) -> Floats:
    """Distributions as an (n, K) array.

    Raises:
        PluralignError: PA061 where a row is no distribution: negative, not finite, not summing to 1 within 1e-6, or K < 2.
    """
    p = np.asarray(predicted, dtype=np.float64)
    if p.ndim != 2 or p.shape[1] < 2:
        raise PluralignError("PA061", f"got predictions of shape {p.shape}; expected (n, K), K ≥ 2.")
    wrong = np.flatnonzero(~np.isfinite(p).all(1) | (p < 0).any(1) | (np.abs(p.sum(1) - 1) > 1e-6))
    if len(wrong):
        raise PluralignError("PA061", f"row {wrong[0]} is no distribution: {p[wrong[0]].tolist()}.")
    return p


def ranked_probability_score(predicted: ArrayLike, rating: ArrayLike) -> Floats:
    """The ranked probability score of predictions of single ratings, 0 (best) to 1.

    `Σ_k (F_k − 1[rating ≤ k])² / (K − 1)` over the K − 1 cuts of an ordinal scale. Proper: in expectation over a rating from the true
    distribution, no other prediction scores lower. Near misses cost less than far ones.

    Args:
        predicted: (n, K) distributions.
        rating: (n,) 0-based categories.

    Returns:
        Shape (n,).

    Raises:
        PluralignError: PA061 for what is no distribution, or a rating that is off the scale.

    Source: Epstein (1969), J. Appl. Meteorology 8; Gneiting & Raftery (2007), JASA 102.

    >>> ranked_probability_score([[0, 1, 0], [0, 1, 0], [0.5, 0, 0.5]], [1, 0, 0]).tolist()
    [0.0, 0.5, 0.25]
    """
    p = checked_distributions(predicted)
    y = np.asarray(rating)
    if len(y) != len(p) or (len(y) and not (y.min() >= 0 and y.max() < p.shape[1])):
        raise PluralignError("PA061", f"expected {len(p)} ratings from 0 to {p.shape[1] - 1}.")
    cuts = np.arange(p.shape[1] - 1)
    below = (y[:, None] <= cuts).astype(np.float64)
    scores: Floats = ((p.cumsum(1)[:, :-1] - below) ** 2).sum(1) / len(cuts)
    return scores


def skill(score: ArrayLike, reference: ArrayLike) -> float:
    """How much of a reference's score a prediction saves: `1 − Σ score / Σ reference`; 1 perfect, 0 no better, negative worse.

    NaN where the reference is perfect itself or there is nothing.

    >>> skill([0.1, 0.1], [0.2, 0.2])
    0.5
    """
    total = float(np.sum(reference))
    return float(1 - np.sum(score) / total) if total > 0 else float("nan")


def unbiased_cramer_distance(predicted: ArrayLike, counts: ArrayLike) -> Floats:
    """Squared Cramér distance between a prediction and the distribution that an item's ratings come from, unbiased.

    `Σ_k [(F_k − Ê_k)² − Ê_k (1 − Ê_k) / (m − 1)] / (K − 1)`: the sampling variance of the m ratings' empirical distribution Ê is taken
    out, so that the expectation is the distance to the distribution itself. A single item's value can be negative; a mean over many
    items is what it is for.

    Args:
        predicted: (n, K) distributions.
        counts: (n, K) ratings of each category.

    Returns:
        Shape (n,); NaN for items with fewer than two ratings.

    Source: Székely & Rizzo (2013), J. Stat. Planning and Inference 143 (energy distance); the correction is the unbiased variance.

    >>> unbiased_cramer_distance([[0.5, 0.5]], [[1, 1]]).tolist()
    [-0.25]
    """
    p = checked_distributions(predicted)
    held = np.asarray(counts, dtype=np.float64)
    m = held.sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        empirical = (held / m[:, None]).cumsum(1)[:, :-1]
        variance = empirical * (1 - empirical) / (m - 1)[:, None]
        distance: Floats = ((p.cumsum(1)[:, :-1] - empirical) ** 2 - variance).sum(1) / (p.shape[1] - 1)
    return np.where(m >= 2, distance, np.nan)


def pairwise_log_loss(difference: ArrayLike, weight: ArrayLike, cluster: ArrayLike) -> tuple[float, float]:
    """Log-loss of which of two ratings is higher, given the difference of the predicted expectations.

    `P(first is higher) = 1 / (1 + exp(−b · difference))`. Only differences enter, so adding a constant to all of a model's ratings
    changes nothing. The slope b ≥ 0 is fitted on the other half of the clusters, so that it flatters no one.

    Args:
        difference: (n,) expectation of the rating that turned out higher minus that of the lower.
        weight: (n,) how much each pair counts.
        cluster: (n,) labels; a cluster's pairs are on one side of the split.

    Returns:
        The mean log-loss in nats (log 2 = 0.693 is what knowing nothing gives), and the mean of the two slopes; NaN, NaN where there
        are fewer than two clusters.

    >>> loss, slope = pairwise_log_loss([1.0, 2.0, 1.0, 2.0], [1, 1, 1, 1], ["a", "a", "b", "b"])
    >>> loss < 0.01
    True
    >>> round(pairwise_log_loss([-1.0, -1.0], [1, 1], ["a", "b"])[0], 3)  # the wrong way round: no slope, no knowledge
    0.693
    """
    d, w = np.asarray(difference, np.float64), np.asarray(weight, np.float64)
    labels, codes = np.unique(np.asarray(cluster), return_inverse=True)
    if len(labels) < 2 or not w.sum() > 0:
        return float("nan"), float("nan")
    side = codes.reshape(-1) % 2
    losses, slopes = np.zeros(len(d)), []
    for half in (0, 1):
        slope = _slope(d[side != half], w[side != half])
        losses[side == half] = np.logaddexp(0, -slope * d[side == half])
        slopes.append(slope)
    return float((w * losses).sum() / w.sum()), float(np.mean(slopes))


_STEEPEST = 20.0


def _slope(d: Floats, w: Floats) -> float:
    """The slope from 0 to `_STEEPEST` that minimises the log-loss, which is convex in it: by bisection on its derivative."""

    def derivative(b: float) -> float:
        return float(-(w * d / (1 + np.exp(np.clip(b * d, -500, 500)))).sum())

    low, high = 0.0, _STEEPEST
    if len(d) == 0 or derivative(low) >= 0:
        return low
    if derivative(high) <= 0:
        return high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if derivative(middle) < 0 else (low, middle)
    return (low + high) / 2


def pooled_jensen_shannon(
    predicted: ArrayLike, counts: ArrayLike, *, seed: int = 0, draws: int = 500
) -> dict[str, Any]:
    """Jensen–Shannon distance between all ratings of a group together and the prediction of the same ratings.

    Args:
        predicted: (n, K) distributions of the items.
        counts: (n, K) ratings of each category.
        seed, draws: of the floor.

    Returns:
        `distance`, in [0, 1] (root of the divergence to base 2); `floor`, what a perfect prediction would show at this number of
        ratings, from simulation; `n_ratings`.

    Raises:
        PluralignError: PA061 under `POOLED_MINIMUM` ratings.

    Source: Lin (1991), IEEE Trans. Information Theory 37; Santurkar et al. (2023), OpinionQA, pool their surveys likewise.
    """
    p, held = checked_distributions(predicted), np.asarray(counts, np.float64)
    n = held.sum(1)
    if n.sum() < POOLED_MINIMUM:
        raise PluralignError(
            "PA061", f"pooled Jensen–Shannon of {int(n.sum())} ratings; expected at least {POOLED_MINIMUM}."
        )
    mean = (p * n[:, None]).sum(0) / n.sum()
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(int(n.sum()), mean, size=draws) / n.sum()
    floor = float(np.mean([_distance(mean, one) for one in drawn]))
    return {"distance": _distance(mean, held.sum(0) / n.sum()), "floor": floor, "n_ratings": int(n.sum())}


def _distance(p: Floats, q: Floats) -> float:
    m = (p + q) / 2

    def divergence(a: Floats) -> float:
        some = a > 0
        return float((a[some] * np.log2(a[some] / m[some])).sum())

    return float(np.sqrt(max((divergence(p) + divergence(q)) / 2, 0.0)))
