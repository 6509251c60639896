"""The exact model against what is known of it, where numpyro is installed (`pip install 'pluralign[exact]'`)."""

import importlib.util
import sys

import numpy as np
import pytest

from pluralign.errors import PluralignError
from pluralign.stats.clmm import ClmmDataError, fit_clmm
from pluralign.stats.exact import ExactFit, fit_exact

THRESHOLDS = np.array([-1.5, -0.3, 0.8, 2.0])
HAVE = importlib.util.find_spec("numpyro") is not None
needs_numpyro = pytest.mark.skipif(not HAVE, reason="numpyro is not installed: pip install 'pluralign[exact]'")


def simulate(seed, n_raters, n_items, per_rater, sd_rater=0.8, sd_item=1.5):
    rng = np.random.default_rng(seed)
    rater = np.repeat(np.arange(n_raters), per_rater)
    item = np.concatenate([rng.choice(n_items, per_rater, replace=False) for _ in range(n_raters)])
    X = np.column_stack([rng.integers(0, 2, n_raters), rng.normal(size=n_raters)])[rater]
    latent = (
        X @ [0.5, -0.7] + (sd_rater * rng.normal(size=n_raters))[rater] + (sd_item * rng.normal(size=n_items))[item]
    )
    return np.searchsorted(THRESHOLDS, latent + rng.logistic(size=len(rater))) + 1, X, rater, item


def test_without_numpyro_the_error_says_how_to_install_it(monkeypatch):
    for name in ("numpyro", "numpyro.infer"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(PluralignError, match=r"PA054.*pip install 'pluralign\[exact\]'"):
        fit_exact([1, 2], [[0], [1]], [0, 1], [0, 1], names=["x"])


@needs_numpyro
def test_what_clmm_refuses_is_refused():
    with pytest.raises(ClmmDataError, match="every rating is 1"):
        fit_exact([1, 1], [[0], [1]], [0, 1], [0, 1], names=["x"])


@needs_numpyro
@pytest.mark.slow
def test_with_many_ratings_of_each_laplace_and_the_posterior_agree():
    data = simulate(0, n_raters=60, n_items=50, per_rater=40)
    fit = fit_clmm(*data, names=["male", "age"])
    exact = fit_exact(*data, names=["male", "age"], n_warmup=500, n_samples=500)
    assert exact.parameter_names == (*fit.parameter_names[:-2], "sd_rater", "sd_item")
    assert (exact.rhat < 1.05).all()
    np.testing.assert_allclose(exact.mean[:-2], fit.estimates[:-2], atol=0.35 * fit.se[:-2].max())
    np.testing.assert_allclose(exact.sd[4:6], fit.se[4:6], rtol=0.2)
    assert exact.mean[-2] == pytest.approx(fit.sd_rater, rel=0.08)
    assert exact.mean[-1] == pytest.approx(fit.sd_item, rel=0.08)


@needs_numpyro
@pytest.mark.slow
def test_with_few_ratings_of_each_laplace_falls_short():
    data = simulate(1, n_raters=300, n_items=480, per_rater=5)
    fit = fit_clmm(*data, names=["male", "age"])
    exact = fit_exact(*data, names=["male", "age"], n_warmup=500, n_samples=500)
    short = exact.shortfall(fit)
    assert 0.02 < short["sd_rater"] < 0.35
    assert 0.0 < short["sd_item"] < 0.20
    assert -0.02 < exact.shrinkage(fit) < 0.10


def test_shortfall_and_shrinkage_are_shares_of_the_exact_values():
    fit = fit_clmm(*simulate(2, 40, 30, 8), names=["male", "age"], covariance=False)
    mean = np.concatenate([fit.thresholds, 1.25 * fit.coef, [2.0 * fit.sd_rater, 1.25 * fit.sd_item]])
    nothing = np.zeros(8)
    exact = ExactFit((), mean, nothing, nothing, nothing, 0, 0, 0)
    assert exact.shortfall(fit) == pytest.approx({"sd_rater": 0.5, "sd_item": 0.2})
    assert exact.shrinkage(fit) == pytest.approx(0.2)
