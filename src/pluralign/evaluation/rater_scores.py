"""Human ratings beside a model's predicted distributions: what a score, a distance or a correlation of a group is computed of.

All ratings of an item count, in whichever language the rater saw it; the model sees one language a task.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pluralign.ratings import Ratings
from pluralign.schema import EVERYONE, split_of
from pluralign.stats.counts import Counts, value_counts
from pluralign.stats.proper_scores import ranked_probability_score
from pluralign.stats.resampling import Floats
from pluralign.stats.twoway import twoway_sums
from pluralign.views.groups import members

Ints = NDArray[np.int64]
Predictions = Mapping[tuple[str, str], Sequence[float]]
"""(item_id, dimension) -> probabilities of the dimension's points, ascending."""
MINIMUM_CLUSTERS = 5
"""Prompt templates below which no interval is given: a bootstrap of one prompt has width 0, which would read as certainty."""


@dataclass(frozen=True)
class Cell:
    """The test ratings of a group on one dimension, and what was predicted for them; one row a rating.

    Attributes:
        item: (n,) codes 0 … n_items − 1 of the items that are compared.
        rater, cluster: (n,) codes within all the raters and prompt clusters of the set.
        category: (n,) 0 … K − 1.
        p: (n_items, K) predictions.
        prompt: (n_items,) codes of the items' prompts.
        marginal: (K,) the group's own distribution in the train split; None where it has no rating there.
        points: (K,) values of the categories, of 1–5.
    """

    item: Ints
    rater: Ints
    cluster: Ints
    category: Ints
    p: Floats
    prompt: Ints
    marginal: Floats | None
    points: Floats

    @property
    def counts(self) -> Counts:
        """Ratings by item and category, (n_items, K)."""
        return value_counts(self.item, self.category, len(self.p), len(self.points))

    @property
    def losses(self) -> Floats:
        """(n, 2) ranked probability scores of the prediction and of the marginal, a row a rating; NaN without a marginal."""
        k = len(self.points)
        own = ranked_probability_score(self.p[self.item].reshape(-1, k), self.category)
        if self.marginal is None:
            return np.column_stack([own, np.full(len(own), np.nan)])
        reference = ranked_probability_score(np.tile(self.marginal, (len(self.item), 1)), self.category)
        return np.column_stack([own, reference])


class Rated:
    """A set of ratings, encoded once for many cells.

    Args:
        ratings: the three tables.
    """

    def __init__(self, ratings: Ratings) -> None:
        self.ratings = ratings
        table = ratings.ratings
        items = ratings.items
        self.item_ids: list[str] = items.column("item_id").to_pylist()
        self._item_code = {name: k for k, name in enumerate(self.item_ids)}
        prompts = items.column("prompt_id").to_pylist()
        # Prompts of one template resemble each other; a source without templates has prompts alone.
        clusters = [t or p for t, p in zip(items.column("template_id").to_pylist(), prompts, strict=True)]
        self._prompt, self._cluster = _codes(prompts), _codes(clusters)
        self._test = np.array([split_of(p) == "test" for p in prompts], dtype=bool)
        rater_ids = ratings.raters.column("rater_id").to_pylist()
        self._rater_code = {name: k for k, name in enumerate(rater_ids)}
        self.n_raters, self.n_clusters = len(rater_ids), int(self._cluster.max()) + 1
        self._item = np.array([self._item_code[i] for i in table.column("item_id").to_pylist()], dtype=np.int64)
        self._rater = np.array([self._rater_code[r] for r in table.column("rater_id").to_pylist()], dtype=np.int64)
        self._dimension = np.array(table.column("dimension").to_pylist(), dtype=object)
        self._value = table.column("value").to_numpy()
        self._members: dict[str, NDArray[np.bool_]] = {}

    def in_group(self, group: str) -> NDArray[np.bool_]:
        """Which ratings a group's raters gave."""
        if group not in self._members:
            ids = members(self.ratings.raters, group)
            belongs = np.full(self.n_raters, ids is None)
            for rater in ids.to_pylist() if ids is not None else []:
                belongs[self._rater_code[rater]] = True
            self._members[group] = belongs[self._rater]
        return self._members[group]

    def common_items(self, groups: Iterable[str], dimension: str, predictions: Predictions) -> Ints:
        """Test items with a prediction that every one of the groups has rated on a dimension."""
        on = self._dimension == dimension
        kept = self._test & np.array([(name, dimension) in predictions for name in self.item_ids], dtype=bool)
        for group in groups:
            kept &= np.bincount(self._item[on & self.in_group(group)], minlength=len(self.item_ids)) > 0
        return np.flatnonzero(kept)

    def cell(self, group: str, dimension: str, items: Ints, predictions: Predictions) -> Cell:
        """A group's ratings of some items on a dimension."""
        spec = self.ratings.provenance.dimension(dimension)
        points = np.array(spec.points)
        rows = np.flatnonzero((self._dimension == spec.name) & self.in_group(group))
        point = 1 + (self._value[rows, None] > np.array(spec.cuts)).sum(axis=1)
        category = np.searchsorted(points, point)
        train = ~self._test[self._item[rows]]
        seen = np.bincount(category[train], minlength=len(points)).astype(np.float64)
        place = np.full(len(self.item_ids), -1)
        place[items] = np.arange(len(items))
        kept = place[self._item[rows]] >= 0
        p = np.array([predictions[self.item_ids[i], spec.name] for i in items], dtype=np.float64).reshape(
            -1, len(points)
        )
        chosen = rows[kept]
        return Cell(
            place[self._item[chosen]], self._rater[chosen], self._cluster[self._item[chosen]], category[kept], p,
            self._prompt[items], seen / seen.sum() if seen.sum() else None, points.astype(np.float64),
        )  # fmt: skip

    def cells(self, group: str, beside: Iterable[str], predictions: Predictions) -> dict[str, Cell]:
        """Dimension -> a group's ratings of the predicted items that it and the groups beside it have rated."""
        beside, held = tuple(beside), {dimension for _, dimension in predictions}
        names = [spec.name for spec in self.ratings.provenance.dimensions if spec.name in held]
        return {
            name: self.cell(group, name, self.common_items(beside, name, predictions), predictions) for name in names
        }


def skills(cells: Sequence[Cell], bootstrap: int = 0, seed: int = 0) -> tuple[Floats, Floats]:
    """Ranked probability skill of each cell over its group's training marginal, and its two-way bootstrap.

    All cells are drawn jointly, so that differences between their replicates are paired.

    Args:
        cells: of one set of ratings.
        bootstrap: replicates; 0 for none.
        seed: of the bootstrap.

    Returns:
        (n_cells,) skills and (bootstrap, n_cells) replicates; NaN for a cell without ratings or marginal, and replicates also for
        one of fewer than five prompt templates.
    """
    sums = np.full((2, len(cells)), np.nan)
    rows = sum(len(cell.item) for cell in cells)
    added, start = np.zeros((rows, 2 * len(cells))), 0
    for k, cell in enumerate(cells):
        losses = cell.losses
        if len(losses) and cell.marginal is not None:
            sums[:, k] = losses.sum(axis=0)
            added[start : start + len(losses), [k, len(cells) + k]] = losses
        start += len(losses)
    if bootstrap == 0 or rows == 0:
        return _skill(sums), np.full((bootstrap, len(cells)), np.nan)
    raters = np.concatenate([cell.rater for cell in cells])
    clusters = np.concatenate([cell.cluster for cell in cells])
    totals = twoway_sums(added, raters, clusters, bootstrap, seed)
    replicates = _skill(totals.reshape(bootstrap, 2, len(cells)).swapaxes(0, 1))
    replicates[:, [k for k, cell in enumerate(cells) if len(np.unique(cell.cluster)) < MINIMUM_CLUSTERS]] = np.nan
    return _skill(sums), replicates


def average(values: Floats, replicates: Floats) -> tuple[float, Floats]:
    """Mean of the values that are defined, and its replicates.

    Args:
        values: (n,).
        replicates: (bootstrap, n).

    Returns:
        The mean, NaN where no value is defined, and (bootstrap,) replicates; one that lacks a defined value's is NaN.
    """
    known = np.isfinite(values)
    if not known.any():
        return float("nan"), np.full(len(replicates), np.nan)
    return float(values[known].mean()), replicates[:, known].mean(axis=1)


def _skill(sums: Any) -> Floats:
    """1 − score / reference of (2, …) sums; NaN without a reference."""
    positive = sums[1] > 0.0
    skill: Floats = np.where(positive, 1.0 - sums[0] / np.where(positive, sums[1], 1.0), np.nan)
    return skill


def _codes(labels: Sequence[str]) -> Ints:
    codes: Ints = np.unique(np.array(labels, dtype=str), return_inverse=True)[1].astype(np.int64)
    return codes


def shown_groups(compared: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """`everyone`, then every compared group."""
    return (EVERYONE, *(group for groups in compared.values() for group in groups))


def rivals(group: str, compared: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The groups whose common items a group is scored on: those of its attribute, itself included.

    >>> rivals("male", {"gender": ["female", "male"]})
    ('female', 'male')
    """
    return next((tuple(groups) for groups in compared.values() if group in groups), (group,))
