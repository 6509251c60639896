"""The ratings of one dimension as arrays, on a scale, for a group: what every statistic is computed from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pluralign.errors import unknown
from pluralign.ratings import Ratings, SourceDimension
from pluralign.schema import EVERYONE, SCALES
from pluralign.stats.counts import Counts, value_counts
from pluralign.views.core import check_offered, dimensions_of
from pluralign.views.groups import GroupSpec, group_name, members

Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Cells:
    """Ratings of one dimension by one group.

    Attributes:
        dimension: as the source names and scales it.
        group: its name.
        scale: `5pt`, `3pt` or `binary`.
        values: of the scale that this source can reach, ascending.
        item, rater: (n,) codes into the tables.
        level: (n,) index into `values`.
        n_items: rows of the items table.
    """

    dimension: SourceDimension
    group: str
    scale: str
    values: tuple[int, ...]
    item: Codes
    rater: Codes
    level: Codes
    n_items: int

    @cached_property
    def counts(self) -> Counts:
        """(n_items, n_levels) ratings by item and value."""
        return value_counts(self.item, self.level, self.n_items, len(self.values))

    @property
    def n_raters(self) -> int:
        """Raters with at least one of these ratings."""
        return len(np.unique(self.rater))


class Coded:
    """A set of ratings, its names turned into codes once.

    Args:
        ratings: the three tables.
    """

    def __init__(self, ratings: Ratings) -> None:
        self.ratings = ratings
        table = ratings.ratings
        self._item = _codes(table.column("item_id"), ratings.items.column("item_id"))
        self._rater = _codes(table.column("rater_id"), ratings.raters.column("rater_id"))
        self._dimension = table.column("dimension").combine_chunks().dictionary_encode()
        self._value = table.column("value").to_numpy().astype(np.int64)

    @cached_property
    def clusters(self) -> NDArray[Any]:
        """(n_items,) each item's template, or prompt where the source has none: what intervals draw whole."""
        items = self.ratings.items
        filled = pc.coalesce(items.column("template_id"), items.column("prompt_id"))
        return np.unique(np.asarray(filled.to_pylist(), dtype=object).astype(str), return_inverse=True)[1]

    def dimensions(self, names: Sequence[str] | None = None) -> list[SourceDimension]:
        """The source's dimensions of these names, its own or ours; all of them if None.

        Raises:
            PluralignError: PA024 for a name that does not exist.
        """
        return dimensions_of(self.ratings, names or None)

    def cells(self, spec: SourceDimension, group: GroupSpec = EVERYONE, scale: str | None = None) -> Cells:
        """The ratings of a dimension.

        Args:
            spec: the dimension.
            group: whose ratings.
            scale: on which scale; the finest that the dimension offers if None.

        Raises:
            PluralignError: PA020 for a group, PA021 for a scale that does not exist, PA022 for one that the dimension does not
                offer.
        """
        scale = scale or spec.scales[0]
        if scale not in SCALES:
            raise unknown("PA021", "scale", scale, list(SCALES))
        check_offered([spec], scale)
        rows = self._of_dimension(spec.name)
        own = members(self.ratings.raters, group)
        if own is not None:
            inside = pc.is_in(self.ratings.raters.column("rater_id"), own).to_numpy(zero_copy_only=False)
            rows = rows[inside[self._rater[rows]]]
        # 1 + the number of cuts that a rating exceeds, as everywhere (`views.histogram`).
        point = np.searchsorted(np.asarray(spec.cuts), self._value[rows], side="left")
        recode = np.array([0 if value is None else value + 1 for value in SCALES[scale].recode])[point]
        rows, recode = rows[recode > 0], recode[recode > 0] - 1
        reached = {
            cast(int, SCALES[scale].recode[p - 1]) for p in spec.points if SCALES[scale].recode[p - 1] is not None
        }
        values = tuple(sorted(reached))
        level = np.searchsorted(np.asarray(values), recode).astype(np.int64)
        return Cells(
            spec,
            group_name(group),
            scale,
            values,
            self._item[rows],
            self._rater[rows],
            level,
            self.ratings.items.num_rows,
        )

    def _of_dimension(self, name: str) -> Codes:
        names = self._dimension.dictionary.to_pylist()
        if name not in names:
            return np.empty(0, np.int64)
        return np.flatnonzero(self._dimension.indices.to_numpy() == names.index(name)).astype(np.int64)

    def groups(self, names: Sequence[GroupSpec] | None = None, minimum: int = 1) -> list[GroupSpec]:
        """These groups; if None, everyone, and every group with at least `minimum` raters, in the schema's order."""
        if names:
            return list(names)
        return [group for group, n in self.ratings.groups.items() if group == EVERYONE or n >= minimum]


def _codes(column: pa.ChunkedArray, names: pa.ChunkedArray) -> Codes:
    """Each row's place among the names."""
    codes: Codes = pc.index_in(column, names.combine_chunks()).to_numpy().astype(np.int64)
    return codes
