"""`variants`: every scale and aggregation of a group from one histogram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from pluralign.schema import AGGREGATIONS, SCALES
from pluralign.views.aggregate import COUNT_COLUMNS, at
from pluralign.views.assemble import as_table, cell_columns, rating_columns
from pluralign.views.codebook import COUNTED, Columns, all_columns
from pluralign.views.core import dimensions_of, group_frame, lean_of_key
from pluralign.views.encode import Encoded
from pluralign.views.groups import GroupSpec
from pluralign.views.histogram import PLACE, Codes, first_columns, histogram, kept_points
from pluralign.views.native import as_lists

if TYPE_CHECKING:
    from pluralign.ratings import Ratings


def variants(
    ratings: Ratings, group: GroupSpec, dimension: str | Sequence[str] | None = None, *, texts: bool = False
) -> dict[tuple[str, str], pa.Table]:
    """Every view of a group, at little more than the cost of one.

    Args:
        ratings: the three tables.
        group: `everyone`, an attribute value, or `{attribute: value or values}`.
        dimension: one or several dimensions, by the source's names or ours; all if None.
        texts: add the four texts, after `prompt_id`.

    Returns:
        `(scale, aggregation)` -> the table that `view` gives, for every scale that all these dimensions offer. Tables share the
        columns that they have in common.

    Raises:
        PluralignError: PA020, PA024.
    """
    specs = dimensions_of(ratings, dimension)
    scales = [scale for scale in SCALES if all(scale in spec.scales for spec in specs)]
    code, frame = group_frame(ratings, group, specs, "polars")
    individual = _individual(code, frame, scales, texts)
    aggregated = _aggregated(code, frame, scales, texts)
    found = {"individual": individual} | aggregated
    return {(scale, name): found[name][scale] for scale in scales for name in AGGREGATIONS}


def _individual(code: Encoded, frame: Any, scales: Sequence[str], texts: bool) -> dict[str, pa.Table]:
    row, point = (frame.get_column(name).to_numpy() for name in ("row", "point"))
    tables: dict[tuple[int, ...], tuple[Codes, Columns]] = {}
    found = {}
    for scale in scales:
        points = kept_points(scale)
        if points not in tables:
            kept = np.isin(point, points)
            tables[points] = point[kept], rating_columns(code, row[kept], texts)
        shown, columns = tables[points]
        found[scale] = as_table(code, {**columns, "value": _recode(scale)[shown]}, "individual", texts)
    return found


def _aggregated(code: Encoded, frame: Any, scales: Sequence[str], texts: bool) -> dict[str, dict[str, pa.Table]]:
    cells = histogram(frame, ["key"], packed=code.packs, first=True).sort("key")
    key = cells.get_column("key").to_numpy()
    if code.packs:
        book, rows = code.book.rows(cells.get_column("packed").to_numpy() * 2 + (key & 1))
    else:
        cells = lean_of_key(cells).with_row_index("row")
        book, rows = all_columns(cells, len(key)), np.arange(len(key))
    found: dict[str, dict[str, pa.Table]] = {name: {} for name in (*COUNTED, "first")}
    about: dict[bytes, Columns] = {}  # Variants that keep the same cells share the columns that name them.
    for scale in scales:
        values = {name: book[f"{scale}.{name}"][rows] for name in COUNTED}
        values["first"] = _recode(scale)[cells.get_column(first_columns()[kept_points(scale)]).to_numpy() % PLACE]
        counts: dict[bytes, Columns] = {}
        for name, value in values.items():
            kept = value >= 0
            mark = kept.tobytes()
            if mark not in counts:
                about[mark] = about.get(mark) or cell_columns(code, key[kept], texts)
                counts[mark] = _counts(book, rows[kept], scale)
            columns = {**about[mark], **counts[mark], "value": value[kept]}
            found[name][scale] = as_table(code, columns, name, texts)
    return found


def _counts(book: Columns, rows: Codes, scale: str) -> Columns:
    columns: Columns = {name: pa.array(book[f"{scale}.{name}"][rows]) for name in COUNT_COLUMNS}
    columns["distribution"] = as_lists([book[f"{scale}.{name}"][rows] for name in at(scale)])
    return columns


def _recode(scale: str) -> Any:
    """Point -> value, −1 where the scale leaves it out; index 0 stands for no rating at all."""
    return np.array([-1, *(-1 if value is None else value for value in SCALES[scale].recode)], np.int8)
