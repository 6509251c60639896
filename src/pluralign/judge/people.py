"""Agreement of a judge with people's ratings, and of the people among themselves: numbers in, numbers out.

`validate` says what each number means and what to compare it with.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from pluralign.judge.compare import Estimate, estimate, pearson_of_sums, spearman, whole_points

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

HALVINGS = 50
"""Random halvings of the raters that the reliability is averaged over."""


@dataclass(frozen=True)
class Paired:
    """Ratings, each with the judge's score of the answer that was rated.

    Attributes:
        item: (n,) codes, 0 … n_items − 1.
        rating: (n,) whole points 1–5.
        score: (n,) the judge's, 1–5; NaN where it gave none.
        cluster: (n_items,) label of each item's prompt.
        fine: whether the ratings' scale has five points; without them "within one point" means nothing.
    """

    item: NDArray[Any]
    rating: Floats
    score: Floats
    cluster: NDArray[Any]
    fine: bool = True


@dataclass(frozen=True)
class PeopleAgreement:
    """How far a judge agrees with people.

    Attributes:
        spearman, pearson: of the judge's score and the mean rating, over items.
        ceiling: square root of the mean rating's reliability.
        reliability: of the mean rating: split halves, stepped up.
        mean_difference: judge less people, points.
        within_one_rating: share of ratings at most one point from the judge's score.
        within_one_mean: share of items whose mean rating is at most one point from the judge's score.
        within_one_constant: share of ratings at most one point from the best constant whole score, chosen on these ratings.
        alpha_judge_ordinal, alpha_judge_interval: between judge and raters.
        alpha_raters_ordinal, alpha_raters_interval: among the raters.
        n_items: items with a score and a rating.
        n_ratings: their ratings.
        n_unscored: ratings of answers that the judge did not score, left out.
    """

    spearman: Estimate
    pearson: Estimate
    ceiling: Estimate
    reliability: Estimate
    mean_difference: Estimate
    within_one_rating: Estimate
    within_one_mean: Estimate
    within_one_constant: Estimate
    alpha_judge_ordinal: Estimate
    alpha_judge_interval: Estimate
    alpha_raters_ordinal: Estimate
    alpha_raters_interval: Estimate
    n_items: int
    n_ratings: int
    n_unscored: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: one.as_dict() if isinstance(one, Estimate) else one for name, one in told.items()}


def people_agreement(paired: Paired, *, seed: int = 0, bootstrap: int = 1000) -> PeopleAgreement:
    """Agreement of a judge with people, with intervals over clusters of items.

    >>> import numpy as np
    >>> found = people_agreement(Paired(np.array([0, 0, 1, 1]), np.array([1.0, 2.0, 4.0, 5.0]), np.array([1.5, 1.5, 3.0, 3.0]),
    ...                                 np.array(["a", "b"])), bootstrap=0)
    >>> found.within_one_rating.value, found.mean_difference.value, found.n_items
    (0.75, -0.75, 2)
    """
    import numpy as np

    scored = np.isfinite(paired.score)
    rating, score = paired.rating[scored], paired.score[scored]
    items, item = np.unique(paired.item[scored], return_inverse=True)
    item = item.reshape(-1)
    codes = np.unique(paired.cluster[items], return_inverse=True)[1].reshape(-1)
    n = np.bincount(item, minlength=len(items)).astype(np.float64)
    people = np.bincount(item, rating, len(items)) / n
    judge = np.bincount(item, score, len(items)) / n
    shared = (codes, bootstrap, seed)
    return PeopleAgreement(
        spearman=spearman(judge, people, codes, bootstrap, seed),
        pearson=estimate(_moments(judge, people), codes, pearson_of_sums, bootstrap, seed, "one side is constant"),
        ceiling=_reliability(rating, item, codes, bootstrap, seed, root=True),
        reliability=_reliability(rating, item, codes, bootstrap, seed, root=False),
        mean_difference=_mean(judge - people, *shared),
        **_within_one(paired.fine, rating, score, codes[item], judge, people, *shared),
        **_alphas(rating, score, item, codes, bootstrap, seed),
        n_items=len(items),
        n_ratings=len(rating),
        n_unscored=int((~scored).sum()),
    )


def _moments(x: Floats, y: Floats) -> Floats:
    import numpy as np

    return np.column_stack([np.ones_like(x), x, y, x * x, y * y, x * y])


def _mean(values: Any, codes: NDArray[Any], bootstrap: int, seed: int) -> Estimate:
    import numpy as np

    from pluralign.stats.resampling import ratios

    sums = np.column_stack([np.asarray(values, dtype=np.float64), np.ones(len(values))])
    return estimate(sums, codes, lambda s: ratios(s[..., 0], s[..., 1]), bootstrap, seed, "")


def _within_one(
    fine: bool, rating: Floats, score: Floats, by_rating: NDArray[Any], judge: Floats, people: Floats,
    codes: NDArray[Any], bootstrap: int, seed: int,
) -> dict[str, Estimate]:  # fmt: skip
    import numpy as np

    names = ("within_one_rating", "within_one_mean", "within_one_constant")
    if not fine:
        note = "the ratings' scale has fewer than five points"
        undefined = Estimate(np.nan, np.nan, np.nan, len(judge), len(np.unique(codes)), 0, note)
        return dict.fromkeys(names, undefined)
    # Rounding of means must not decide what is exactly one point away.
    near = 1.0 + 1e-9
    best = max(range(1, 6), key=lambda point: float(np.sum(np.abs(rating - point) <= 1)))
    shares = (np.abs(score - rating) <= near, np.abs(judge - people) <= near, np.abs(rating - best) <= near)
    clusters = (by_rating, codes, by_rating)
    return {
        name: _mean(share, labels, bootstrap, seed) for name, share, labels in zip(names, shares, clusters, strict=True)
    }


def _reliability(
    rating: Floats, item: NDArray[Any], codes: NDArray[Any], bootstrap: int, seed: int, *, root: bool
) -> Estimate:
    """Reliability of item means by split halves and Spearman–Brown, as in `stats.reliability`; or its square root.

    Args:
        rating, item: (n,) of each rating.
        codes: (n_items,) cluster of each item.
        bootstrap, seed: of the interval.
        root: the ceiling instead.
    """
    import numpy as np

    from pluralign.stats.reliability import lengthening, random_halves, spearman_brown

    several = np.bincount(item, minlength=len(codes)) > 1
    if not several.any():
        return Estimate(np.nan, np.nan, np.nan, 0, 0, 0, "no item has two raters")
    kept = several[item]
    own = np.cumsum(several)[item[kept]] - 1
    halves, factor = random_halves(own, rating[kept], HALVINGS, seed), lengthening(np.bincount(own))

    def formula(sums: Floats) -> Floats:
        r = pearson_of_sums(sums.reshape(*sums.shape[:-1], HALVINGS, 6)).mean(axis=-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            stepped = np.where(r > -1.0, spearman_brown(r, factor), np.nan)
        found: Floats = np.sqrt(np.maximum(stepped, 0.0)) if root else stepped
        return np.where(np.isfinite(r), found, np.nan)

    sums = np.concatenate([_moments(one, two) for one, two in halves], axis=1)
    return estimate(sums, codes[several], formula, bootstrap, seed, "the halves do not vary")


def _alphas(
    rating: Floats, score: Floats, item: NDArray[Any], codes: NDArray[Any], bootstrap: int, seed: int
) -> dict[str, Estimate]:
    import numpy as np

    from pluralign.judge.compare import pair_estimates
    from pluralign.stats.agreement import Alpha, krippendorff_alpha, value_counts

    def told(found: Alpha) -> Estimate:
        note = "" if found.alpha == found.alpha else "no item has two ratings that could differ"
        return Estimate(found.alpha, found.low, found.high, found.n_items, found.n_clusters, found.n_undefined, note)

    points = whole_points(rating)
    among = value_counts(item, points, len(codes), 5)
    pairs = value_counts(
        np.tile(np.arange(len(rating)), 2), np.concatenate([points, whole_points(score)]), len(rating), 5
    )
    by_rating = codes[item]
    return {
        "alpha_judge_ordinal": told(krippendorff_alpha(pairs, "ordinal", bootstrap, seed, by_rating)),
        "alpha_judge_interval": pair_estimates(rating, score, by_rating, bootstrap, seed)["alpha_interval"],
        "alpha_raters_ordinal": told(krippendorff_alpha(among, "ordinal", bootstrap, seed, codes)),
        "alpha_raters_interval": told(krippendorff_alpha(among, "interval", bootstrap, seed, codes)),
    }
