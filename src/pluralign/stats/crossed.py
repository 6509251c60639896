"""Linear algebra of two crossed random intercepts: the one matrix that the Laplace approximation factorises.

With standardised intercepts u = (core, leaf), observation weights W and standard deviations s, the matrix is

    H = I + Z' W Z,    Z = [s_core Z_core, s_leaf Z_leaf].

Within a grouping factor its blocks are diagonal, so the leaf block is eliminated for free and what is left is a Schur complement S of
the core's size, which `elimination` factorises. The core is therefore the factor with fewer levels: where S is dense, cost and memory
grow with the cube and the square of its number of levels, and only linearly with the other's. A level pair with ratings is a cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse

from pluralign.stats.elimination import Eliminated, Elimination, Floats, Ints, group_sums, pairs_within

__all__ = ["MAX_PAIRS", "CrossedFactorisation", "CrossedFactors", "Floats", "Ints", "group_sums"]

# Above this many pairs of cells that share a leaf, their index arrays outweigh the dense products that they avoid.
MAX_PAIRS = 4_000_000


class CrossedFactors:
    """Two crossed grouping factors and the sparsity pattern that their ratings make.

    Args:
        core: (n,) level of each observation in the factor with fewer levels, 0 … n_core − 1, every level used.
        leaf: (n,) level in the other factor, 0 … n_leaf − 1, every level used.
    """

    def __init__(self, core: Ints, leaf: Ints) -> None:
        self.core, self.leaf = core, leaf
        self.n_core, self.n_leaf = int(core.max()) + 1, int(leaf.max()) + 1
        cells, self.cell = np.unique(leaf * self.n_core + core, return_inverse=True)
        self.cell_leaf, self.cell_core = cells // self.n_core, cells % self.n_core
        self.n_cells = len(cells)
        self.indptr = np.searchsorted(self.cell_leaf, np.arange(self.n_leaf + 1))
        sizes = np.diff(self.indptr)
        self.pairs = _CellPairs(self, sizes) if int((sizes**2).sum()) <= MAX_PAIRS else None
        high, low = (self.pairs.high, self.pairs.low) if self.pairs is not None else np.tril_indices(self.n_core, -1)
        self.plan = Elimination(self.n_core, high, low)

    @property
    def n_dense(self) -> int:
        """Levels of the dense matrix that bounds the cost."""
        return self.plan.n_dense

    def sum_core(self, values: Floats) -> Floats:
        """Sums of (n,) values by core level, shape (n_core,)."""
        return group_sums(self.core, values, self.n_core)

    def sum_leaf(self, values: Floats) -> Floats:
        """Sums of (n,) values by leaf level, shape (n_leaf,)."""
        return group_sums(self.leaf, values, self.n_leaf)

    def sum_cell(self, values: Floats) -> Floats:
        """Sums of (n,) values by cell, shape (n_cells,)."""
        return group_sums(self.cell, values, self.n_cells)

    def factorise(self, weights: Floats, sd_core: float, sd_leaf: float) -> CrossedFactorisation:
        """Factorise H for (n,) non-negative observation weights.

        Raises:
            numpy.linalg.LinAlgError: a weight or standard deviation is not finite, so that H is not positive definite.
        """
        core_diagonal = 1.0 + sd_core**2 * self.sum_core(weights)
        leaf_diagonal = 1.0 + sd_leaf**2 * self.sum_leaf(weights)
        cross = sd_core * sd_leaf * self.sum_cell(weights)
        ratio = cross / leaf_diagonal[self.cell_leaf]
        if self.pairs is not None:
            core_diagonal -= group_sums(self.cell_core, cross * ratio, self.n_core)
            off = self.pairs.minus_products(cross, ratio)
        else:
            products = (self.sparse(cross).T @ self.sparse(ratio)).toarray()
            core_diagonal -= np.diag(products)
            off = -products[np.tril_indices(self.n_core, -1)]
        return CrossedFactorisation(self, leaf_diagonal, ratio, self.plan.factorise(core_diagonal, off))

    def sparse(self, cell_values: Floats) -> scipy.sparse.csr_array:
        """(n_leaf, n_core) sparse matrix of one value a cell."""
        return scipy.sparse.csr_array((cell_values, self.cell_core, self.indptr), shape=(self.n_leaf, self.n_core))


@dataclass(frozen=True, eq=False)
class CrossedFactorisation:
    """H factorised: solves, log-determinant, and the entries of its inverse that observations need.

    Attributes:
        factors: the pattern.
        leaf_diagonal: (n_leaf,) diagonal of H's leaf block.
        ratio: (n_cells,) cross block divided by the leaf diagonal.
        core: the Schur complement, factorised.
    """

    factors: CrossedFactors
    leaf_diagonal: Floats
    ratio: Floats
    core: Eliminated

    @cached_property
    def _ratio_matrix(self) -> scipy.sparse.csr_array:
        return self.factors.sparse(self.ratio)

    def log_det(self) -> float:
        """Log-determinant of H."""
        return float(np.log(self.leaf_diagonal).sum()) + self.core.log_det()

    def solve(self, core: Floats, leaf: Floats) -> tuple[Floats, Floats]:
        """Solve H x = (core, leaf), with right-hand sides of shape (levels,) or (levels, k)."""
        diagonal = self.leaf_diagonal if leaf.ndim == 1 else self.leaf_diagonal[:, None]
        x_core = self.core.solve(core - self._ratio_matrix.T @ leaf)
        return x_core, leaf / diagonal - self._ratio_matrix @ x_core

    def inverse_entries(self) -> tuple[Floats, Floats, Floats]:
        """Entries of the inverse of H on its own sparsity pattern.

        Returns:
            core variances (n_core,), leaf variances (n_leaf,), and covariances of core and leaf by cell (n_cells,).
        """
        factors = self.factors
        diagonal, off = self.core.inverse_entries()
        if factors.pairs is not None:
            minus_covariance = self.ratio * diagonal[factors.cell_core] + factors.pairs.times_edges(self.ratio, off)
        else:
            symmetric = np.diag(diagonal)
            symmetric[np.tril_indices(factors.n_core, -1)] = off
            symmetric += np.tril(symmetric, -1).T
            minus_covariance = (self._ratio_matrix @ symmetric)[factors.cell_leaf, factors.cell_core]
        spread = group_sums(factors.cell_leaf, self.ratio * minus_covariance, factors.n_leaf)
        return diagonal, 1.0 / self.leaf_diagonal + spread, -minus_covariance


class _CellPairs:
    """Every two cells that share a leaf, and the edges of the core that they make.

    With few ratings a leaf (three raters an item, say) this is far less work than dense matrix products.

    Attributes:
        high, low: (n_edges,) the core levels of each edge, high > low.
    """

    def __init__(self, factors: CrossedFactors, sizes: Ints) -> None:
        self.n_cells = factors.n_cells
        # Cells are sorted by leaf and then by core, so the second is the higher.
        self.first, self.second = pairs_within(sizes)
        keys = factors.cell_core[self.second] * factors.n_core + factors.cell_core[self.first]
        edges, self.edge = np.unique(keys, return_inverse=True)
        self.high, self.low = edges // factors.n_core, edges % factors.n_core

    def minus_products(self, cross: Floats, ratio: Floats) -> Floats:
        """−(cross' ratio) on the edges, (n_edges,)."""
        return -group_sums(self.edge, cross[self.first] * ratio[self.second], len(self.high))

    def times_edges(self, ratio: Floats, inverse: Floats) -> Floats:
        """Entries (n_cells,) of ratio @ inverse on the pattern, where ``inverse`` has edges (n_edges,) and no diagonal."""
        entries = inverse[self.edge]
        forth = group_sums(self.first, ratio[self.second] * entries, self.n_cells)
        return forth + group_sums(self.second, ratio[self.first] * entries, self.n_cells)
