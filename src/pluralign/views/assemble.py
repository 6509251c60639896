"""From numbers back to Arrow tables with the schema's columns, sorted by item, dimension and rater."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from pluralign.ratings.tables import arrow_schema
from pluralign.schema import ATTRIBUTES, INDIVIDUAL_FIELDS, TABLES, TEXT_COLUMNS, VIEW_FIELDS
from pluralign.views.encode import Encoded
from pluralign.views.histogram import Codes

TAKEN_AT_ONCE = 1 << 16
"""Rows of a chunk of texts: an Arrow array of strings holds 2 GiB, and long texts repeat once a rating."""


@cache
def view_schema(aggregation: str, texts: bool = False) -> pa.Schema:
    """The Arrow schema of a view; the texts come after `prompt_id`."""
    fields = list(INDIVIDUAL_FIELDS if aggregation == "individual" else VIEW_FIELDS)
    if texts:
        fields[2:2] = [field for field in TABLES["items"] if field.name in TEXT_COLUMNS]
    return arrow_schema(fields)


def item_columns(code: Encoded, item: Codes, texts: bool) -> dict[str, Any]:
    """The columns that say which item a row is about."""
    columns: dict[str, Any] = {name: code.items.column(name).take(item) for name in ("item_id", "prompt_id")}
    if texts:
        chunks = [item[start : start + TAKEN_AT_ONCE] for start in range(0, len(item), TAKEN_AT_ONCE)]
        for name in TEXT_COLUMNS:
            source = code.items.column(name).combine_chunks()
            columns[name] = pa.chunked_array([source.take(pa.array(chunk)) for chunk in chunks], pa.string())
    return columns


def cell_columns(code: Encoded, key: Codes, texts: bool) -> dict[str, Any]:
    """The columns that say which cell a row of an aggregated view is about."""
    item, dimension = code.cells(key)
    return {**item_columns(code, item, texts), "dimension": code.dimensions.take(pa.array(dimension))}


def rating_columns(code: Encoded, row: Codes, texts: bool) -> dict[str, Any]:
    """The columns that say which rating a row of an individual view is: all but its value."""
    rater = pa.array(code.rater[row])
    return {
        **item_columns(code, code.item[row], texts),
        **{name: code.raters.column(name).take(rater) for name in ("rater_id", *ATTRIBUTES)},
        "language": code.language.take(pa.array(row)),
        "dimension": code.dimensions.take(pa.array(code.dimension[row])),
    }


def as_table(code: Encoded, columns: Mapping[str, Any], aggregation: str, texts: bool) -> pa.Table:
    """The columns in the schema's order and types, with the provenance."""
    schema = view_schema(aggregation, texts).with_metadata(code.metadata)
    arrays = [columns[field.name] for field in schema]
    arrays = [a if a.type == f.type else a.cast(f.type) for a, f in zip(map(_arrow, arrays), schema, strict=True)]
    return pa.table(arrays, schema=schema)


def _arrow(column: Any) -> pa.Array | pa.ChunkedArray:
    return pa.array(column) if isinstance(column, np.ndarray) else column
