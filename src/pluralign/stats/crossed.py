"""Linear algebra of two crossed random intercepts: the one matrix that the Laplace approximation factorises.

With standardised intercepts u = (core, leaf), observation weights W and standard deviations s, the matrix is

    H = I + Z' W Z,    Z = [s_core Z_core, s_leaf Z_leaf].

Within a grouping factor its blocks are diagonal, so the leaf block is eliminated for free and what is left is a dense
Schur complement S of the core's size. The core is therefore the factor with fewer levels: cost and memory grow with the
cube and the square of its number of levels, and only linearly with the other's. A level pair with ratings is a cell.
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

# Above this many pairs of cells that share a leaf, their index arrays outweigh the dense products that they avoid.
MAX_PAIRS = 4_000_000


def group_sums(groups: Ints, values: Floats, n_groups: int) -> Floats:
    """Sums of ``values`` by group code, shape (n_groups,)."""
    return np.asarray(np.bincount(groups, values, n_groups), dtype=np.float64)


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
        self.pairs = _CellPairs(self) if int((sizes**2).sum()) <= MAX_PAIRS else None

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
            schur = self.pairs.minus_products(cross, ratio)
        else:
            schur = -(self.sparse(cross).T @ self.sparse(ratio)).toarray(order="F")
        schur[np.diag_indices(self.n_core)] += core_diagonal
        if not np.isfinite(schur.trace()):
            raise np.linalg.LinAlgError("weights or standard deviations are not finite")
        lower = scipy.linalg.cholesky(schur, lower=True, overwrite_a=True, check_finite=False)
        return CrossedFactorisation(self, leaf_diagonal, ratio, lower)

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
        lower: (n_core, n_core) Cholesky factor of the Schur complement, in its lower triangle.
    """

    factors: CrossedFactors
    leaf_diagonal: Floats
    ratio: Floats
    lower: Floats

    @cached_property
    def _ratio_matrix(self) -> scipy.sparse.csr_array:
        return self.factors.sparse(self.ratio)

    def log_det(self) -> float:
        """Log-determinant of H."""
        return float(np.log(self.leaf_diagonal).sum() + 2.0 * np.log(np.diag(self.lower)).sum())

    def solve(self, core: Floats, leaf: Floats) -> tuple[Floats, Floats]:
        """Solve H x = (core, leaf), with right-hand sides of shape (levels,) or (levels, k)."""
        diagonal = self.leaf_diagonal if leaf.ndim == 1 else self.leaf_diagonal[:, None]
        x_core = scipy.linalg.cho_solve((self.lower, True), core - self._ratio_matrix.T @ leaf, check_finite=False)
        return x_core, leaf / diagonal - self._ratio_matrix @ x_core

    def inverse_entries(self) -> tuple[Floats, Floats, Floats]:
        """Entries of the inverse of H on its own sparsity pattern.

        Returns:
            core variances (n_core,), leaf variances (n_leaf,), and covariances of core and leaf by cell (n_cells,).
        """
        inverse, info = scipy.linalg.lapack.dpotri(self.lower, lower=1)
        if info != 0:
            raise np.linalg.LinAlgError(f"dpotri gave {info}")
        factors = self.factors
        if factors.pairs is not None:
            minus_covariance = factors.pairs.times_inverse(self.ratio, inverse)
        else:
            symmetric = np.tril(inverse) + np.tril(inverse, -1).T
            minus_covariance = (self._ratio_matrix @ symmetric)[factors.cell_leaf, factors.cell_core]
        spread = group_sums(factors.cell_leaf, self.ratio * minus_covariance, factors.n_leaf)
        return np.diag(inverse).copy(), 1.0 / self.leaf_diagonal + spread, -minus_covariance


class _CellPairs:
    """Every ordered pair of cells that share a leaf: the only core pairs that the products below touch.

    With few ratings a leaf (three raters an item, say) this is far less work than dense matrix products.
    """

    def __init__(self, factors: CrossedFactors) -> None:
        size = np.diff(factors.indptr)
        repeats = size[factors.cell_leaf]
        self.first = np.repeat(np.arange(factors.n_cells), repeats)
        within = np.arange(len(self.first)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        self.second = factors.indptr[factors.cell_leaf[self.first]] + within
        self.n_core, self.n_cells = factors.n_core, factors.n_cells
        a, b = factors.cell_core[self.first], factors.cell_core[self.second]
        # Fortran order, lower triangle: what LAPACK reads and what it leaves filled.
        self.flat = np.minimum(a, b) * self.n_core + np.maximum(a, b)
        self.is_lower = a >= b

    def minus_products(self, cross: Floats, ratio: Floats) -> Floats:
        """−(cross' ratio) in the lower triangle of an (n_core, n_core) Fortran-ordered matrix."""
        keep = self.is_lower
        products = -cross[self.first[keep]] * ratio[self.second[keep]]
        flat = group_sums(self.flat[keep], products, self.n_core**2)
        return flat.reshape((self.n_core, self.n_core), order="F")

    def times_inverse(self, ratio: Floats, inverse: Floats) -> Floats:
        """Entries (n_cells,) of ratio @ inverse on the pattern; only the lower triangle of ``inverse`` is read."""
        entries = inverse.ravel(order="K")[self.flat]
        return group_sums(self.first, ratio[self.second] * entries, self.n_cells)
