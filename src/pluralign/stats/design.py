"""Covariates of raters as a design matrix with named references."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pluralign.errors import unknown
from pluralign.schema import ATTRIBUTES, MULTIPLE, UNDISCLOSED

RARE = 10
"""Levels with fewer raters are merged into `rare`: their coefficients would be noise, or would diverge."""
RARE_LEVEL = "rare"


def rater_levels(raters: pa.Table, attribute: str) -> list[str]:
    """The level of every rater on an attribute; several values are the level `multiple`."""
    values = raters.column(attribute).to_pylist()
    if not ATTRIBUTES[attribute].several:
        return [str(value) for value in values]
    return [value[0] if len(value) == 1 else MULTIPLE for value in values]


def design_matrix(
    raters: pa.Table, attributes: Sequence[str] | None = None, references: Mapping[str, str] | None = None
) -> tuple[NDArray[np.float64], list[str]]:
    """Treatment-coded covariates of raters.

    Args:
        raters: the canonical raters table.
        attributes: which attributes, in order; all by default. One with a single level gives no column.
        references: attribute -> reference level; the schema's first level that occurs by default.

    Returns:
        Matrix (n_raters, n_columns) of 0 and 1, and the names of its columns. A level is named alone where that is unique
        (`male`), `undisclosed` and `rare` as `attribute:level`.

    Raises:
        PluralignError: PA020 for an attribute, or a reference level, that does not exist.
    """
    columns: list[NDArray[np.float64]] = []
    names: list[str] = []
    for attribute in attributes if attributes is not None else list(ATTRIBUTES):
        if attribute not in ATTRIBUTES:
            raise unknown("PA020", "attribute", attribute, list(ATTRIBUTES))
        own = rater_levels(raters, attribute)
        counts = Counter(own)
        levels = np.array([level if counts[level] >= RARE else RARE_LEVEL for level in own], dtype=object)
        present = set(levels)
        order = [v for v in (*ATTRIBUTES[attribute].values, MULTIPLE, UNDISCLOSED, RARE_LEVEL) if v in present]
        reference = (references or {}).get(attribute, order[0])
        if reference not in order:
            raise unknown("PA020", f"reference level of {attribute}", reference, order)
        for level in order:
            if level != reference:
                columns.append(np.asarray(levels == level, float))
                names.append(f"{attribute}:{level}" if level in (UNDISCLOSED, RARE_LEVEL) else level)
    matrix = np.column_stack(columns) if columns else np.zeros((raters.num_rows, 0))
    return matrix, names
