"""What the tables of preferences share: schema, metadata, the orientation of undecided pairs, the error of an empty one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pluralign.errors import PluralignError
from pluralign.preferences.conditions import Condition
from pluralign.preferences.texts import SETTINGS_KEY
from pluralign.ratings import Ratings
from pluralign.ratings.tables import PROVENANCE_KEY, arrow_schema
from pluralign.schema import Field


def as_table(
    columns: Mapping[str, Any], fields: Sequence[Field], ratings: Ratings, told: Mapping[str, Any]
) -> pa.Table:
    """Columns in the schema's order and types, with the provenance and the settings as metadata."""
    metadata = {
        PROVENANCE_KEY: ratings.provenance.to_json().encode(),
        SETTINGS_KEY: json.dumps(told, sort_keys=True).encode(),
    }
    schema = arrow_schema(fields).with_metadata(metadata)
    arrays = [_arrow(columns[field.name]) for field in schema]
    return pa.table(
        [a if a.type == f.type else a.cast(f.type) for a, f in zip(arrays, schema, strict=True)], schema=schema
    )


def _arrow(column: Any) -> pa.Array | pa.ChunkedArray:
    return pa.array(column) if isinstance(column, np.ndarray) else column


def settings_of(table: pa.Table) -> dict[str, Any]:
    """How a table of preferences was made: the arguments, and `shrinkage` by dimension."""
    told: dict[str, Any] = json.loads(table.schema.metadata[SETTINGS_KEY])
    return told


def tilted(first: Sequence[str], second: Sequence[str], dimension: str) -> NDArray[np.bool_]:
    """Whether the first item of an undecided pair is called the chosen one: by hash, so that no place in an order is a cue.

    Args:
        first, second: (n,) item ids.
        dimension: of the votes.
    """
    texts = (f"{one} {other} {dimension}" for one, other in zip(first, second, strict=True))
    return np.array([int(sha256(text.encode()).hexdigest(), 16) % 2 == 0 for text in texts], bool)


def empty_condition(cond: Condition, split: str | None, wanting: str) -> PluralignError:
    """The error for a condition that no row is left of."""
    where = f"split {split!r}" if split else "these ratings"
    return PluralignError(
        "PA091",
        f"{cond.name}: {where} has no row of group {cond.group_name!r}, {cond.scale}, {cond.aggregation}, "
        f"{' and '.join(cond.dimensions)}: nothing has {wanting}.",
        "Choose a larger group, another aggregation (consensus keeps few items), or ties 'half'.",
    )
