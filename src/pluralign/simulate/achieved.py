"""Every published statistic, computed from ratings as the study computes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pluralign.ratings import Ratings
from pluralign.schema import DIMENSIONS
from pluralign.simulate.latent import Latent, memberships, within_prompt_pairs
from pluralign.simulate.parameters import ORDER, Parameters
from pluralign.simulate.published import PUBLISHED
from pluralign.stats.agreement import alpha_from_coincidences, unit_coincidences, value_counts
from pluralign.stats.clmm import ClmmFit, fit_clmm
from pluralign.stats.design import design_matrix

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
POSITIVE = 4
"""A rating of 4 or 5 counts as 'rated so'."""


def alpha(item: Ints, value: Ints, n_items: int) -> float:
    """Ordinal Krippendorff alpha of ratings 1–5."""
    counts = value_counts(item, value - 1, n_items, 5)
    return float(alpha_from_coincidences(unit_coincidences(counts).sum(0), "ordinal"))


def disagreement(item: Ints, value: Ints, n_items: int) -> float:
    """Share of items with at least two ratings whose ratings differ."""
    counts = value_counts(item, value - 1, n_items, 5)
    several = counts.sum(1) > 1
    return float((counts.max(1) < counts.sum(1))[several].mean())


def conditional(given: Ints, outcome: Ints) -> float:
    """Of the ratings with `given` positive, the share with `outcome` positive."""
    return float((outcome[given >= POSITIVE] >= POSITIVE).mean())


@dataclass(frozen=True)
class Sample:
    """Ratings as arrays: what both the simulator and a saved release give.

    Attributes:
        rater, item: indices, (n,).
        values: dimension -> ratings 1–5, (n,).
        groups: the groups of each rater.
        design: covariates of each rater with their names.
        n_items: number of items.
    """

    rater: Ints
    item: Ints
    values: Mapping[str, Ints]
    groups: list[set[str]]
    design: tuple[Floats, list[str]]
    n_items: int

    @classmethod
    def of(cls, latent: Latent, parameters: Parameters) -> Sample:
        """Rate everything under the parameters."""
        drawn = latent.drawn
        return cls(
            drawn.rater, drawn.item, latent.rate_all(parameters), memberships(drawn.raters), design_matrix(drawn.raters),
            parameters.n_items,
        )  # fmt: skip

    @classmethod
    def from_ratings(cls, ratings: Ratings) -> Sample:
        """The same out of saved tables that rate every (rater, item) on all five dimensions."""
        names = {name: k for k, name in enumerate(ratings.items.column("item_id").to_pylist())}
        raters = {name: k for k, name in enumerate(ratings.raters.column("rater_id").to_pylist())}
        columns = {c: ratings.ratings.column(c).to_pylist() for c in ("rater_id", "item_id", "dimension", "value")}
        rows: dict[tuple[int, int], dict[str, int]] = {}
        for rater, item, dimension, value in zip(*columns.values(), strict=True):
            rows.setdefault((raters[rater], names[item]), {})[dimension] = value
        keys = np.array(sorted(rows), np.int64)
        values = {d: np.array([rows[r, i][d] for r, i in keys.tolist()], np.int64) for d in DIMENSIONS}
        table = ratings.raters
        return cls(keys[:, 0], keys[:, 1], values, memberships(table), design_matrix(table), len(names))

    def member(self, group: str) -> NDArray[np.bool_]:
        """Which rows are ratings by raters of a group, (n,)."""
        return np.array([group in groups for groups in self.groups])[self.rater]

    def group_alpha(self, dimension: str, group: str) -> float:
        """Alpha among the raters of one group."""
        rows = self.member(group)
        return alpha(self.item[rows], self.values[dimension][rows], self.n_items)

    def fit(self, dimension: str, start: Floats | None = None) -> ClmmFit:
        """The study's cumulative link mixed model for one dimension, without standard errors."""
        matrix, names = self.design
        return fit_clmm(
            self.values[dimension], matrix[self.rater], self.rater, self.item,
            names=names, levels=range(1, 6), start=start, gtol=1e-3, covariance=False,
        )  # fmt: skip


def cheap_statistics(sample: Sample) -> dict[str, float]:
    """All published statistics except the odds ratios, by `Statistic.name`, and the disagreement of every dimension."""
    out = {}
    for dimension in ORDER:
        value = disagreement(sample.item, sample.values[dimension], sample.n_items)
        out[f"disagreement {dimension}"] = value
    out["mean_disagreement"] = float(np.mean([out[f"disagreement {d}"] for d in ORDER]))
    for statistic in PUBLISHED:
        if statistic.kind == "alpha":
            out[statistic.name] = sample.group_alpha(statistic.dimension, statistic.group)
        elif statistic.kind == "conditional":
            out[statistic.name] = conditional(sample.values[statistic.group], sample.values[statistic.dimension])
    return out


def odds_ratios(fits: Mapping[str, ClmmFit]) -> dict[str, float]:
    """The published odds ratios out of fitted models, by `Statistic.name`."""
    out = {}
    for statistic in PUBLISHED:
        if statistic.kind == "odds_ratio" and statistic.dimension in fits:
            fit = fits[statistic.dimension]
            out[statistic.name] = float(np.exp(fit.coef[list(fit.names).index(statistic.group)]))
    return out


def kappa_recovered(sample: Sample, dimension: str, group: str, v: Floats, h: Floats) -> float:
    """What a group weighs the contrast with, read off its ratings: the slope on h over the slope on v.

    Args:
        sample: the ratings.
        dimension: which of them.
        group: whose.
        v, h: true effect and contrast of each item on the dimension, (n_items,).
    """
    rows = sample.member(group)
    item, value = sample.item[rows], sample.values[dimension][rows]
    slopes = np.linalg.lstsq(np.column_stack([np.ones(len(item)), v[item], h[item]]), value.astype(float))[0]
    return float(slopes[2] / slopes[1])


def flip_share(prompt_of: Ints, v: Floats, h: Floats, kappa_a: float, kappa_b: float) -> float:
    """Share of within-prompt pairs of items that two groups, by their κ, order differently.

    Args:
        prompt_of: prompt index of each item, (n_items,).
        v, h: effect and contrast of each item on one dimension, (n_items,).
        kappa_a, kappa_b: what either group weighs h with.
    """
    pairs = np.array(list(within_prompt_pairs(prompt_of)))
    signs = [np.sign(np.diff((v + kappa * h)[pairs], axis=1)) for kappa in (kappa_a, kappa_b)]
    return float((signs[0] != signs[1]).mean())


def expected_flip_share(kappa: float) -> float:
    """arccos(r)/π with r = 1/√(1 + κ²): orders that flip between a group with κ and one without.

    >>> round(expected_flip_share(0.6), 3), expected_flip_share(0.0)
    (0.172, 0.0)
    """
    return float(np.arccos(1 / np.sqrt(1 + kappa**2)) / np.pi)
