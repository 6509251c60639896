"""The ratings as numbers, made once for a `Ratings` and kept as long as it lives.

Strings become ranks in alphabetical order, so that a cell is one integer, and sorting by it is sorting by item and dimension.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pluralign.ratings.tables import PROVENANCE_KEY
from pluralign.views.codebook import Codebook
from pluralign.views.histogram import PACKED_LIMIT, Codes, on_points, packed_points
from pluralign.views.native import arrow_of, frame_of, leans_low

if TYPE_CHECKING:
    from pluralign.ratings import Ratings


@dataclass(frozen=True, eq=False)
class Encoded:
    """Ratings as numbers, in order of item, dimension and rater.

    Attributes:
        items: the items table, sorted by `item_id`.
        raters: the raters table, sorted by `rater_id`.
        dimensions: the source's dimensions, sorted.
        item, rater, dimension: for each rating its row in these, (n,).
        language: of each rating, (n,).
        point: 1–5, of each rating, (n,).
        place: of each rating in the order of item, dimension and position, (n,); of equal positions the smaller `rater_id` first.
        key: of each rating its cell, (item · dimensions + dimension) · 2 + whether the item leans low, (n,).
        metadata: of every view: the provenance.
        book: what the histograms that have occurred come to.
    """

    items: pa.Table
    raters: pa.Table
    dimensions: pa.Array
    item: Codes
    rater: Codes
    dimension: Codes
    language: pa.ChunkedArray
    point: pa.ChunkedArray
    place: Codes
    key: Codes
    metadata: dict[bytes, bytes]
    book: Codebook = field(default_factory=Codebook)

    @cached_property
    def packs(self) -> bool:
        """Whether the largest cell fits the packed form of a histogram."""
        starts = np.flatnonzero(np.diff(self.key, prepend=-1))
        return int(np.diff(starts, append=len(self.key)).max(initial=0)) <= PACKED_LIMIT

    @cached_property
    def table(self) -> pa.Table:
        """What engines compute with; `position` is `place`, `row` the row here."""
        numbers = {"key": self.key, "rater": self.rater, "dimension": self.dimension, "position": self.place}
        rows = np.arange(len(self.key), dtype=np.int64)
        packed = packed_points(self.point.to_numpy())
        return pa.table({**numbers, "row": rows, "point": self.point, "packed": packed})

    @cached_property
    def polars(self) -> Any:
        """The default engine's frame of `table`, kept because it is asked for again and again."""
        return frame_of(self.table, "polars")

    def cells(self, key: Codes) -> tuple[Codes, Codes]:
        """The rows of `items` and `dimensions` that keys stand for."""
        item, dimension = np.divmod(key >> 1, max(len(self.dimensions), 1))
        return item, dimension


def encode(ratings: Ratings) -> Encoded:
    """Number the ratings."""
    items, raters = ratings.items.sort_by("item_id"), ratings.raters.sort_by("rater_id")
    table, specs = ratings.ratings, ratings.provenance.dimensions
    dimensions = pa.array(sorted(spec.name for spec in specs), pa.string())
    item = _ranks(table.column("item_id"), items.column("item_id"))
    rater = _ranks(table.column("rater_id"), raters.column("rater_id"))
    dimension = _ranks(table.column("dimension"), dimensions)
    lean = np.array([leans_low(name) for name in items.column("item_id").to_pylist()], dtype=np.int64)
    key = (item * len(dimensions) + dimension) * 2 + (lean[item] if len(item) else 0)
    order = np.lexsort((rater, key))
    item, rater, dimension, key = item[order], rater[order], dimension[order], key[order]
    shown = table.select(["dimension", "value", "language", "position"]).take(pa.array(order))
    points = arrow_of(on_points(frame_of(shown, "polars"), {spec.name: spec.cuts for spec in specs}))
    place = np.empty_like(key)
    place[np.lexsort((rater, shown.column("position").to_numpy(), key))] = np.arange(len(key))
    metadata = {PROVENANCE_KEY: ratings.provenance.to_json().encode()}
    point = points.column("point").cast(pa.int8())
    return Encoded(
        items, raters, dimensions, item, rater, dimension, shown.column("language"), point, place, key, metadata
    )


def _ranks(values: pa.ChunkedArray, options: pa.ChunkedArray | pa.Array) -> Codes:
    options = options.combine_chunks() if isinstance(options, pa.ChunkedArray) else options
    ranks: Codes = pc.index_in(values, options).to_numpy().astype(np.int64)
    return ranks


_KEPT: dict[int, Encoded] = {}


def encoded(ratings: Ratings) -> Encoded:
    """`encode`, once for each `Ratings`. They hold tables and so cannot be hashed: they are told apart by identity."""
    place = id(ratings)
    if place not in _KEPT:
        _KEPT[place] = encode(ratings)
        weakref.finalize(ratings, _KEPT.pop, place, None)
    return _KEPT[place]


def rater_codes(code: Encoded, ids: pa.Array) -> list[int]:
    """The rows of `raters` that have these ids."""
    codes: list[int] = pc.index_in(ids, code.raters.column("rater_id").combine_chunks()).to_pylist()
    return codes


def of_group(frame: Any, raters: list[int] | None, dimensions: list[int] | None) -> Any:
    """The rows of a frame of `Encoded.table` that a group's raters gave on some dimensions; None is all."""
    if raters is not None:
        frame = frame.filter(nw.col("rater").is_in(raters))
    return frame if dimensions is None else frame.filter(nw.col("dimension").is_in(dimensions))
