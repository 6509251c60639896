"""Ratings as counts by item and category, which every measure of agreement starts from."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pluralign.errors import PluralignError

Counts: TypeAlias = NDArray[np.int64]


class AgreementError(PluralignError, ValueError):
    """Ratings, counts or options that no agreement can be computed of."""

    def __init__(self, message: str) -> None:
        super().__init__("PA061", message)


def value_counts(item: ArrayLike, rating: ArrayLike, n_items: int, n_levels: int) -> Counts:
    """How often each item got each category.

    Args:
        item: (n,) item codes, 0 … n_items − 1.
        rating: (n,) category codes, 0 … n_levels − 1.
        n_items: number of items, also those without ratings.
        n_levels: number of categories of the scale, also unused ones.

    Returns:
        Counts, shape (n_items, n_levels).

    Raises:
        AgreementError: lengths differ, or a code is not an integer within its range.

    >>> value_counts([0, 0, 1], [0, 2, 2], n_items=3, n_levels=3).tolist()
    [[1, 0, 1], [0, 0, 1], [0, 0, 0]]
    """
    items, ratings = _codes(item, n_items, "item"), _codes(rating, n_levels, "rating")
    if items.shape != ratings.shape:
        raise AgreementError(
            f"item, rating: got {len(items)} items and {len(ratings)} ratings; expected as many of each"
        )
    flat = np.bincount(items * n_levels + ratings, minlength=n_items * n_levels)
    return flat.reshape(n_items, n_levels).astype(np.int64)


def checked_counts(counts: ArrayLike) -> Counts:
    """Return counts as an (n_items, n_levels) integer array, or raise AgreementError."""
    table = np.asarray(counts)
    if table.ndim != 2 or table.shape[1] < 1:
        raise AgreementError(f"counts: got shape {table.shape}; expected (n_items, n_levels)")
    if table.size and (
        table.dtype.kind not in "iuf" or not np.all((table >= 0) & (table < np.inf) & (table == np.round(table)))
    ):
        raise AgreementError("counts: got values that are not counts; expected integers of 0 or more")
    return table.astype(np.int64)


def checked_clusters(cluster: ArrayLike | None, n_items: int) -> NDArray[Any]:
    """Return one cluster label an item, the item itself when None, or raise AgreementError."""
    if cluster is None:
        return np.arange(n_items)
    labels = np.asarray(cluster)
    if labels.shape != (n_items,):
        raise AgreementError(f"cluster: got shape {labels.shape}; expected one label an item, shape ({n_items},)")
    return labels


def checked_bootstrap(bootstrap: int) -> None:
    """Raise AgreementError for a negative number of replicates."""
    if bootstrap < 0:
        raise AgreementError(f"bootstrap: got {bootstrap}; expected a number of replicates, 0 for none")


def _codes(values: ArrayLike, n: int, what: str) -> NDArray[np.intp]:
    codes = np.asarray(values)
    if codes.ndim != 1:
        raise AgreementError(f"{what}: got shape {codes.shape}; expected one code a rating, shape (n,)")
    if codes.size and codes.dtype.kind not in "iu":
        raise AgreementError(
            f"{what}: got values of type {codes.dtype}; expected integer codes. Drop missing ratings first"
        )
    if codes.size and (codes.min() < 0 or codes.max() >= n):
        wrong = codes[(codes < 0) | (codes >= n)][0]
        raise AgreementError(
            f"{what}: got code {wrong}; expected 0 to {n - 1}. Codes start at 0, whatever the scale does"
        )
    return codes.astype(np.intp)
