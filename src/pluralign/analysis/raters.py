"""Who rated, how much, and how their ratings are spread over the scale."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from pluralign.analysis.cells import Coded
from pluralign.analysis.numbers import plain
from pluralign.ratings import Ratings
from pluralign.schema import ATTRIBUTES, EVERYONE, MULTIPLE, UNDISCLOSED
from pluralign.stats.resampling import bootstrap_sums, cluster_sums, percentile_interval, ratios
from pluralign.views.groups import GroupSpec


@dataclass(frozen=True)
class RaterCount:
    """How many raters have a value of an attribute.

    Attributes:
        attribute, value: `undisclosed` for those who did not say; `multiple` for those who gave several, who are counted under each
            of them too.
        n_raters: how many.
        share: of all raters, 0–1.
        n_ratings: ratings by them.
    """

    attribute: str
    value: str
    n_raters: int
    share: float
    n_ratings: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return plain(asdict(self))


def rater_counts(ratings: Ratings) -> list[RaterCount]:
    """Raters by attribute and value, in the schema's order; attributes that nobody gave are left out."""
    table = ratings.raters
    given = Counter(dict(zip(*_counted(ratings), strict=True)))
    n_ratings = np.array([given[name] for name in table.column("rater_id").to_pylist()])
    rows = []
    for attribute in ATTRIBUTES.values():
        values = [[one] if isinstance(one, str) else list(one) for one in table.column(attribute.name).to_pylist()]
        if all(own == [UNDISCLOSED] for own in values):
            continue
        for value in (*attribute.values, MULTIPLE, UNDISCLOSED):
            has = np.array([len(own) > 1 if value == MULTIPLE else value in own for own in values], dtype=bool)
            if has.any():
                rows.append(
                    RaterCount(attribute.name, value, int(has.sum()), float(has.mean()), int(n_ratings[has].sum()))
                )
    return rows


def _counted(ratings: Ratings) -> tuple[list[str], list[int]]:
    counts = pc.value_counts(ratings.ratings.column("rater_id"))
    return counts.field("values").to_pylist(), counts.field("counts").to_pylist()


@dataclass(frozen=True)
class Distribution:
    """A group's ratings of one dimension over the values of a scale.

    Attributes:
        dimension, nearest: the source's name, and ours that is nearest.
        group: whose ratings.
        scale: that they were put on.
        values: of the scale.
        counts: ratings on each.
        mean: of the ratings, on the scale; NaN without any.
        low, high: 95 % interval over resampled raters.
        n_raters: who rated.
    """

    dimension: str
    nearest: str
    group: str
    scale: str
    values: tuple[int, ...]
    counts: tuple[int, ...]
    mean: float
    low: float
    high: float
    n_raters: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values; an undefined number is null."""
        return plain(asdict(self))


def distributions(
    coded: Coded,
    dimensions: Sequence[str] | None = None,
    groups: Sequence[GroupSpec] = (EVERYONE,),
    *,
    bootstrap: int = 1000,
    seed: int = 0,
) -> list[Distribution]:
    """How each group's ratings of each dimension are spread, and their mean with its interval over raters."""
    found = []
    for spec in coded.dimensions(dimensions):
        for group in groups:
            cells = coded.cells(spec, group)
            value = np.asarray(cells.values, dtype=float)[cells.level]
            low, high = np.nan, np.nan
            if bootstrap and cells.n_raters > 1:
                sums = cluster_sums(np.column_stack([value, np.ones(len(value))]), cells.rater)
                totals = bootstrap_sums(sums, bootstrap, seed)
                low, high, _ = percentile_interval(ratios(totals[:, 0], totals[:, 1]))
            counts = tuple(int(n) for n in cells.counts.sum(axis=0))
            mean = float(value.mean()) if len(value) else np.nan
            found.append(
                Distribution(
                    spec.name,
                    spec.nearest,
                    cells.group,
                    cells.scale,
                    cells.values,
                    counts,
                    mean,
                    low,
                    high,
                    cells.n_raters,
                )
            )
    return found
