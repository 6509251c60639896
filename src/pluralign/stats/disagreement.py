"""Shares of items whose raters disagree. Items with fewer than two ratings cannot disagree and are left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pluralign.stats.counts import AgreementError, checked_counts


@dataclass(frozen=True)
class Share:
    """A share of items.

    Attributes:
        share: 0 to 1; NaN when no item has two ratings.
        n_items: items with at least two ratings, which the share is of.
    """

    share: float
    n_items: int


def disagreement_share(counts: ArrayLike) -> Share:
    """Share of items whose raters do not all give the same category, among items with at least two ratings.

    It grows with the number of raters and of categories: compare it only at equal designs.

    >>> disagreement_share([[2, 0, 0], [1, 1, 0], [1, 0, 0]])
    Share(share=0.5, n_items=2)
    """
    return range_disagreement_share(counts, at_least=1)


def range_disagreement_share(counts: ArrayLike, at_least: int = 2) -> Share:
    """Share of items whose highest and lowest rating are ``at_least`` categories apart, among those with two ratings.

    Args:
        counts: (n_items, n_levels), categories in order.
        at_least: distance in categories, 1 or more; 1 is any disagreement.

    Raises:
        AgreementError: counts or distance out of range.

    >>> range_disagreement_share([[1, 0, 1], [1, 1, 0]])
    Share(share=0.5, n_items=2)
    """
    table = checked_counts(counts)
    if at_least < 1:
        raise AgreementError(f"at_least: got {at_least}; expected 1 category or more")
    used = table[table.sum(axis=1) > 1] > 0
    if len(used) == 0:
        return Share(np.nan, 0)
    lowest = used.argmax(axis=1)
    highest = used.shape[1] - 1 - used[:, ::-1].argmax(axis=1)
    return Share(float((highest - lowest >= at_least).mean()), len(used))
