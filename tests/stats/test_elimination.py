"""Sparse elimination in rounds against dense algebra, and where it stops."""

import numpy as np
import pytest

from pluralign.stats import elimination
from pluralign.stats.crossed import CrossedFactors
from pluralign.stats.elimination import Elimination, pairs_within


def ring(n):
    """Each level has the next one for a neighbour."""
    a, b = np.arange(n), (np.arange(n) + 1) % n
    return np.maximum(a, b), np.minimum(a, b)


def random_graph(n, degree, seed=0):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, n, (2, n * degree // 2))
    keys = np.unique((np.maximum(a, b) * n + np.minimum(a, b))[a != b])
    return keys // n, keys % n


def matrix(n, high, low, seed=0):
    """A diagonally dominant matrix on the pattern, as its diagonal, its edges and whole."""
    off = np.random.default_rng(seed).normal(size=len(high))
    whole = np.zeros((n, n))
    whole[high, low] = whole[low, high] = off
    diagonal = np.abs(whole).sum(axis=1) + 1.0
    return diagonal, off, whole + np.diag(diagonal)


GRAPHS = {
    "ring": (400, *ring(400)),
    "sparse": (300, *random_graph(300, 4)),
    "medium": (350, *random_graph(350, 12)),
    "complete": (20, *np.tril_indices(20, -1)),
    "no edges": (30, np.array([], dtype=np.intp), np.array([], dtype=np.intp)),
    "one level": (1, np.array([], dtype=np.intp), np.array([], dtype=np.intp)),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_it_solves_and_inverts_as_the_dense_matrix_does(name):
    n, high, low = GRAPHS[name]
    diagonal, off, whole = matrix(n, high, low)
    factorised = Elimination(n, high, low).factorise(diagonal, off)
    assert factorised.log_det() == pytest.approx(np.linalg.slogdet(whole)[1], abs=1e-10)
    right = np.random.default_rng(1).normal(size=(n, 2))
    np.testing.assert_allclose(factorised.solve(right), np.linalg.solve(whole, right), atol=1e-12)
    np.testing.assert_allclose(factorised.solve(right[:, 0]), np.linalg.solve(whole, right[:, 0]), atol=1e-12)
    inverse = np.linalg.inv(whole)
    on_diagonal, on_edges = factorised.inverse_entries()
    np.testing.assert_allclose(on_diagonal, np.diag(inverse), atol=1e-12)
    np.testing.assert_allclose(on_edges, inverse[high, low], atol=1e-12)


def test_a_ring_leaves_a_small_dense_block_and_a_complete_graph_all_of_it():
    assert Elimination(2000, *ring(2000)).n_dense < 200
    assert Elimination(20, *np.tril_indices(20, -1)).n_dense == 20


def test_levels_that_go_in_one_round_are_no_neighbours():
    plan = Elimination(*GRAPHS["sparse"])
    n, high, low = GRAPHS["sparse"]
    assert len(plan.rounds) > 1
    first = np.isin(np.arange(n), plan.rounds[0].gone)
    assert not (first[high] & first[low]).any()
    assert plan.n_dense + sum(len(each.gone) for each in plan.rounds) == n


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_what_is_not_finite_and_positive_definite_is_refused(value):
    n, high, low = GRAPHS["sparse"]
    off = matrix(n, high, low)[1]
    with np.errstate(invalid="ignore"), pytest.raises(np.linalg.LinAlgError):
        Elimination(n, high, low).factorise(np.full(n, value), off)


def test_pairs_within_groups_are_all_and_only_those():
    sizes = np.array([0, 2, 1, 4, 0])
    first, second = pairs_within(sizes)
    group = np.repeat(np.arange(5), sizes)
    wanted = [(a, b) for a in range(7) for b in range(a + 1, 7) if group[a] == group[b]]
    assert sorted(zip(first.tolist(), second.tolist(), strict=True)) == wanted


def test_with_and_without_sparse_rounds_the_random_intercepts_matrix_is_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    core = np.repeat(np.arange(400), 4)
    leaf = rng.integers(0, 660, len(core))
    leaf = np.unique(leaf, return_inverse=True)[1]
    weights = rng.random(len(core))
    sparse = CrossedFactors(core, leaf)
    monkeypatch.setattr(elimination, "DEGREE_SHARE", 0.0)
    dense = CrossedFactors(core, leaf)
    assert sparse.n_dense < 0.8 * dense.n_dense
    one, other = (factors.factorise(weights, 0.8, 1.7) for factors in (sparse, dense))
    assert one.log_det() == pytest.approx(other.log_det(), abs=1e-10)
    for got, expected in zip(one.inverse_entries(), other.inverse_entries(), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-13)


def test_many_levels_are_fitted_where_they_are_sparse(monkeypatch):
    from pluralign.stats.clmm import fit_clmm

    # Sixteen batches of 30 raters share 20 items each: what is left dense is a few batches.
    rng = np.random.default_rng(0)
    rater = np.repeat(np.arange(480), 5)
    item = 20 * (rater // 60) + rng.integers(0, 20, len(rater)) + 160 * (rater % 2)
    latent = rng.normal(size=480)[rater] + rng.normal(size=320)[item] + rng.logistic(size=len(rater))
    y = np.searchsorted([-1.0, 1.0], latent)
    whole = fit_clmm(y, np.zeros((len(y), 0)), rater, item, names=[], covariance=False)
    monkeypatch.setattr("pluralign.stats.clmm_data.MAX_CORE_LEVELS", 250)
    limited = fit_clmm(y, np.zeros((len(y), 0)), rater, item, names=[], covariance=False)
    assert limited.loglik == whole.loglik
