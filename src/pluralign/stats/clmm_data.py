"""What a cumulative link mixed model needs to be fitted at all: every refusal, and why.

A model that cannot be estimated usually still gives numbers. These checks run before any fitting, so that such numbers are
never seen: they find unused categories, groups of one, collinear columns, and effects whose estimate would be infinite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

from pluralign.errors import PluralignError
from pluralign.stats.crossed import MAX_PAIRS, CrossedFactors, Floats, Ints
from pluralign.stats.separation import separated_columns

# What the factor with fewer levels leaves dense makes a square matrix: 12,000 levels are 1.2 GB, and a factorisation takes minutes.
MAX_CORE_LEVELS = 12_000
RANK_TOLERANCE = 1e-8


class ClmmDataError(PluralignError, ValueError):
    """The ratings or covariates cannot be fitted; the message says what, where, got, expected and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__("PA060", message)


class UnusedCategoryError(ClmmDataError):
    """A category of the scale that nobody used: its threshold is not identified.

    Attributes:
        categories: the unused ones.
    """

    def __init__(self, message: str, categories: Sequence[object]) -> None:
        super().__init__(message)
        self.categories = tuple(categories)


class ColumnError(ClmmDataError):
    """Columns of the design that cannot have an estimate.

    Attributes:
        columns: their names.
    """

    def __init__(self, message: str, columns: Sequence[str]) -> None:
        super().__init__(message)
        self.columns = tuple(columns)


class RankDeficientError(ColumnError):
    """A column is constant or a combination of the columns before it."""


class SeparationError(ColumnError):
    """Columns whose estimate is infinite, because they predict ratings perfectly in one direction."""


@dataclass(frozen=True, eq=False)
class ClmmData:
    """Checked data, coded.

    Attributes:
        y: (n,) codes 0 … n_levels − 1, each used.
        design: (n, p) covariates, finite, of full rank together with a constant.
        rater: (n,) codes of raters, 0 … n_raters − 1.
        item: (n,) codes of items, 0 … n_items − 1.
        names: names of the p columns.
        levels: the scale's categories in order.
    """

    y: Ints
    design: Floats
    rater: Ints
    item: Ints
    names: tuple[str, ...]
    levels: tuple[Any, ...]

    @property
    def n_raters(self) -> int:
        """Number of raters."""
        return int(self.rater.max()) + 1

    @property
    def n_items(self) -> int:
        """Number of items."""
        return int(self.item.max()) + 1


def check_clmm_data(
    y: ArrayLike, X: ArrayLike, rater: ArrayLike, item: ArrayLike, names: Sequence[str], levels: Sequence[int] | None
) -> ClmmData:
    """Check and code the data of a model.

    Args:
        y: (n,) integer ratings.
        X: (n, p) covariates without a constant; p may be 0.
        rater: (n,) label of who rated.
        item: (n,) label of what was rated.
        names: names of the p columns.
        levels: the scale's categories in order; what occurs in ``y`` when None.

    Returns:
        The coded data.

    Raises:
        UnusedCategoryError, RankDeficientError, SeparationError, ClmmDataError: the data cannot be fitted.
    """
    ratings, design = _shapes(y, X, rater, item, names)
    codes, scale = _coded_ratings(ratings, levels)
    rater_codes = _coded_groups(rater, "rater", "Without a second rater there is no variance between raters")
    item_codes = _coded_groups(item, "item", "Without a second item there is no variance between items")
    _check_crossing(rater_codes, item_codes)
    _check_rank(design, names)
    _check_separation(codes, design, names)
    return ClmmData(codes, design, rater_codes, item_codes, tuple(names), scale)


def _shapes(
    y: ArrayLike, X: ArrayLike, rater: ArrayLike, item: ArrayLike, names: Sequence[str]
) -> tuple[NDArray[Any], Floats]:
    ratings, design = np.asarray(y), np.asarray(X, dtype=np.float64)
    if ratings.ndim != 1 or ratings.size == 0:
        raise ClmmDataError(f"y: got shape {ratings.shape}; expected one rating an observation, shape (n,), n > 0")
    n = len(ratings)
    if design.ndim != 2 or len(design) != n:
        raise ClmmDataError(
            f"X: got shape {design.shape}; expected ({n}, p), one row a rating. No covariates: ({n}, 0)"
        )
    if len(names) != design.shape[1]:
        raise ClmmDataError(
            f"names: got {len(names)} names; expected one for each of the {design.shape[1]} columns of X"
        )
    repeated = sorted({name for name in names if list(names).count(name) > 1})
    if repeated:
        raise ClmmDataError(f"names: got {repeated[0]!r} more than once; expected distinct names")
    for what, labels in (("rater", rater), ("item", item)):
        shape = np.shape(labels)
        if shape != (n,):
            raise ClmmDataError(f"{what}: got shape {shape}; expected one label a rating, shape ({n},)")
    bad = np.argwhere(~np.isfinite(design))
    if len(bad):
        row, column = (int(k) for k in bad[0])
        raise ClmmDataError(
            f"X: got {design[row, column]} in column {names[column]!r}, row {row} ({len(bad)} such values in all); "
            "expected finite numbers. Drop those ratings, or code missing answers as a level of their own"
        )
    return ratings, design


def _coded_ratings(ratings: NDArray[Any], levels: Sequence[int] | None) -> tuple[Ints, tuple[Any, ...]]:
    if ratings.dtype.kind not in "iuf":
        raise ClmmDataError(f"y: got values of type {ratings.dtype}; expected integer ratings")
    if ratings.dtype.kind == "f":
        odd = np.flatnonzero(~np.isfinite(ratings) | (ratings != np.round(ratings)))
        if len(odd):
            raise ClmmDataError(
                f"y: got {ratings[odd[0]]} in row {odd[0]} ({len(odd)} such values in all); expected integer ratings. "
                "Drop missing ratings before fitting"
            )
        ratings = ratings.astype(np.int64)
    used, codes = np.unique(ratings, return_inverse=True)
    if levels is not None:
        if list(levels) != sorted(set(levels)):
            raise ClmmDataError(f"levels: got {list(levels)}; expected distinct categories in ascending order")
        foreign = sorted(set(used.tolist()) - set(levels))
        if foreign:
            raise ClmmDataError(f"y: got rating {foreign[0]}; expected one of the levels {list(levels)}")
        unused = [level for level in levels if level not in set(used.tolist())]
        if unused:
            raise UnusedCategoryError(
                f"levels: nobody used {', '.join(str(level) for level in unused)} of {list(levels)}, so the thresholds "
                "beside it are not identified. Merge the category with a neighbour, or leave it out of levels",
                unused,
            )
    if len(used) < 2:
        raise ClmmDataError(
            f"y: every rating is {used[0]}; expected at least two categories. There is nothing to explain"
        )
    return codes.reshape(-1), tuple(used.tolist())


def _coded_groups(labels: ArrayLike, what: str, consequence: str) -> Ints:
    found, codes = np.unique(np.asarray(labels), return_inverse=True)
    if len(found) < 2:
        raise ClmmDataError(f"{what}: got one, {found[0]!s}; expected at least two. {consequence}")
    return codes.reshape(-1)


def _check_crossing(rater: Ints, item: Ints) -> None:
    n_raters, n_items = int(rater.max()) + 1, int(item.max()) + 1
    if len(np.unique(rater * n_items + item)) == n_raters == n_items:
        raise ClmmDataError(
            f"rater, item: each of the {n_raters} raters has one item of their own, so that their variances cannot be told "
            "apart; expected raters with several items or items with several raters"
        )
    if min(n_raters, n_items) > MAX_CORE_LEVELS and _dense_levels(rater, item) > MAX_CORE_LEVELS:
        raise ClmmDataError(
            f"rater, item: got {n_raters} raters and {n_items} items; expected at most {MAX_CORE_LEVELS} of one of them, "
            "as the smaller makes a dense matrix. Fit a random subset of the raters"
        )


def _dense_levels(rater: Ints, item: Ints) -> int:
    """Size of the dense matrix that would be factorised: all levels of the smaller factor where the pattern is not sparse."""
    core, leaf = (rater, item) if rater.max() <= item.max() else (item, rater)
    if int((np.bincount(leaf) ** 2).sum()) > MAX_PAIRS:
        return int(core.max()) + 1
    return CrossedFactors(core, leaf).n_dense


def _check_rank(design: Floats, names: Sequence[str]) -> None:
    """Modified Gram–Schmidt in column order, so that the column that is named is the later of two collinear ones."""
    centred = design - design.mean(axis=0)
    size = np.linalg.norm(centred, axis=0)
    scale = np.linalg.norm(design, axis=0)
    for j, name in enumerate(names):
        if size[j] <= RANK_TOLERANCE * max(scale[j], 1e-300):
            raise RankDeficientError(
                f"X: column {name!r} is {design[0, j]:g} in every row, which the thresholds absorb; expected at least two "
                "values. Drop it, or its attribute's only level",
                [name],
            )
    if not names:
        return
    triangle = scipy.linalg.qr(centred / size, mode="r", check_finite=False)[0]
    dependent = np.flatnonzero(np.abs(np.diag(triangle)) <= RANK_TOLERANCE)
    if len(names) > len(design) - 1:
        dependent = np.append(dependent, len(design) - 1)
    if len(dependent):
        name = names[int(dependent[0])]
        raise RankDeficientError(
            f"X: column {name!r} is a combination of a constant and the columns before it; expected linearly independent "
            "columns. Drop one: a set of dummies needs a reference level without a column",
            [name],
        )


def _check_separation(codes: Ints, design: Floats, names: Sequence[str]) -> None:
    columns = [names[j] for j in separated_columns(codes, design)]
    if columns:
        raise SeparationError(
            f"X: {', '.join(repr(name) for name in columns)} predict ratings perfectly in one direction, so that the estimate "
            "is infinite (a group whose every rating is the lowest or the highest category, for instance); expected overlap. "
            "Merge the level with another, drop the column, or merge categories",
            columns,
        )
