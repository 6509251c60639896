"""A view of a frame that need not fit in memory: DuckDB past memory, Spark past one machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa

from pluralign.errors import unknown
from pluralign.schema import AGGREGATIONS, ATTRIBUTES, INDIVIDUAL_FIELDS, POINTS, SCALES, VIEW_FIELDS
from pluralign.views.aggregate import at, recoded, summarised, valued
from pluralign.views.histogram import Cuts, histogram, kept_points, on_points
from pluralign.views.native import looked_up, with_distribution, with_goes_low

CELL = ("item_id", "dimension")
OWN_CUTS = tuple(range(1, POINTS))
"""The cuts of a five-point scale: point = value."""


def check_names(scale: str, aggregation: str) -> None:
    """Raise PA021 or PA023 for a scale or an aggregation that does not exist."""
    if not isinstance(scale, str) or scale not in SCALES:
        raise unknown("PA021", "scale", scale, list(SCALES))
    if not isinstance(aggregation, str) or aggregation not in AGGREGATIONS:
        raise unknown("PA023", "aggregation", aggregation, list(AGGREGATIONS))


def frame_view(
    ratings: Any,
    rater_ids: Any = None,
    scale: str = "5pt",
    aggregation: str = "individual",
    cuts: Cuts | Mapping[str, Cuts] = OWN_CUTS,
    *,
    raters: Any = None,
    items: Any = None,
) -> Any:
    """A view of any frame of ratings that narwhals takes, as the same kind of frame. Lazy stays lazy.

    Args:
        ratings: a pandas, Polars (eager or lazy), PyArrow, DuckDB or PySpark frame with `schema.TABLES["ratings"]`'s columns.
            For `first`, positions are distinct within an item and dimension; of equal ones the lower point counts.
        rater_ids: the group's raters (`groups.members`), or a frame of the same kind with a column `rater_id` where they are
            many; everyone if None.
        scale: `5pt`, `3pt` or `binary`.
        aggregation: `individual`, `majority`, `consensus`, `first` or `mean`.
        cuts: four bounds for every row, or `{dimension: bounds}`, which leaves the rows of other dimensions out.
        raters: a frame of the same kind with `rater_id` and attributes; `individual` then has the attributes.
        items: a frame of the same kind with `item_id` and `prompt_id`; the view then has `prompt_id`.

    Returns:
        The columns of `schema.VIEW_FIELDS` (or `INDIVIDUAL_FIELDS`), in no particular order of rows.

    Raises:
        PluralignError: PA021, PA023.

    >>> import polars as pl
    >>> frame = pl.DataFrame({"rater_id": ["a", "b", "c"], "item_id": ["i"] * 3, "dimension": ["toxicity"] * 3,
    ...                       "value": [1, 4, 5], "language": ["en"] * 3, "position": [1, 2, 3]})
    >>> frame_view(frame, None, "3pt", "majority").row(0)
    ('i', 'toxicity', 3, 3, [1, 0, 2], True, False)
    """
    check_names(scale, aggregation)
    frame = nw.from_native(ratings)
    if isinstance(cuts, Mapping):
        frame = frame.filter(nw.col("dimension").is_in(list(cuts)))
    frame = on_points(_of_raters(frame, rater_ids), cuts)
    if aggregation == "individual":
        kept = frame.filter(nw.col("point").is_in(kept_points(scale)))
        frame = kept.with_columns(value=recoded(scale))
        if raters is not None:
            attributes = nw.from_native(raters).select("rater_id", *ATTRIBUTES)
            frame = looked_up(frame, attributes, "rater_id")
    else:
        frame = _aggregated(frame, scale, aggregation)
    if items is not None:
        frame = looked_up(frame, nw.from_native(items).select("item_id", "prompt_id"), "item_id")
    absent = {"prompt_id"} if items is None else set()
    absent |= set(ATTRIBUTES) if raters is None else set()
    fields = INDIVIDUAL_FIELDS if aggregation == "individual" else VIEW_FIELDS
    return frame.select(*(field.name for field in fields if field.name not in absent)).to_native()


def _of_raters(frame: Any, rater_ids: Any) -> Any:
    if rater_ids is None:
        return frame
    if isinstance(rater_ids, pa.Array | pa.ChunkedArray | np.ndarray):
        rater_ids = rater_ids.tolist()
    if isinstance(rater_ids, Sequence | set | frozenset):
        return frame.filter(nw.col("rater_id").is_in(list(rater_ids)))
    return frame.join(nw.from_native(rater_ids).select("rater_id"), on="rater_id", how="semi")


def _aggregated(frame: Any, scale: str, aggregation: str) -> Any:
    cells = histogram(frame, CELL, packed=False, first=aggregation == "first")
    return with_distribution(valued(summarised(cells, scale), scale, aggregation, with_goes_low), at(scale))
