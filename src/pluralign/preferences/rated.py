"""What each item was rated, as counts of oriented values: all that votes need to know.

Values are steps from 0, the worst, to the best of the scale, whichever end that is; so more is always better here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pluralign.errors import PluralignError
from pluralign.preferences.conditions import Condition
from pluralign.preferences.draws import drawn
from pluralign.ratings import Ratings
from pluralign.schema import SCALES

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rated:
    """The values of items on one dimension, or on several that were combined.

    Attributes:
        counts: (n_items, n_steps) ratings on each step; for an aggregated condition a single 1 a row. Rows of zeros are items
            without a value.
        points: points of the scale that a step is worth.
        item, rater: (n,) the ratings that this rests on, as rows of the items and raters tables.
    """

    counts: Ints
    points: float
    item: Ints
    rater: Ints

    @property
    def means(self) -> Floats:
        """(n_items,) the mean value in points of the scale, 0 the worst; NaN where there is none."""
        n = self.counts.sum(1)
        total = self.counts @ np.arange(self.counts.shape[1])
        means: Floats = np.where(n > 0, total / np.maximum(n, 1), np.nan) * self.points
        return means


@dataclass(frozen=True)
class _Values:
    """Steps by row: of each rating, or of each item where they are aggregated."""

    item: Ints
    rater: Ints
    step: Ints


def rated(
    ratings: Ratings, cond: Condition, dimensions: tuple[str, ...], items: pa.Table, split: str | None, draw: int = 0
) -> Rated:
    """Count what a condition's ratings of one dimension are, or those of several, combined.

    Several dimensions are combined rating by rating, the mean of a rater's oriented values on all of them; whoever left one
    out is left out. Values that were aggregated are combined item by item.

    Args:
        ratings: the three tables.
        cond: the condition.
        dimensions: of the condition, by the source's names.
        items: the items table, in the order that rows refer to.
        split: None for both.
        draw: number of the draw.
    """

    def values(dimension: str, aggregation: str) -> _Values:
        return _values(ratings, cond, dimension, drawn(ratings, cond, dimension, aggregation, split, draw), items)

    base = _combined([values(name, "individual") for name in dimensions], ratings.raters.num_rows)
    shown = base if cond.is_individual else _combined([values(name, cond.aggregation) for name in dimensions], 1)
    steps = (len(SCALES[cond.scale].values) - 1) * len(dimensions) + 1
    counts = np.bincount(shown.item * steps + shown.step, minlength=items.num_rows * steps)
    return Rated(counts.reshape(items.num_rows, steps).astype(np.int64), 1 / len(dimensions), base.item, base.rater)


def _values(ratings: Ratings, cond: Condition, dimension: str, view: pa.Table, items: pa.Table) -> _Values:
    item, rater = _rows(view.column("item_id"), items.column("item_id")), np.zeros(view.num_rows, np.int64)
    if "rater_id" in view.column_names:
        rater = _rows(view.column("rater_id"), ratings.raters.column("rater_id"))
    values = SCALES[cond.scale].values
    step = np.searchsorted(np.array(values), view.column("value").to_numpy()).astype(np.int64)
    if ratings.provenance.dimension(dimension).better == "lower":
        step = len(values) - 1 - step
    return _Values(item, rater, step)


def _rows(values: pa.ChunkedArray, options: pa.ChunkedArray) -> Ints:
    rows: Ints = pc.index_in(values, value_set=options.combine_chunks()).to_numpy().astype(np.int64)
    return rows


def _combined(parts: list[_Values], n_raters: int) -> _Values:
    """The sum of the steps of rows that every part has."""
    if len(parts) == 1:
        return parts[0]
    keys = [part.item * n_raters + part.rater for part in parts]
    common = reduce(np.intersect1d, keys)
    total = np.zeros(len(common), np.int64)
    for part, key in zip(parts, keys, strict=True):
        order = np.argsort(key)
        total += part.step[order][np.searchsorted(key[order], common)]
    return _Values(common // n_raters, common % n_raters, total)


def checked_dimensions(ratings: Ratings, cond: Condition) -> tuple[str, ...]:
    """The source's own names of a condition's dimensions.

    Raises:
        PluralignError: PA024 for one that the source does not have, or two that are the same.
    """
    names = tuple(ratings.provenance.dimension(name).name for name in cond.dimensions)
    if len(set(names)) < len(names):
        raise PluralignError("PA024", f"{cond.name}: got {cond.dimensions}, of which two are {names[0]!r} here.")
    return names
