"""Agreement of judges, or of a judge and people, on the same answers, with intervals over clusters of prompts.

Scores are on 1–5 and may be fractions; NaN is an answer that was not scored. Answers that one of the two did not score say
nothing about their agreement and are left out, counted.

- quadratic weighted kappa, at most 1: 1 less the mean squared difference over the one that chance would give. It is taken of the
  scores as they are, and equals Cohen's for whole points; Lin's concordance coefficient is the same number.
- Krippendorff's alpha, at most 1: `interval` of the scores as they are, `ordinal` of the scores rounded half up to whole points,
  because ranks would take 2.9 and 3 for as different as 2 and 3.
- Pearson and Spearman, −1 to 1: indifferent to how the scales are used, so read them beside the mean difference.

Undefined is NaN with a note: two judges who both always say 3 agree, but no coefficient can tell that from chance.

Source: Cohen (1968), "Weighted kappa", Psychol. Bull. 70; Krippendorff (2019), "Content Analysis", 4th ed., ch. 12.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from pluralign.errors import PluralignError
from pluralign.judge.base import HIGHEST, LOWEST

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

BLOCK = 4_000_000
"""Replicates are ranked in blocks of about this many numbers, to bound memory."""


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % percentile interval over resampled clusters.

    Attributes:
        value: NaN where it is not defined.
        low, high: ends of the interval; NaN without bootstrap, or with one cluster.
        n: answers that it rests on.
        n_clusters: what the bootstrap draws.
        n_undefined: replicates in which it is not defined, left out of the interval.
        note: why it is not defined; empty where it is.
    """

    value: float
    low: float
    high: float
    n: int
    n_clusters: int
    n_undefined: int = 0
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON: undefined is null, with the reason."""
        told: dict[str, Any] = {name: _finite(getattr(self, name)) for name in ("value", "low", "high")}
        told |= {"n": self.n, "n_clusters": self.n_clusters, "n_undefined": self.n_undefined}
        return told | ({"note": self.note} if self.note else {})

    def __str__(self) -> str:
        if self.value != self.value:
            return "–"
        interval = "" if self.low != self.low else f" [{self.low:.2f}, {self.high:.2f}]"
        return f"{self.value:.2f}{interval}"


def _finite(value: float) -> float | None:
    return None if value != value else float(value)


@dataclass(frozen=True)
class JudgeAgreement:
    """How far two judges agree.

    Attributes:
        kappa_quadratic: quadratic weighted kappa.
        alpha_ordinal: Krippendorff's alpha of the scores rounded to whole points.
        alpha_interval: Krippendorff's alpha of the scores as they are.
        pearson: linear correlation.
        spearman: rank correlation, ties at their mid-rank.
        mean_difference: the second's score less the first's, points on 1–5.
        n: answers that both scored.
        n_left_out: answers that one of them, or neither, did not score.
        n_clusters: clusters that those answers form.
        bootstrap: replicates.
        seed: of the bootstrap.
    """

    kappa_quadratic: Estimate
    alpha_ordinal: Estimate
    alpha_interval: Estimate
    pearson: Estimate
    spearman: Estimate
    mean_difference: Estimate
    n: int
    n_left_out: int
    n_clusters: int
    bootstrap: int
    seed: int

    STATISTICS = ("kappa_quadratic", "alpha_ordinal", "alpha_interval", "pearson", "spearman", "mean_difference")

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        told = {name: getattr(self, name).as_dict() for name in self.STATISTICS}
        return told | {name: getattr(self, name) for name in ("n", "n_left_out", "n_clusters", "bootstrap", "seed")}


def judge_agreement(
    a: ArrayLike, b: ArrayLike, cluster: ArrayLike | None = None, seed: int = 0, bootstrap: int = 1000
) -> JudgeAgreement:
    """Agreement of two judges' scores of the same answers.

    Args:
        a, b: (n,) scores on 1–5, fractions allowed; NaN where a judge gave none.
        cluster: (n,) labels; answers that share one are resampled together. None: every answer alone.
        seed: of the bootstrap.
        bootstrap: replicates; 0 for no intervals.

    Raises:
        PluralignError: PA061 where lengths differ or a score is not on 1–5.

    Mean squared difference 1/2; by chance ((1−1)² + (1−3)² + (2−1)² + (2−3)²) / 4 = 3/2; kappa = 1 − 1/3.

    >>> found = judge_agreement([1, 2], [1, 3], bootstrap=0)
    >>> round(found.kappa_quadratic.value, 4), found.mean_difference.value
    (0.6667, 0.5)
    >>> judge_agreement([3, 3], [3, 3], bootstrap=0).kappa_quadratic.note
    'all scores are the same'
    """
    import numpy as np

    x, y = checked_scores(a, "a"), checked_scores(b, "b")
    labels = np.arange(len(x)) if cluster is None else np.asarray(cluster)
    if not len(x) == len(y) == len(labels):
        raise PluralignError(
            "PA061", f"got {len(x)} and {len(y)} scores and {len(labels)} clusters; expected as many of each."
        )
    both = np.isfinite(x) & np.isfinite(y)
    x, y, labels = x[both], y[both], labels[both]
    codes = np.unique(labels, return_inverse=True)[1].reshape(-1)
    found = pair_estimates(x, y, codes, bootstrap, seed)
    found["alpha_ordinal"] = _ordinal_alpha(x, y, codes, bootstrap, seed)
    return JudgeAgreement(
        **found,
        n=len(x),
        n_left_out=int((~both).sum()),
        n_clusters=len(np.unique(codes)),
        bootstrap=bootstrap,
        seed=seed,
    )


def jury_agreement(
    scores: Mapping[str, ArrayLike], cluster: ArrayLike | None = None, seed: int = 0, bootstrap: int = 1000
) -> dict[tuple[str, str], JudgeAgreement]:
    """Agreement of every two of several judges, (first, second) -> agreement, in the order given.

    Args:
        scores: judge -> (n,) scores, as for `judge_agreement`.
        cluster, seed, bootstrap: as for `judge_agreement`.

    >>> list(jury_agreement({"a": [1, 2], "b": [1, 3], "c": [1, 1]}, bootstrap=0))
    [('a', 'b'), ('a', 'c'), ('b', 'c')]
    """
    return {
        (one, other): judge_agreement(scores[one], scores[other], cluster, seed, bootstrap)
        for one, other in combinations(scores, 2)
    }


def checked_scores(scores: ArrayLike, what: str) -> Floats:
    """Return (n,) scores on 1–5 or NaN, or raise PA061."""
    import numpy as np

    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1:
        raise PluralignError("PA061", f"{what}: got shape {values.shape}; expected one score an answer, shape (n,).")
    defined = values[~np.isnan(values)]
    if defined.size and (defined.min() < LOWEST or defined.max() > HIGHEST):
        wrong = defined[(defined < LOWEST) | (defined > HIGHEST)][0]
        raise PluralignError("PA061", f"{what}: got score {wrong:g}; expected 1 to 5, or NaN for none.")
    return values


def pair_estimates(x: Floats, y: Floats, codes: NDArray[Any], bootstrap: int, seed: int) -> dict[str, Estimate]:
    """Kappa, interval alpha, Pearson, Spearman and mean difference of paired scores without gaps."""
    import numpy as np

    sums = np.column_stack([np.ones_like(x), x, y, x * x, y * y, x * y])
    formulas: dict[str, Callable[[Floats], Floats]] = {
        "kappa_quadratic": _kappa,
        "alpha_interval": _interval_alpha,
        "pearson": pearson_of_sums,
        "mean_difference": lambda s: _over(s[..., 2] - s[..., 1], s[..., 0]),
    }
    notes = {"kappa_quadratic": "all scores are the same", "alpha_interval": "all scores are the same",
             "pearson": "one of them always gives the same score", "mean_difference": ""}  # fmt: skip
    found = {name: estimate(sums, codes, formula, bootstrap, seed, notes[name]) for name, formula in formulas.items()}
    return found | {"spearman": spearman(x, y, codes, bootstrap, seed)}


def estimate(
    sums: Floats, codes: NDArray[Any], formula: Callable[[Floats], Floats], bootstrap: int, seed: int, note: str
) -> Estimate:
    """A function of sums over answers, with its interval over clusters.

    Args:
        sums: (n, k) what each answer adds.
        codes: (n,) cluster of each answer.
        formula: (…, k) sums -> (…) values.
        bootstrap, seed: as everywhere.
        note: why it may be undefined although there are answers.
    """
    import numpy as np

    from pluralign.stats.resampling import bootstrap_sums, cluster_sums, percentile_interval

    value = float(formula(sums.sum(axis=0)))
    by_cluster = cluster_sums(sums, codes)
    low, high, lost = np.nan, np.nan, 0
    if bootstrap > 0 and len(by_cluster) > 1 and np.isfinite(value):
        low, high, lost = percentile_interval(formula(bootstrap_sums(by_cluster, bootstrap, seed)))
    return Estimate(value, low, high, len(sums), len(by_cluster), lost, _note(value, len(sums), note))


def _note(value: float, n: int, otherwise: str) -> str:
    if value == value:
        return ""
    return "no answer was scored by both" if n == 0 else "one answer only" if n == 1 else otherwise


def spearman(x: Floats, y: Floats, codes: NDArray[Any], bootstrap: int, seed: int) -> Estimate:
    """Spearman's rank correlation; in every replicate the answers drawn are ranked anew."""
    import numpy as np

    from pluralign.stats.resampling import percentile_interval

    clusters = int(codes.max()) + 1 if len(codes) else 0
    value = float(_weighted_spearman(x, y, np.ones((1, len(x))))[0]) if len(x) else np.nan
    low, high, lost = np.nan, np.nan, 0
    if bootstrap > 0 and clusters > 1 and np.isfinite(value):
        rng = np.random.default_rng(seed)
        replicates = []
        block = max(1, BLOCK // len(x))
        for first in range(0, bootstrap, block):
            size = min(block, bootstrap - first)
            drawn = rng.multinomial(clusters, np.full(clusters, 1.0 / clusters), size=size).astype(np.float64)
            replicates.append(_weighted_spearman(x, y, drawn[:, codes]))
        low, high, lost = percentile_interval(np.concatenate(replicates))
    note = _note(value, len(x), "one of them always gives the same score")
    return Estimate(value, low, high, len(x), clusters, lost, note)


def _weighted_spearman(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Spearman's correlation of answers that occur `weights` times, (replicates, n) -> (replicates,)."""
    u, v = _mid_ranks(x, weights), _mid_ranks(y, weights)
    total = weights.sum(axis=1, keepdims=True)
    u = u - (weights * u).sum(axis=1, keepdims=True) / total
    v = v - (weights * v).sum(axis=1, keepdims=True) / total
    covariance = (weights * u * v).sum(axis=1)
    return _over(covariance, ((weights * u * u).sum(axis=1) * (weights * v * v).sum(axis=1)) ** 0.5)


def _mid_ranks(values: Floats, weights: Floats) -> Floats:
    """Mid-ranks among answers that occur `weights` times, up to a constant: (replicates, n)."""
    import numpy as np

    levels, code = np.unique(values, return_inverse=True)
    order = np.argsort(code, kind="stable")
    first = np.searchsorted(code[order], np.arange(len(levels)))
    counts = np.add.reduceat(weights[:, order], first, axis=1)
    ranks: Floats = (np.cumsum(counts, axis=1) - counts / 2.0)[:, code]
    return ranks


def pearson_of_sums(s: Floats) -> Floats:
    """Pearson's correlation of (…, 6) sums: n, x, y, x², y², xy."""
    n, x, y, xx, yy, xy = (s[..., k] for k in range(6))
    # Clipped, because rounding leaves the variance of equal scores a hair above or below 0.
    spread_x, spread_y = _clean(n * xx - x * x, n * xx), _clean(n * yy - y * y, n * yy)
    return _over(n * xy - x * y, (spread_x * spread_y) ** 0.5)


def _kappa(s: Floats) -> Floats:
    n, x, y, xx, yy, xy = (s[..., k] for k in range(6))
    observed = n * (xx + yy - 2.0 * xy)
    expected = n * xx + n * yy - 2.0 * x * y
    return 1.0 - _over(observed, _clean(expected, n * (xx + yy)))


def _interval_alpha(s: Floats) -> Floats:
    n, x, y, xx, yy, xy = (s[..., k] for k in range(6))
    total, squares = x + y, xx + yy
    observed = 2.0 * (xx + yy - 2.0 * xy)
    expected = _clean(2.0 * (2.0 * n * squares - total * total), 2.0 * n * squares)
    return 1.0 - _over((2.0 * n - 1.0) * observed, expected)


def _clean(spread: Floats, size: Floats) -> Floats:
    """A sum of squares that is 0 but for rounding, as 0."""
    import numpy as np

    cleaned: Floats = np.where(spread > 1e-12 * size, spread, 0.0)
    return cleaned


def _over(numerator: Floats, denominator: Floats) -> Floats:
    import numpy as np

    from pluralign.stats.resampling import ratios

    return ratios(np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64))


def whole_points(scores: Floats) -> NDArray[Any]:
    """Scores on 1–5 as whole points, rounded half up, as codes 0–4.

    >>> import numpy as np
    >>> whole_points(np.array([1.0, 2.5, 4.49])).tolist()
    [0, 2, 3]
    """
    import numpy as np

    return np.floor(scores + 0.5).astype(np.int64) - 1


def _ordinal_alpha(x: Floats, y: Floats, codes: NDArray[Any], bootstrap: int, seed: int) -> Estimate:
    import numpy as np

    from pluralign.stats.agreement import krippendorff_alpha, value_counts

    item = np.tile(np.arange(len(x)), 2)
    counts = value_counts(item, whole_points(np.concatenate([x, y])), len(x), 5)
    found = krippendorff_alpha(counts, "ordinal", bootstrap, seed, codes)
    note = _note(found.alpha, found.n_items, "all scores are the same point")
    return Estimate(found.alpha, found.low, found.high, found.n_items, found.n_clusters, found.n_undefined, note)
