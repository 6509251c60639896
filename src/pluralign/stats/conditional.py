"""Conditional probabilities of one rating given another of the same rater and item, such as "toxic given empathetic"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pluralign.stats.resampling import bootstrap_sums, cluster_sums, percentile_interval, ratios, share_interval


class ConditionalError(ValueError):
    """Arrays or options that no conditional probability can be computed of."""


@dataclass(frozen=True)
class ConditionalProbability:
    """P(outcome | given) with its interval.

    Attributes:
        probability: 0 to 1; NaN when ``given`` is never true.
        low: lower end of the 95 % interval over resampled raters; NaN without bootstrap or with fewer than two raters.
        high: its upper end.
        n: cases in which ``given`` is true.
        n_outcome: those in which ``outcome`` is true too.
        n_raters: raters with at least one of the n cases; 0 when raters are not given.
        bootstrap: number of replicates asked for.
        n_undefined: replicates in which ``given`` was never true, left out of the interval.
        seed: of the bootstrap.
    """

    probability: float
    low: float
    high: float
    n: int
    n_outcome: int
    n_raters: int
    bootstrap: int
    n_undefined: int
    seed: int


def conditional_probability(
    given: ArrayLike, outcome: ArrayLike, *, rater: ArrayLike | None = None, bootstrap: int = 0, seed: int = 0
) -> ConditionalProbability:
    """Share of the cases with ``given`` that have ``outcome``, with a percentile interval over resampled raters.

    A rater's cases are alike, so the interval draws raters, each with all cases, and not cases.

    Args:
        given: (n,) booleans, one a rater and item.
        outcome: (n,) booleans of the same cases.
        rater: (n,) label of who rated; needed for an interval.
        bootstrap: replicates; 0 for no interval.
        seed: of the bootstrap.

    Returns:
        The probability, its 95 % interval and what they rest on.

    Raises:
        ConditionalError: arrays are not boolean or differ in length, or an interval is asked for without raters.

    >>> conditional_probability([True, True, True, True, False], [True, False, False, False, True]).probability
    0.25
    """
    condition, result = _booleans(given, "given"), _booleans(outcome, "outcome")
    if condition.shape != result.shape:
        raise ConditionalError(
            f"given, outcome: got {len(condition)} and {len(result)} cases; expected as many of each"
        )
    if bootstrap < 0:
        raise ConditionalError(f"bootstrap: got {bootstrap}; expected a number of replicates, 0 for none")
    if bootstrap > 0 and rater is None:
        raise ConditionalError("rater: got None; expected the rater of each case, as the bootstrap draws raters")
    n, n_outcome = int(condition.sum()), int((condition & result).sum())
    low, high, n_raters, n_undefined = np.nan, np.nan, 0, 0
    if rater is not None:
        labels = _labels(rater, condition)
        by_rater = cluster_sums(np.column_stack([condition & result, condition]).astype(np.float64), labels)
        n_raters = int((by_rater[:, 1] > 0).sum())
        if bootstrap > 0 and n_raters > 1:
            totals = bootstrap_sums(by_rater, bootstrap, seed)
            low, high, n_undefined = percentile_interval(ratios(totals[:, 0], totals[:, 1]))
    probability = n_outcome / n if n else np.nan
    low, high = share_interval(probability, low, high, n_raters)
    return ConditionalProbability(probability, low, high, n, n_outcome, n_raters, bootstrap, n_undefined, seed)


def _labels(rater: ArrayLike, cases: NDArray[np.bool_]) -> NDArray[Any]:
    labels = np.asarray(rater)
    if labels.shape != cases.shape:
        raise ConditionalError(f"rater: got shape {labels.shape}; expected one label a case, shape {cases.shape}")
    return labels


def _booleans(values: ArrayLike, what: str) -> NDArray[np.bool_]:
    cases = np.asarray(values)
    if cases.ndim != 1 or cases.dtype.kind != "b":
        raise ConditionalError(
            f"{what}: got {cases.dtype} of shape {cases.shape}; expected booleans of shape (n,). Compare with a cut first "
            "(rating >= 3) and drop cases in which either rating is missing"
        )
    return cases
