"""From a histogram to a view's columns: the rules, declared once, as narwhals expressions in integers.

The scale is applied to each rating first, then the aggregation:

- `majority`: the most frequent value; of several the one nearest the mean; of two equally near the lower if the item leans low
  (`schema.tie_goes_low`), else the higher.
- `consensus`: the common value of at least two ratings; other cells are left out.
- `mean`: ⌊S / n + ½⌋, the mean rounded half up.
- `first`: the recoded first of the ratings that the scale keeps.

Cells without a rating that the scale keeps are left out. `n_raters`, the distribution, `disagreement` and `tie` depend on the
scale only, and read the same beside every aggregation.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any

import narwhals as nw

from pluralign.schema import SCALES
from pluralign.views.histogram import ON, PLACE, first_columns, kept_points

HIGHEST = 7
"""No value of a scale is higher; one more than it is a power of two that holds a value beside a distance."""

FAR = 1 << 30
"""Farther than any value is, of up to twenty million ratings."""

COUNT_COLUMNS = ("n_raters", "disagreement", "tie")


def at(scale: str) -> list[str]:
    """Columns with the number of ratings on each value of a scale, ascending: what `distribution` lists.

    >>> at("binary")
    ['at_0', 'at_1']
    """
    return [f"at_{value}" for value in SCALES[scale].values]


def recoded(scale: str) -> Any:
    """The value of `point` on a scale; −1 where the scale leaves it out. (A null would turn pandas' column to floats.)"""
    value: Any = nw.lit(-1, nw.Int8)
    for point, to in enumerate(SCALES[scale].recode, 1):
        if to is not None:
            value = nw.when(nw.col("point") == point).then(nw.lit(to, nw.Int8)).otherwise(value)
    return value.cast(nw.Int8)


def summarised(frame: Any, scale: str) -> Any:
    """Add to a histogram what every aggregation of a scale shares; cells without a rating are left out.

    Adds the columns of `at`, `n_raters`, `disagreement`, `tie`, and for `valued` `total` (of the values) and `top` (the highest
    count).
    """
    recode, values = SCALES[scale].recode, SCALES[scale].values
    counts = {
        name: reduce(add, [nw.col(on) for on, to in zip(ON, recode, strict=True) if to == value])
        for name, value in zip(at(scale), values, strict=True)
    }
    n = reduce(add, [nw.col(name) for name in counts])
    total = reduce(add, [nw.col(name) * value for name, value in zip(counts, values, strict=True)])
    frame = frame.with_columns(**counts)
    frame = frame.with_columns(n_raters=n, total=total, top=nw.max_horizontal(*counts))
    modes = reduce(add, [(nw.col(name) == nw.col("top")).cast(nw.Int32) for name in counts])
    frame = frame.filter(nw.col("n_raters") > 0)
    return frame.with_columns(disagreement=nw.col("top") < nw.col("n_raters"), tie=modes > 1)


def valued(frame: Any, scale: str, aggregation: str, lean: Callable[[Any], Any]) -> Any:
    """Add `value` to what `summarised` gave; `consensus` drops cells.

    Args:
        frame: from `summarised`.
        scale: the scale it was summarised on.
        aggregation: any but `individual`.
        lean: adds `goes_low` to a frame; needed only where `lower` and `higher`, the two answers of `majority`, differ.
    """
    n, total = nw.col("n_raters"), nw.col("total")
    if aggregation == "consensus":
        frame = frame.filter((n > 1) & (nw.col("top") == n))
        return frame.with_columns(value=(total // n).cast(nw.Int8))
    if aggregation == "mean":
        return frame.with_columns(value=((total * 2 + n) // (n * 2)).cast(nw.Int8))
    if aggregation == "first":
        frame = frame.with_columns(point=nw.col(first_columns()[kept_points(scale)]) % PLACE)
        return frame.with_columns(value=recoded(scale))
    if aggregation == "majority":
        frame = lean(_nearest_modes(frame, scale))
        value = nw.when(nw.col("goes_low")).then(nw.col("lower")).otherwise(nw.col("higher"))
        return frame.with_columns(value=value.cast(nw.Int8))
    raise ValueError(aggregation)


def _nearest_modes(frame: Any, scale: str) -> Any:
    """Add `lower` and `higher`: the most frequent value nearest the mean, of two equally near the one or the other.

    min over the most frequent values j of (|n j − S| · 8 + j), modulo 8, is the lower; with 7 − j for j, 7 minus it the higher.
    """
    ranks = {f"rank_{value}": value for value in SCALES[scale].values}
    distances = {}
    for name, count in zip(ranks, at(scale), strict=True):
        distance = (nw.col("n_raters") * ranks[name] - nw.col("total")).abs() * (HIGHEST + 1)
        distances[name] = nw.when(nw.col(count) == nw.col("top")).then(distance).otherwise(nw.lit(FAR, nw.Int32))
    lower = nw.min_horizontal(*(nw.col(name) + value for name, value in ranks.items())) % (HIGHEST + 1)
    higher = HIGHEST - nw.min_horizontal(*(nw.col(name) + (HIGHEST - value) for name, value in ranks.items())) % (
        HIGHEST + 1
    )
    return frame.with_columns(**distances).with_columns(lower=lower, higher=higher)
