"""Votes: every pair of ratings across two items, counted from the two items' histograms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Votes:
    """Votes between two items, for many pairs at once.

    Attributes:
        wins: (n,) votes for the first item.
        losses: (n,) votes for the second.
        ties: (n,) pairs of equal ratings.
    """

    wins: Floats
    losses: Floats
    ties: Floats

    def __add__(self, other: Votes) -> Votes:
        return Votes(self.wins + other.wins, self.losses + other.losses, self.ties + other.ties)

    def counted(self, ties: str) -> Floats:
        """(n,) votes that count: all of them where a tie is half a vote, else the decided ones."""
        decided = self.wins + self.losses
        return decided + self.ties if ties == "half" else decided

    def excess(self, ties: str) -> Floats:
        """(n,) share of the votes for the first item, less ½; 0 where no vote counts.

        It is (wins − losses) / (2 · counted) under both rules, so they never differ in who is ahead.
        """
        counted = self.counted(ties)
        excess: Floats = (self.wins - self.losses) / np.where(counted > 0, 2 * counted, 1)
        return excess


def votes(first: ArrayLike, second: ArrayLike) -> Votes:
    """Count the votes between two items' ratings.

    Args:
        first: (n, n_steps) ratings of the first item of each pair on each step, the best last.
        second: (n, n_steps) ratings of the second.

    Returns:
        wins = Σ_i a_i Σ_{j<i} b_j and so on; together n_a · n_b.

    >>> tally = votes([[1, 0, 1]], [[0, 1, 1]])        # worst and best against middle and best
    >>> tally.wins.tolist(), tally.losses.tolist(), tally.ties.tolist()
    ([1.0], [2.0], [1.0])
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    wins = (a * (np.cumsum(b, 1) - b)).sum(1)
    losses = (b * (np.cumsum(a, 1) - a)).sum(1)
    return Votes(wins, losses, (a * b).sum(1))


def within(group: ArrayLike) -> tuple[Ints, Ints]:
    """All pairs of places that have the same group.

    Args:
        group: (n,) codes.

    Returns:
        First and second place of each pair, first < second, in ascending order.

    >>> [places.tolist() for places in within([7, 3, 7, 7])]
    [[0, 0, 2], [2, 3, 3]]
    """
    codes = np.asarray(group)
    order = np.argsort(codes, kind="stable")
    _, starts, sizes = np.unique(codes[order], return_index=True, return_counts=True)
    firsts, seconds = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for size in np.unique(sizes[sizes > 1]):
        one, other = np.triu_indices(size, 1)
        base = starts[sizes == size][:, None]
        firsts.append(order[(base + one).ravel()])
        seconds.append(order[(base + other).ravel()])
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    place = np.lexsort((second, first))
    return first[place].astype(np.int64), second[place].astype(np.int64)
