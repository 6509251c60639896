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

from functools import reduce
from operator import add
from typing import Any

import narwhals as nw

from pluralign.schema import SCALES
from pluralign.views.histogram import ON, PLACE, first_columns, kept_points

COUNT_COLUMNS = ("n_raters", "disagreement", "tie")


def at(scale: str) -> list[str]:
    """Columns with the number of ratings on each value of a scale, ascending: what `distribution` lists.

    >>> at("binary")
    ['at_0', 'at_1']
    """
    return [f"at_{value}" for value in SCALES[scale].values]


def recoded(scale: str, point: str = "point") -> Any:
    """The value that a rating's point has on a scale; null where the scale leaves it out."""
    point_column = nw.col(point)
    expression: Any = None
    for i, value in reversed(list(enumerate(SCALES[scale].recode, 1))):
        if value is not None:
            when = nw.when(point_column == i).then(nw.lit(value, nw.Int64))
            expression = when if expression is None else when.otherwise(expression)
    return expression.cast(nw.Int8)


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
    modes = reduce(add, [(nw.col(name) == nw.col("top")).cast(nw.Int64) for name in counts])
    frame = frame.filter(nw.col("n_raters") > 0)
    return frame.with_columns(disagreement=nw.col("top") < nw.col("n_raters"), tie=modes > 1)


def valued(frame: Any, scale: str, aggregation: str) -> Any:
    """Add `value` to what `summarised` gave. `majority` needs the column `goes_low`; `consensus` drops cells."""
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
        return frame.with_columns(value=_majority(scale).cast(nw.Int8))
    raise ValueError(aggregation)


def _majority(scale: str) -> Any:
    """min over the most frequent values j of ((2 |n j − S| + side) · 8 + j), modulo 8; side is 1 on the side that loses."""
    n, total, low = nw.col("n_raters"), nw.col("total"), nw.col("goes_low")
    ranked = []
    for name, value in zip(at(scale), SCALES[scale].values, strict=True):
        ahead = n * value - total
        side = ((low & (ahead > 0)) | (~low & (ahead < 0))).cast(nw.Int64)
        ranked.append(
            nw.when(nw.col(name) == nw.col("top"))
            .then((ahead.abs() * 2 + side) * 8 + value)
            .otherwise(nw.lit(1 << 62, nw.Int64))
        )
    return nw.min_horizontal(*ranked) % 8
