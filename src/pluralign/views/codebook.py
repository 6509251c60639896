"""What each histogram that occurs comes to, on every scale and under every rule.

Cells are many and their distinct histograms few, so the rules are evaluated once for each distinct packed histogram, by the
expressions of `aggregate`, and every view is a take.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from pluralign.schema import SCALES
from pluralign.views.aggregate import at, summarised, valued
from pluralign.views.histogram import Codes, unpacked

COUNTED = ("majority", "consensus", "mean")
"""Aggregations that follow from the counts alone; `first` needs the first rating besides."""

MOST_KEPT = 1 << 18
"""Histograms that a book remembers at most; beyond, it starts anew."""

Columns = dict[str, Any]


class Codebook:
    """Distinct histograms and what they come to; grows as groups bring new ones.

    A code is packed histogram · 2 + whether the item leans low. For each code a column `{scale}.{name}`; a value of −1 where the
    aggregation leaves the cell out.
    """

    def __init__(self) -> None:
        # One tuple, replaced whole, so that threads never see codes and columns that do not belong together.
        self._pages: tuple[Codes, Columns] = np.empty(0, np.int64), evaluated(np.empty(0, np.int64))

    def __len__(self) -> int:
        return len(self._pages[0])

    def rows(self, wanted: Codes) -> tuple[Columns, Codes]:
        """The book's columns, and the row of each code in them; unknown codes are worked out first."""
        codes, columns = self._pages
        distinct, inverse = np.unique(wanted, return_inverse=True)
        new = distinct[~np.isin(distinct, codes)]
        if len(codes) + len(new) > MOST_KEPT:
            codes, columns, new = codes[:0], {name: column[:0] for name, column in columns.items()}, distinct
        if len(new):
            codes = np.concatenate([codes, new])
            order, learned = np.argsort(codes), evaluated(new)
            codes = codes[order]
            columns = {name: np.concatenate([column, learned[name]])[order] for name, column in columns.items()}
            self._pages = codes, columns
        return columns, np.searchsorted(codes, distinct)[inverse]


def evaluated(codes: Codes) -> Columns:
    """Every column of every scale and counted aggregation, for each code."""
    frame = nw.from_native(pl.DataFrame({"row": np.arange(len(codes)), "packed": codes >> 1, "low": codes & 1}))
    return all_columns(unpacked(frame).with_columns(goes_low=nw.col("low") == 1), len(codes))


def all_columns(cells: Any, n_cells: int) -> Columns:
    """Every column of every scale and counted aggregation, for each `row` of a frame of histograms with `goes_low`."""
    columns: Columns = {}
    for scale in SCALES:
        summary = summarised(cells, scale)
        for name in ("n_raters", "disagreement", "tie", *at(scale)):
            columns[f"{scale}.{name}"] = _placed(summary, name, n_cells, 0)
        for aggregation in COUNTED:
            columns[f"{scale}.{aggregation}"] = _placed(
                valued(summary, scale, aggregation, _as_it_is), "value", n_cells, -1
            )
    return columns


def _as_it_is(frame: Any) -> Any:
    return frame


def _placed(frame: Any, name: str, length: int, absent: int) -> Any:
    values = frame.get_column(name).to_numpy()
    column = np.full(length, absent, np.int32 if values.dtype == np.int64 else values.dtype)
    column[frame.get_column("row").to_numpy()] = values
    return column
