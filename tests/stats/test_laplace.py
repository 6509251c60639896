"""The Laplace likelihood, its gradient and its linear algebra against slow and obvious computations."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from pluralign.stats import crossed
from pluralign.stats.crossed import CrossedFactors
from pluralign.stats.laplace import LaplaceLikelihood

N_CORE, N_LEAF, N_COLUMNS = 6, 9, 2


@pytest.fixture(params=["pairs of cells", "dense products"])
def factors(request, monkeypatch):
    """Six by nine levels, unbalanced, some cells empty and some rated twice; both ways of multiplying."""
    if request.param == "dense products":
        monkeypatch.setattr(crossed, "MAX_PAIRS", 0)
    rng = np.random.default_rng(1)
    core = np.concatenate([np.arange(N_CORE), rng.integers(0, N_CORE, 34)])
    leaf = np.concatenate([rng.integers(0, N_LEAF, 31), np.arange(N_LEAF)])
    made = CrossedFactors(core, leaf)
    assert (made.pairs is None) == (request.param == "dense products")
    return made


def design(factors):
    return np.random.default_rng(2).normal(size=(len(factors.core), N_COLUMNS))


def ratings(factors, n_levels):
    y = np.random.default_rng(3).integers(0, n_levels, len(factors.core))
    y[:n_levels] = np.arange(n_levels)
    return y


def indicator(factors, s_core, s_leaf):
    """Z with its standard deviations, dense."""
    return np.hstack([s_core * np.eye(N_CORE)[factors.core], s_leaf * np.eye(N_LEAF)[factors.leaf]])


def psi_near_the_start(likelihood, seed=0):
    return likelihood.start() + 0.3 * np.random.default_rng(seed).normal(size=likelihood.n_parameters)


def test_the_factorisation_solves_and_inverts_what_the_dense_matrix_does(factors):
    rng = np.random.default_rng(0)
    weights = rng.random(len(factors.core))
    z = indicator(factors, 0.8, 1.7)
    dense = np.eye(N_CORE + N_LEAF) + z.T @ (weights[:, None] * z)
    factorised = factors.factorise(weights, 0.8, 1.7)
    assert factorised.log_det() == pytest.approx(np.linalg.slogdet(dense)[1], abs=1e-12)
    right = rng.normal(size=(N_CORE + N_LEAF, 3))
    solved = np.vstack(factorised.solve(right[:N_CORE], right[N_CORE:]))
    np.testing.assert_allclose(solved, np.linalg.solve(dense, right), atol=1e-12)
    inverse = np.linalg.inv(dense)
    core, leaf, cell = factorised.inverse_entries()
    np.testing.assert_allclose(np.concatenate([core, leaf]), np.diag(inverse), atol=1e-12)
    np.testing.assert_allclose(cell, inverse[factors.cell_core, N_CORE + factors.cell_leaf], atol=1e-12)


def test_weights_that_are_not_finite_are_no_positive_definite_matrix(factors):
    with pytest.raises(np.linalg.LinAlgError):
        factors.factorise(np.full(len(factors.core), np.nan), 1.0, 1.0)


@pytest.mark.parametrize("n_levels", [2, 3, 5])
def test_the_likelihood_is_the_laplace_approximation_written_out(factors, n_levels):
    X, y = design(factors), ratings(factors, n_levels)
    likelihood = LaplaceLikelihood(y, X, factors)
    psi = psi_near_the_start(likelihood)
    thresholds = psi[0] + np.concatenate([[0.0], np.cumsum(np.exp(psi[1 : n_levels - 1]))])
    bounds = np.concatenate([[-np.inf], thresholds, [np.inf]])
    z = indicator(factors, *np.exp(psi[-2:]))

    def minus_joint(u):
        eta = X @ psi[n_levels - 1 : -2] + z @ u
        return -np.log(expit(bounds[y + 1] - eta) - expit(bounds[y] - eta)).sum() + 0.5 * u @ u

    u = minimize(minus_joint, np.zeros(z.shape[1]), method="BFGS", options={"gtol": 1e-7}).x
    hi, lo = (bounds[y + k] - X @ psi[n_levels - 1 : -2] - z @ u for k in (1, 0))
    weights = expit(hi) * expit(-hi) + expit(lo) * expit(-lo)
    hessian = np.eye(z.shape[1]) + z.T @ (weights[:, None] * z)
    expected = -minus_joint(u) - 0.5 * np.linalg.slogdet(hessian)[1]
    assert likelihood.evaluate(psi).loglik == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("n_levels", [2, 3, 5])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_analytic_gradient_equals_central_differences(factors, n_levels, seed):
    likelihood = LaplaceLikelihood(ratings(factors, n_levels), design(factors), factors)
    psi, h = psi_near_the_start(likelihood, seed), 1e-5
    differences = [
        (likelihood.evaluate(psi + h * e).loglik - likelihood.evaluate(psi - h * e).loglik) / (2 * h)
        for e in np.eye(len(psi))
    ]
    np.testing.assert_allclose(likelihood.evaluate(psi).gradient, differences, atol=1e-6)


def test_the_likelihood_does_not_depend_on_what_was_evaluated_before(factors):
    fresh = LaplaceLikelihood(ratings(factors, 4), design(factors), factors)
    used = LaplaceLikelihood(ratings(factors, 4), design(factors), factors)
    psi = psi_near_the_start(fresh)
    for seed in range(5):
        used.evaluate(psi_near_the_start(used, seed + 1))
    a, b = fresh.evaluate(psi), used.evaluate(psi)
    assert a.loglik == pytest.approx(b.loglik, abs=1e-10)
    np.testing.assert_allclose(a.gradient, b.gradient, atol=1e-8)


@pytest.mark.parametrize("value", [800.0, -800.0, np.nan])
def test_where_a_threshold_increment_leaves_floating_point_there_is_no_likelihood(factors, value):
    likelihood = LaplaceLikelihood(ratings(factors, 4), design(factors), factors)
    psi = likelihood.start()
    psi[1] = value
    assert likelihood.evaluate(psi) is None


def test_the_approximate_information_is_near_the_hessian_for_effects_and_positive_definite(factors):
    likelihood = LaplaceLikelihood(ratings(factors, 4), design(factors), factors)
    psi, h = likelihood.start(), 1e-5
    gradients = [
        likelihood.evaluate(psi + h * e).gradient - likelihood.evaluate(psi - h * e).gradient for e in np.eye(7)
    ]
    effects = slice(3, 5)
    approximate = likelihood.evaluate(psi).approximate_information()
    assert np.linalg.eigvalsh(approximate).min() > 0.0
    exact = -np.array(gradients)[effects, effects] / (2 * h)
    np.testing.assert_allclose(approximate[effects, effects], exact, rtol=0.2, atol=0.5)
