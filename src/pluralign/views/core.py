"""`view`: what a group, a scale and an aggregation make of a `Ratings`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pyarrow as pa

from pluralign.errors import PluralignError, listing
from pluralign.schema import EVERYONE
from pluralign.views.aggregate import at, recoded, summarised, valued
from pluralign.views.assemble import as_table, cell_columns, rating_columns
from pluralign.views.encode import Encoded, encoded, of_group, rater_codes
from pluralign.views.frames import check_names
from pluralign.views.groups import GroupSpec, members
from pluralign.views.histogram import histogram, kept_points, unpacked
from pluralign.views.native import arrow_of, as_lists, check_engine, frame_of

if TYPE_CHECKING:
    from pluralign.ratings import Ratings, SourceDimension


def view(
    ratings: Ratings,
    group: GroupSpec = EVERYONE,
    scale: str = "5pt",
    aggregation: str = "individual",
    dimension: str | Sequence[str] | None = None,
    texts: bool = False,
    engine: str = "polars",
) -> pa.Table:
    """The ratings of a group on a scale, aggregated.

    Args:
        ratings: the three tables.
        group: `everyone`, an attribute value, or `{attribute: value or values}`.
        scale: `5pt`, `3pt` or `binary`; applied to each rating before the aggregation.
        aggregation: `individual`, `majority`, `consensus`, `first` or `mean`.
        dimension: one or several dimensions, by the source's names or ours; all if None.
        texts: add the four texts, after `prompt_id`.
        engine: what computes it; all give equal results.

    Returns:
        A table with `schema.VIEW_FIELDS` (or `INDIVIDUAL_FIELDS`), sorted by `item_id`, `dimension` in alphabetical order, and
        `rater_id`; the provenance is in its metadata.

    Raises:
        PluralignError: PA020 unknown or empty group, PA021 unknown scale, PA022 scale that a dimension does not offer, PA023 unknown
            aggregation, PA024 unknown dimension, PA025 unknown engine or one that is not installed.
    """
    check_names(scale, aggregation)
    check_engine(engine)
    specs = dimensions_of(ratings, dimension)
    check_offered(specs, scale)
    code, frame = group_frame(ratings, group, specs, engine)
    if aggregation == "individual":
        frame = frame.filter(nw.col("point").is_in(kept_points(scale))).select("row", value=recoded(scale))
        found = _sorted(frame, "row")
        columns = rating_columns(code, found["row"], texts)
    else:
        found = _sorted(_aggregated(frame, scale, aggregation, code.packs and engine == "polars"), "key")
        columns = cell_columns(code, found["key"], texts)
        columns["distribution"] = as_lists([found[name] for name in at(scale)])
    return as_table(code, {**found, **columns}, aggregation, texts)


def dimensions_of(ratings: Ratings, dimension: str | Sequence[str] | None) -> list[SourceDimension]:
    """The source's dimensions that are asked for."""
    if dimension is None:
        return list(ratings.provenance.dimensions)
    names = [dimension] if isinstance(dimension, str) else dimension
    if not isinstance(names, Sequence) or not names:
        raise PluralignError("PA024", f"got dimension {dimension!r}.", "Name one or several, or leave it out for all.")
    return list({spec.name: spec for spec in map(ratings.provenance.dimension, names)}.values())


def check_offered(specs: Sequence[SourceDimension], scale: str) -> None:
    """Raise PA022 where a dimension is too coarse for a scale."""
    if coarse := [spec for spec in specs if scale not in spec.scales]:
        able = [spec.name for spec in specs if scale in spec.scales]
        instead = f"Ask for the dimensions that offer it: {listing(able)}, or for" if able else "Ask for"
        raise PluralignError(
            "PA022", f"got {scale!r} for dimension {coarse[0].name!r}; its source offers {listing(coarse[0].scales)}.",
            f"{instead} another scale.",
        )  # fmt: skip


def group_frame(
    ratings: Ratings, group: GroupSpec, specs: Sequence[SourceDimension], engine: str
) -> tuple[Encoded, Any]:
    """The numbered ratings, and an engine's frame of those that a group gave on some dimensions."""
    ids = members(ratings.raters, group)
    code = encoded(ratings)
    frame = code.polars if engine == "polars" else frame_of(code.table, engine)
    wanted = {spec.name for spec in specs}
    dimensions = [rank for rank, name in enumerate(code.dimensions.to_pylist()) if name in wanted]
    every = len(dimensions) == len(code.dimensions)
    return code, of_group(frame, None if ids is None else rater_codes(code, ids), None if every else dimensions)


def _aggregated(frame: Any, scale: str, aggregation: str, packed: bool) -> Any:
    cells = histogram(frame, ["key"], packed=packed, first=aggregation == "first")
    cells = summarised(unpacked(cells) if packed else cells, scale)
    cells = valued(cells, scale, aggregation, lean_of_key)
    return cells.select("key", "value", "n_raters", "disagreement", "tie", *at(scale))


def lean_of_key(frame: Any) -> Any:
    """Add `goes_low` from the cell's key, which carries it."""
    return frame.with_columns(goes_low=nw.col("key") % 2 == 1)


def _sorted(frame: Any, by: str) -> dict[str, Any]:
    table = arrow_of(frame)
    columns = {name: table.column(name).to_numpy() for name in table.column_names}
    order = np.argsort(columns[by])
    return {name: column[order] for name, column in columns.items()}
