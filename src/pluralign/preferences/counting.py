"""The votes of a condition's pairs, summed over draws, one dimension at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from pluralign.preferences.conditions import Condition
from pluralign.preferences.rated import Rated, checked_dimensions, rated
from pluralign.preferences.shrinkage import Shrinkage, fit_shrinkage
from pluralign.preferences.texts import Texts, texts
from pluralign.preferences.votes import Votes, votes, within
from pluralign.ratings import Ratings
from pluralign.schema import EVERYONE

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

FITTED_ON = "train"
"""The split that the shrinkage is fitted on."""


@dataclass(frozen=True)
class Counted:
    """The pairs of one dimension.

    Attributes:
        dimension: its name; of several that were combined, joined by +.
        first, second: (n,) rows of the sorted items.
        votes: between them, the sum over draws.
        draws: how many.
        margin: (n,) mean rating or value of the first above the second's, points of the scale, the mean over draws that hold both.
        n_raters: (n,) different raters behind the two items, over all draws.
        factor: (n,) s of the shrinkage.
        shrinkage: as fitted.
    """

    dimension: str
    first: Ints
    second: Ints
    votes: Votes
    draws: int
    margin: Floats
    n_raters: Ints
    factor: Floats
    shrinkage: Shrinkage


def counted(
    ratings: Ratings, cond: Condition, found: Texts, draws: Sequence[int], *, scalarised: bool, ties: str
) -> list[Counted]:
    """Count the votes of every pair of a condition.

    Args:
        ratings: the three tables.
        cond: the condition.
        found: the items of the split that have texts.
        draws: numbers of the draws to sum over.
        scalarised: combine the dimensions before counting.
        ties: the rule that soft labels are shrunk for.
    """
    names = checked_dimensions(ratings, cond)
    cond = replace(cond, dimensions=names)
    parts = [names] if scalarised else [(name,) for name in names]
    return [_counted(ratings, cond, part, found, draws, ties) for part in parts]


def _counted(
    ratings: Ratings, cond: Condition, part: tuple[str, ...], found: Texts, draws: Sequence[int], ties: str
) -> Counted:
    drawn = [rated(ratings, cond, part, found.items, found.split, draw) for draw in draws]
    first, second = found.pairs()
    has = np.stack([one.counts.any(1) for one in drawn])
    kept = (has[:, first] & has[:, second]).any(0)
    first, second = first[kept], second[kept]
    differences = np.array([one.means[first] - one.means[second] for one in drawn])
    held = ~np.isnan(differences)
    shrinkage = Shrinkage(float("nan"), 0)
    if cond.is_individual:
        shrinkage = shrinkage_of(ratings, cond, part, found.language, ties)
    behind = _Behind.of(drawn, found)
    return Counted(
        dimension="+".join(part),
        first=first,
        second=second,
        votes=reduce(add, [votes(one.counts[first], one.counts[second]) for one in drawn]),
        draws=len(draws),
        margin=np.where(held, differences, 0).sum(0) / held.sum(0),
        n_raters=behind.raters(first, second),
        factor=shrinkage.factor(behind.ratings[first], behind.ratings[second]),
        shrinkage=shrinkage,
    )


def shrinkage_of(ratings: Ratings, cond: Condition, part: tuple[str, ...], language: str, ties: str) -> Shrinkage:
    """The shrinkage of soft labels: fitted to everyone's ratings on a scale, in the split `train` (all prompts if it has no pair).

    Args:
        ratings: the three tables.
        cond: whose scale.
        part: one dimension, or several to be combined.
        language: of the texts, which decides what is paired.
        ties: `drop` or `half`.
    """
    everyone = Condition("everyone", cond.dimensions, EVERYONE, cond.scale)
    for split in (FITTED_ON, None):
        found = texts(ratings, language, split)
        first, second = found.pairs()
        if len(first):
            counts = rated(ratings, everyone, part, found.items, split).counts
            return fit_shrinkage(counts[first], counts[second], ties)
    return Shrinkage(float("nan"), 0)


@dataclass(frozen=True)
class _Behind:
    """The ratings that any draw holds.

    Attributes:
        ratings: (n_items,) how many.
        twice: sorted keys, first item · n_items + second, of items of one prompt that one rater rated; once for each such rater.
    """

    ratings: Ints
    twice: Ints

    @classmethod
    def of(cls, drawn: Sequence[Rated], found: Texts) -> _Behind:
        n = found.items.num_rows
        most = max((int(one.rater.max(initial=0)) for one in drawn), default=0) + 1
        item, rater = np.divmod(np.unique(np.concatenate([one.item * most + one.rater for one in drawn])), most)
        prompts = found.items.column("prompt_id").combine_chunks().dictionary_encode().indices.to_numpy()
        one, other = within(prompts[item].astype(np.int64) * most + rater)
        return cls(np.bincount(item, minlength=n), np.sort(item[one] * n + item[other]))

    def raters(self, first: Ints, second: Ints) -> Ints:
        """(n,) different raters of the two items of pairs; the first item is the one that sorts lower."""
        key = first * len(self.ratings) + second
        both = np.searchsorted(self.twice, key, "right") - np.searchsorted(self.twice, key, "left")
        n: Ints = self.ratings[first] + self.ratings[second] - both
        return n
