"""The cumulative link mixed model against R's ordinal::clmm, planted effects, symmetries, and what it must refuse."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest

from pluralign.stats.clmm import (
    ClmmDataError,
    RankDeficientError,
    SeparationError,
    UnusedCategoryError,
    fit_clmm,
)

SHARED = Path(os.environ.get("PLURALIGN_SHARED", Path(__file__).resolve().parents[3] / "shared"))
ORACLE = SHARED / "oracle"
ATTRIBUTES = ("country", "gender", "age", "politics", "ethnicity")
NAMES = ("male", "age")
BETA = np.array([0.5, -0.7])
THRESHOLDS = np.array([-1.5, -0.3, 0.8, 2.0])


def simulate(seed=0, n_raters=60, n_items=40, per_rater=8, sd_rater=0.8, sd_item=1.1):
    """Ratings 1–5 from the model itself."""
    rng = np.random.default_rng(seed)
    rater = np.repeat(np.arange(n_raters), per_rater)
    item = np.concatenate([rng.choice(n_items, per_rater, replace=False) for _ in range(n_raters)])
    X = np.column_stack([rng.integers(0, 2, n_raters), rng.normal(size=n_raters)])[rater]
    latent = X @ BETA + (sd_rater * rng.normal(size=n_raters))[rater] + (sd_item * rng.normal(size=n_items))[item]
    return np.searchsorted(THRESHOLDS, latent + rng.logistic(size=len(rater))) + 1, X, rater, item


@pytest.fixture(scope="module")
def data():
    return simulate()


@pytest.fixture(scope="module")
def fit(data):
    return fit_clmm(*data, names=NAMES, levels=[1, 2, 3, 4, 5])


def oracle(name):
    """Ratings, treatment-coded covariates in R's column order, groups, and R's answer."""
    if not (ORACLE / f"{name}.csv").exists():
        pytest.skip(f"R's answers are not here: no {ORACLE / name}.csv (set PLURALIGN_SHARED)")
    with (ORACLE / f"{name}.csv").open() as file:
        rows = list(csv.DictReader(file))
    answer = json.loads((ORACLE / f"{name}.json").read_text())
    columns = [n for n in answer["names"] if "|" not in n]
    dummies = {attribute + row[attribute]: attribute for row in rows for attribute in ATTRIBUTES}
    X = np.array([[row[dummies[n]] == n.removeprefix(dummies[n]) for n in columns] for row in rows], dtype=float)
    y = np.array([int(row["rating"]) for row in rows])
    return y, X, [row["participant"] for row in rows], [row["item"] for row in rows], columns, answer


# --- against R


@pytest.mark.parametrize("name", ["small", "sim7_ea", "oracle"])
def test_the_fit_is_that_of_r_ordinal(name):
    y, X, rater, item, columns, answer = oracle(name)
    fit = fit_clmm(y, X, rater, item, names=columns, levels=[1, 2, 3, 4, 5])
    assert fit.converged, fit.message
    assert fit.parameter_names[:-2] == tuple(answer["names"])
    assert fit.loglik == pytest.approx(answer["logLik"], abs=1e-5)
    np.testing.assert_allclose(fit.estimates[:-2], answer["coef"], atol=1e-4)
    np.testing.assert_allclose(fit.se[:-2], answer["se"], atol=1e-4)
    np.testing.assert_allclose(fit.z[:-2], answer["z"], atol=2e-3)
    np.testing.assert_allclose(fit.p[:-2], answer["p"], atol=1e-3)
    np.testing.assert_allclose(
        [fit.sd_item, fit.sd_rater], answer.get("sd", answer.get("sd_4_digits_from_log")), atol=1e-4
    )


@pytest.mark.parametrize("name", ["small", "sim7_ea"])
def test_standard_errors_of_the_random_intercepts_are_those_of_r(name):
    y, X, rater, item, columns, answer = oracle(name)
    fit = fit_clmm(y, X, rater, item, names=columns)
    # R has them on the scale of the standard deviation (item, participant), ours are of its log.
    assert answer["sd_names"] == ["item", "participant"]
    ours = [fit.se[-1] * fit.sd_item, fit.se[-2] * fit.sd_rater]
    np.testing.assert_allclose(ours, answer["se_all"][-2:], atol=1e-4)


# --- planted effects


def test_planted_effects_are_recovered_within_their_standard_errors():
    seeds = range(20)
    fits = [fit_clmm(*simulate(seed, n_raters=150, n_items=80), names=NAMES) for seed in seeds]
    assert all(fit.converged for fit in fits)
    z = np.array([(fit.coef - BETA) / fit.se[4:6] for fit in fits])
    assert (np.abs(z) < 1.96).mean() >= 0.85
    np.testing.assert_allclose(np.mean([fit.coef for fit in fits], axis=0), BETA, atol=0.08)
    np.testing.assert_allclose(np.mean([fit.thresholds for fit in fits], axis=0), THRESHOLDS, atol=0.15)
    # Laplace shrinks both a little, never the other way round by much.
    assert 0.68 < np.mean([fit.sd_rater for fit in fits]) < 0.82
    assert 1.0 < np.mean([fit.sd_item for fit in fits]) < 1.15


@pytest.mark.slow
def test_standard_errors_are_the_spread_over_simulated_data():
    fits = [fit_clmm(*simulate(seed), names=NAMES) for seed in range(60)]
    spread = np.std([fit.coef for fit in fits], axis=0)
    np.testing.assert_allclose(spread, np.mean([fit.se[4:6] for fit in fits], axis=0), rtol=0.25)


# --- symmetries


def test_the_order_of_ratings_and_the_names_of_raters_change_nothing(data, fit):
    y, X, rater, item = data
    order = np.random.default_rng(4).permutation(len(y))
    renamed = np.array([f"rater {(17 * r) % 60}" for r in rater])
    again = fit_clmm(y[order], X[order], renamed[order], item[order], names=NAMES)
    assert again.loglik == pytest.approx(fit.loglik, abs=1e-8)
    np.testing.assert_allclose(again.estimates, fit.estimates, atol=1e-5)
    np.testing.assert_allclose(again.se, fit.se, rtol=1e-4)


def test_calling_raters_items_and_items_raters_swaps_their_standard_deviations(data, fit):
    y, X, rater, item = data
    swapped = fit_clmm(y, X, item, rater, names=NAMES)
    np.testing.assert_allclose(swapped.estimates[:-2], fit.estimates[:-2], atol=1e-6)
    assert [swapped.sd_item, swapped.sd_rater] == pytest.approx([fit.sd_rater, fit.sd_item], abs=1e-6)
    np.testing.assert_allclose(swapped.se[[-1, -2]], fit.se[[-2, -1]], rtol=1e-5)
    assert (swapped.n_items, swapped.n_raters) == (fit.n_raters, fit.n_items)


def test_turning_the_scale_round_turns_the_signs(data, fit):
    y, X, rater, item = data
    turned = fit_clmm(6 - y, X, rater, item, names=NAMES)
    assert turned.loglik == pytest.approx(fit.loglik, abs=1e-7)
    np.testing.assert_allclose(turned.coef, -fit.coef, atol=1e-5)
    np.testing.assert_allclose(turned.thresholds, -fit.thresholds[::-1], atol=1e-5)


def test_units_of_a_covariate_scale_its_coefficient_and_nothing_else(data, fit):
    y, X, rater, item = data
    years = fit_clmm(y, np.column_stack([X[:, 0], 1990 + 1000 * X[:, 1]]), rater, item, names=NAMES)
    assert years.loglik == pytest.approx(fit.loglik, abs=1e-7)
    np.testing.assert_allclose(years.coef * [1, 1000], fit.coef, atol=1e-5)
    np.testing.assert_allclose(years.z[4:6], fit.z[4:6], atol=1e-4)
    np.testing.assert_allclose(years.thresholds - 1990 * years.coef[1], fit.thresholds, atol=1e-5)


def test_categories_may_have_any_integer_codes(data, fit):
    y, X, rater, item = data
    coded = fit_clmm(np.array([0, 10, 20, 35, 90, 100])[y], X, rater, item, names=NAMES)
    assert coded.loglik == pytest.approx(fit.loglik, abs=1e-9)
    assert coded.parameter_names[:4] == ("10|20", "20|35", "35|90", "90|100")


# --- what a fit says


def test_a_fit_counts_what_it_rests_on_and_names_its_parameters(fit):
    assert (fit.n_ratings, fit.n_raters, fit.n_items) == (480, 60, 40)
    assert fit.parameter_names == ("1|2", "2|3", "3|4", "4|5", "male", "age", "log_sd_rater", "log_sd_item")
    assert fit.converged
    assert fit.gradient_max < 1e-5
    assert fit.message == "gradient below tolerance"


def test_odds_ratios_have_wald_intervals_and_p_values(fit):
    male, age = fit.odds_ratios()
    assert (male.name, age.name, male.level) == ("male", "age", 0.95)
    assert male.odds_ratio == pytest.approx(np.exp(fit.coef[0]))
    assert [male.low, male.high] == pytest.approx(
        np.exp(fit.coef[0] + 1.959964 * fit.se[4] * np.array([-1, 1])), rel=1e-6
    )
    wide = fit.odds_ratios(0.99)[0]
    assert wide.low < male.low < male.high < wide.high
    assert age.p == fit.p[5]
    with pytest.raises(ValueError, match="level: got 95"):
        fit.odds_ratios(95)


def test_a_p_value_of_a_log_standard_deviation_is_undefined(fit):
    assert np.isnan(fit.z[-2:]).all()
    assert np.isnan(fit.p[-2:]).all()
    assert np.isfinite(fit.se).all()


def test_without_covariance_standard_errors_are_nan_and_estimates_the_same(data, fit):
    bare = fit_clmm(*data, names=NAMES, covariance=False)
    assert bare.converged
    assert np.isnan(bare.se).all()
    np.testing.assert_array_equal(bare.estimates, fit.estimates)
    assert np.isnan(bare.odds_ratios()[0].low)


def test_a_fit_started_from_its_own_psi_is_there_already(data, fit):
    again = fit_clmm(*data, names=NAMES, start=fit.psi)
    assert again.n_iterations == 0
    np.testing.assert_allclose(again.estimates, fit.estimates, atol=1e-9)
    np.testing.assert_allclose(again.se, fit.se, rtol=1e-5)


@pytest.mark.parametrize(
    "start", [[0, 0, 0, 0, 3, 3, 2, -4], [0, 0, 0, 0, 0, 0, -6, -6]], ids=["far away", "standard deviations near 0"]
)
def test_bad_start_values_lead_to_the_same_fit(data, fit, start):
    again = fit_clmm(*data, names=NAMES, start=np.array(start, dtype=float))
    assert again.converged
    np.testing.assert_allclose(again.estimates, fit.estimates, atol=1e-5)


def test_a_model_without_covariates_has_thresholds_and_standard_deviations(data):
    y, X, rater, item = data
    empty = fit_clmm(y, X[:, :0], rater, item, names=[])
    assert empty.converged
    assert empty.coef.shape == (0,)
    assert empty.odds_ratios() == []
    assert empty.se.shape == (6,)


def test_two_categories_are_a_mixed_logistic_regression(data):
    y, X, rater, item = data
    binary = fit_clmm((y >= 4).astype(int), X, rater, item, names=NAMES, levels=[0, 1])
    assert binary.converged
    assert binary.thresholds.shape == (1,)
    assert np.isfinite(binary.se).all()


# --- edges that must be said


def test_a_standard_deviation_estimated_at_zero_is_said_and_only_its_own_error_is_undefined():
    y, X, rater, item = simulate(0, sd_rater=0.0, sd_item=1.0)
    fit = fit_clmm(y, X, rater, item, names=NAMES)
    assert fit.converged
    assert fit.sd_rater < 0.02
    assert "sd_rater is estimated at 0" in fit.message
    assert np.flatnonzero(np.isnan(fit.se)).tolist() == [6]


def test_a_standard_deviation_without_finite_estimate_is_no_converged_fit():
    _, X, rater, item = simulate()
    fit = fit_clmm(1 + rater % 2, X, rater, item, names=NAMES)  # every rater always gives one category
    assert not fit.converged
    assert "sd_rater runs away" in fit.message


def test_a_fit_that_ran_out_of_iterations_is_not_converged(data, monkeypatch):
    monkeypatch.setattr("pluralign.stats.clmm.MAX_ITERATIONS", 2)
    fit = fit_clmm(*data, names=NAMES)
    assert not fit.converged
    assert "stopped after 2 iterations" in fit.message


# --- refusals


def test_a_category_nobody_used_is_refused_when_levels_are_given(data):
    y, X, rater, item = data
    y = np.where(y == 3, 4, y)
    with pytest.raises(UnusedCategoryError, match="nobody used 3 of") as caught:
        fit_clmm(y, X, rater, item, names=NAMES, levels=[1, 2, 3, 4, 5])
    assert caught.value.categories == (3,)
    assert fit_clmm(y, X, rater, item, names=NAMES).levels == (1, 2, 4, 5)


def test_a_constant_column_is_named(data):
    y, X, rater, item = data
    with pytest.raises(RankDeficientError, match="column 'adult' is 1 in every row") as caught:
        fit_clmm(y, np.column_stack([X, np.ones(len(y))]), rater, item, names=[*NAMES, "adult"])
    assert caught.value.columns == ("adult",)


def test_dummies_without_a_reference_level_are_named(data):
    y, X, rater, item = data
    with pytest.raises(RankDeficientError, match="column 'female' is a combination") as caught:
        fit_clmm(y, np.column_stack([X, 1 - X[:, 0]]), rater, item, names=[*NAMES, "female"])
    assert caught.value.columns == ("female",)


def test_more_columns_than_ratings_are_refused():
    X = np.random.default_rng(0).normal(size=(4, 5))
    with pytest.raises(RankDeficientError, match="column 'd' is a combination"):
        fit_clmm([1, 2, 1, 2], X, [0, 0, 1, 1], [0, 1, 0, 1], names=list("abcde"))


def test_a_group_that_only_gives_the_highest_rating_is_named(data):
    y, X, rater, item = data
    group = (rater < 3).astype(float)
    with pytest.raises(SeparationError, match="'purists' predict ratings perfectly") as caught:
        fit_clmm(np.where(group > 0, 5, y), np.column_stack([X, group]), rater, item, names=[*NAMES, "purists"])
    assert caught.value.columns == ("purists",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y": np.ones(480, int)}, "y: every rating is 1"),
        ({"y": np.ones((480, 1), int)}, r"y: got shape \(480, 1\)"),
        ({"y": np.array([], int)}, r"y: got shape \(0,\)"),
        ({"y": np.full(480, "3")}, "y: got values of type <U1"),
        ({"y": np.r_[np.nan, np.ones(479)]}, "y: got nan in row 0"),
        ({"y": np.r_[1.0, np.inf, np.ones(478)]}, "y: got inf in row 1"),
        ({"y": np.r_[2.5, np.ones(479)]}, "y: got 2.5 in row 0"),
        ({"X": np.zeros((479, 2))}, r"X: got shape \(479, 2\)"),
        ({"X": np.full((480, 2), np.inf)}, "X: got inf in column 'male', row 0"),
        ({"rater": np.zeros(480)}, "rater: got one, 0.0; expected at least two"),
        ({"item": np.full(480, "I1")}, "item: got one, I1; expected at least two"),
        ({"item": np.zeros(479)}, r"item: got shape \(479,\)"),
        ({"rater": np.arange(480), "item": np.arange(480)}, "each of the 480 raters has one item of their own"),
        ({"names": ["male"]}, "names: got 1 names"),
        ({"names": ["male", "male"]}, "names: got 'male' more than once"),
        ({"levels": [1, 2, 3, 4]}, "y: got rating 5; expected one of the levels"),
        ({"levels": [5, 4, 3, 2, 1]}, r"levels: got \[5, 4, 3, 2, 1\]"),
        ({"start": np.zeros(3)}, r"start: got shape \(3,\)"),
        ({"start": np.full(8, np.nan)}, "start: got shape"),
        ({"start": np.r_[0, 800.0, np.zeros(6)]}, "start: the likelihood is not finite"),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_a_reason(data, changes, message):
    arguments = dict(zip(("y", "X", "rater", "item"), data, strict=True)) | {"names": NAMES} | changes
    with pytest.raises(ClmmDataError, match=message):
        fit_clmm(**arguments)


def test_two_large_factors_are_refused_before_they_fill_the_memory(data, monkeypatch):
    monkeypatch.setattr("pluralign.stats.clmm_data.MAX_CORE_LEVELS", 30)
    with pytest.raises(ClmmDataError, match="expected at most 30 of one of them"):
        fit_clmm(*data, names=NAMES)
