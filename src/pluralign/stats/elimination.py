"""A sparse symmetric matrix factorised: levels with few neighbours sparsely, in rounds, and what is left densely.

Each round takes levels no two of which are neighbours, so that their block is diagonal; eliminating them joins their neighbours. With
raters assigned to items at random the graph of raters is an expander: every order ends with a dense block of about two thirds of them
(.66 at the study's size and at eight times that), so this saves seven tenths of the cube, and the exponent stays 3. Where raters come in
batches that share items, the dense block is a batch.

Source: Davis (2006), "Direct Methods for Sparse Linear Systems", ch. 7, for minimum degree; Erisman & Tinney (1975), CACM 18, for the
entries of the inverse on the pattern.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import scipy.linalg
import scipy.sparse
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.intp]

# A level leaves sparsely where its pairs of neighbours cost less than its share of the dense cube: measured at 1,000 to 9,000 levels.
DEGREE_SHARE = 0.08
# Of the levels, these with fewest neighbours may go in one round: fewer make more rounds, more make a larger dense block.
CANDIDATE_SHARE = 0.2
# A round costs about 0.3 ms besides its work, which a level's share of the dense cube, 3 n² operations, has to save.
ROUND_WORTH = 2e6


def group_sums(groups: Ints, values: Floats, n_groups: int) -> Floats:
    """Sums of ``values`` by group code, shape (n_groups,)."""
    return np.asarray(np.bincount(groups, values, n_groups), dtype=np.float64)


def pairs_within(sizes: Ints) -> tuple[Ints, Ints]:
    """Positions of every two members of one group, for consecutive groups of these sizes, the first before the second.

    >>> pairs_within(np.array([1, 3]))
    (array([1, 1, 2]), array([2, 3, 3]))
    """
    end = np.repeat(np.cumsum(sizes), sizes)
    after = end - np.arange(len(end)) - 1
    first = np.repeat(np.arange(len(end)), after)
    within = np.arange(len(first)) - np.repeat(np.cumsum(after) - after, after)
    return first, first + 1 + within


@dataclass(frozen=True, eq=False)
class _Round:
    """One independent set of levels that goes, and what its going does to the rest. Edges are unordered pairs of levels.

    Attributes:
        gone: (n_gone,) levels that go; ``kept``: (n_kept,) those that stay, renumbered 0 … n_kept − 1.
        touching: (n_touching,) edges with one end among ``gone``, by that end.
        gone_of, kept_of: (n_touching,) their two ends, renumbered.
        between: edges with both ends kept; ``between_to``: their numbers among the next edges.
        first, second: positions in ``touching`` of every two edges of one gone level; ``pair_to``: the next edge that they make.
        n_edges: number of next edges.
    """

    gone: Ints
    kept: Ints
    touching: Ints
    gone_of: Ints
    kept_of: Ints
    between: Ints
    between_to: Ints
    first: Ints
    second: Ints
    pair_to: Ints
    n_edges: int

    def forward(self, diagonal: Floats, off: Floats) -> tuple[_Gone, Floats, Floats]:
        """Eliminate: what is remembered of the gone levels, and the next diagonal and edges."""
        own, cross = diagonal[self.gone], off[self.touching]
        ratio = cross / own[self.gone_of]
        next_diagonal = diagonal[self.kept] - group_sums(self.kept_of, cross * ratio, len(self.kept))
        next_off = -group_sums(self.pair_to, cross[self.first] * ratio[self.second], self.n_edges)
        next_off[self.between_to] += off[self.between]
        return _Gone(self, own, ratio), next_diagonal, next_off


@dataclass(frozen=True, eq=False)
class _Gone:
    """The numbers of one round: the diagonal of the gone levels, and their edges divided by it."""

    round: _Round
    own: Floats
    ratio: Floats

    @cached_property
    def matrix(self) -> scipy.sparse.csr_array:
        """The ratios, (n_gone, n_kept)."""
        shape = len(self.round.gone), len(self.round.kept)
        ends = np.searchsorted(self.round.gone_of, np.arange(shape[0] + 1))
        return scipy.sparse.csr_array((self.ratio, self.round.kept_of, ends), shape=shape)

    def back(self, diagonal: Floats, off: Floats, n_edges: int) -> tuple[Floats, Floats]:
        """Entries of the inverse with the gone levels, out of those among the kept ones."""
        r, ratio = self.round, self.ratio
        among = off[r.pair_to]
        n = len(r.touching)
        minus = ratio * diagonal[r.kept_of]
        minus += group_sums(r.first, ratio[r.second] * among, n) + group_sums(r.second, ratio[r.first] * among, n)
        full_diagonal, full_off = np.empty(len(r.gone) + len(r.kept)), np.empty(n_edges)
        full_diagonal[r.kept] = diagonal
        full_diagonal[r.gone] = 1.0 / self.own + group_sums(r.gone_of, ratio * minus, len(r.gone))
        full_off[r.between] = off[r.between_to]
        full_off[r.touching] = -minus
        return full_diagonal, full_off


class Elimination:
    """The order in which the levels of one pattern go.

    Args:
        n_levels: size of the matrix.
        high, low: (n_edges,) the two levels of each nonzero below the diagonal, high > low, each once.
    """

    def __init__(self, n_levels: int, high: Ints, low: Ints) -> None:
        self.rounds: list[_Round] = []
        self.sizes = [len(high)]
        n = n_levels
        while (gone := _independent(n, high, low)) is not None:
            made, high, low = _round(n, gone, high, low)
            self.rounds.append(made)
            self.sizes.append(made.n_edges)
            n = len(made.kept)
        self.n_dense = n
        # Fortran order, lower triangle: what LAPACK reads and what it leaves filled.
        self.flat = low * n + high

    def factorise(self, diagonal: Floats, off: Floats) -> Eliminated:
        """Factorise the matrix with this diagonal (n_levels,) and these edges (n_edges,).

        Raises:
            numpy.linalg.LinAlgError: it is not positive definite, or not finite.
        """
        done = []
        for each in self.rounds:
            gone, diagonal, off = each.forward(diagonal, off)
            done.append(gone)
        dense = np.zeros(self.n_dense**2)
        dense[self.flat] = off
        dense[:: self.n_dense + 1] = diagonal
        if not (np.isfinite(diagonal.sum()) and all(gone.own.min() > 0.0 for gone in done)):
            raise np.linalg.LinAlgError("the matrix is not finite and positive definite")
        square = dense.reshape((self.n_dense, self.n_dense), order="F")
        lower = scipy.linalg.cholesky(square, lower=True, overwrite_a=True, check_finite=False)
        return Eliminated(self, done, lower)


@dataclass(frozen=True, eq=False)
class Eliminated:
    """A factorised matrix.

    Attributes:
        plan: its order.
        done: numbers of each round.
        lower: Cholesky factor of the dense block, in its lower triangle.
    """

    plan: Elimination
    done: list[_Gone]
    lower: Floats

    def log_det(self) -> float:
        """Log-determinant."""
        sparse = sum(float(np.log(gone.own).sum()) for gone in self.done)
        return sparse + 2.0 * float(np.log(np.diag(self.lower)).sum())

    def solve(self, right: Floats) -> Floats:
        """Solve for right-hand sides of shape (n_levels,) or (n_levels, k)."""
        parts = []
        for gone in self.done:
            parts.append(right[gone.round.gone])
            right = right[gone.round.kept] - gone.matrix.T @ parts[-1]
        x: Floats = scipy.linalg.cho_solve((self.lower, True), right, check_finite=False)
        for gone, part in zip(reversed(self.done), reversed(parts), strict=True):
            own = gone.own if part.ndim == 1 else gone.own[:, None]
            full = np.empty((len(part) + len(x), *part.shape[1:]))
            full[gone.round.gone] = part / own - gone.matrix @ x
            full[gone.round.kept] = x
            x = full
        return x

    def inverse_entries(self) -> tuple[Floats, Floats]:
        """Entries of the inverse: its diagonal (n_levels,) and its edges (n_edges,)."""
        inverse, info = scipy.linalg.lapack.dpotri(self.lower, lower=1)
        if info != 0:
            raise np.linalg.LinAlgError(f"dpotri gave {info}")
        flat = inverse.ravel(order="K")
        diagonal, off = flat[:: self.plan.n_dense + 1].copy(), flat[self.plan.flat]
        for gone, n_edges in zip(reversed(self.done), reversed(self.plan.sizes[:-1]), strict=True):
            diagonal, off = gone.back(diagonal, off, n_edges)
        return diagonal, off


def _independent(n: int, high: Ints, low: Ints) -> Ints | None:
    """Levels of few neighbours, no two of them neighbours, fewest first; None where the rest is better dense."""
    degree = np.bincount(high, minlength=n) + np.bincount(low, minlength=n)
    usual = float(np.quantile(degree, CANDIDATE_SHARE))
    free = degree <= min(max(usual, 1.3 * int(degree.min())), DEGREE_SHARE * n)
    if free.sum() * n**2 < ROUND_WORTH:
        return None
    rank = np.empty(n, dtype=np.intp)
    rank[np.argsort(degree, kind="stable")] = np.arange(n)
    chosen = np.zeros(n, dtype=bool)
    while free.any():
        # Who comes before all free neighbours is chosen, and its neighbours are not: as one by one in order of rank.
        best = np.full(n, n)
        both = free[high] & free[low]
        a, b = high[both], low[both]
        np.minimum.at(best, a, rank[b])
        np.minimum.at(best, b, rank[a])
        now = free & (rank < best)
        chosen |= now
        free &= ~now
        free[high[now[low]]] = False
        free[low[now[high]]] = False
    return np.flatnonzero(chosen) if chosen.sum() * n**2 >= ROUND_WORTH and not chosen.all() else None


def _round(n: int, gone: Ints, high: Ints, low: Ints) -> tuple[_Round, Ints, Ints]:
    """The round in which these levels go, and both ends of the next edges."""
    is_gone = np.zeros(n, dtype=bool)
    is_gone[gone] = True
    kept = np.flatnonzero(~is_gone)
    number = np.empty(n, dtype=np.intp)
    number[gone], number[kept] = np.arange(len(gone)), np.arange(len(kept))
    touching = np.flatnonzero(is_gone[high] | is_gone[low])
    goes = np.where(is_gone[high[touching]], high[touching], low[touching])
    stays = high[touching] + low[touching] - goes
    order = np.lexsort((stays, goes))
    touching, goes, stays = touching[order], number[goes[order]], number[stays[order]]
    between = np.flatnonzero(~(is_gone[high] | is_gone[low]))
    first, second = pairs_within(np.bincount(goes, minlength=len(gone)))
    # Within one gone level ``stays`` ascends, so the second is the higher; renumbering keeps the order of the others too.
    made = stays[second] * len(kept) + stays[first]
    old = number[high[between]] * len(kept) + number[low[between]]
    keys, place = np.unique(np.concatenate([old, made]), return_inverse=True)
    found = _Round(
        gone, kept, touching, goes, stays, between, place[: len(between)], first, second, place[len(between) :], len(keys)
    )  # fmt: skip
    return found, keys // len(kept), keys % len(kept)
