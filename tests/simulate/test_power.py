"""Power of planned studies: assignment, the simulated fits, the formula, and the number of raters."""

import numpy as np
import pytest
from scipy.special import expit, ndtr, ndtri

from pluralign.errors import PluralignError
from pluralign.simulate.power import power
from pluralign.simulate.power_approximation import approximate, standard_error
from pluralign.simulate.power_curve import crossing, curves, monotone
from pluralign.simulate.power_design import RatingDesign, assign, outcome
from pluralign.simulate.power_model import RatingModel, fitted_model
from pluralign.simulate.power_summary import Replicate, Share, summary

PLAIN = RatingModel((-1.0, 0.0, 1.0), 0.0, 0.0)
MODEL = RatingModel((-1.3, 0.5, 2.0), 0.8, 1.2)
LOADS = [
    RatingDesign(7, 5, raters_per_item=4),
    RatingDesign(7, 5, raters_per_item=7),
    RatingDesign(40, 30, raters_per_item=3),
    RatingDesign(50, 9, items_per_rater=7),
    RatingDesign(12, 300, items_per_rater=60),
]


# Who rates what


@pytest.mark.parametrize("design", LOADS, ids=str)
def test_nobody_rates_an_item_twice_and_loads_are_even(design):
    for replicate in range(20):
        rater, item = assign(design.generator(0, replicate), design)
        assert len(rater) == len(item) == design.n_ratings
        assert len(set(zip(rater.tolist(), item.tolist(), strict=True))) == design.n_ratings
        for labels, n in ((rater, design.n_raters), (item, design.n_items)):
            load = np.bincount(labels, minlength=n)
            assert load.max() - load.min() <= 1
            assert load.min() >= 1


def test_the_group_is_the_asked_share_of_the_raters():
    design = RatingDesign(50, 20, raters_per_item=10, share=0.1)
    drawn = outcome(design.generator(0, 0), design, MODEL, 0.5)
    assert len(set(drawn.rater[drawn.in_group == 1])) == design.n_group == 5


def test_equal_generators_give_equal_people_for_any_effect():
    design = RatingDesign(50, 20, raters_per_item=10)
    none, some = (outcome(design.generator(3, 1), design, MODEL, effect) for effect in (0.0, 0.7))
    assert (none.rater == some.rater).all()
    assert (none.value <= some.value).all()
    assert np.allclose(some.eta - none.eta, 0.7 * some.in_group)


# The simulated answer


@pytest.mark.slow
def test_without_random_effects_power_is_that_of_the_two_sample_proportional_odds_formula():
    design, odds_ratio, n = RatingDesign(100, 100, items_per_rater=4), 1.6, 100
    share = np.diff([0, *expit(np.array(PLAIN.thresholds) - np.log(odds_ratio) / 2), 1])
    se = np.sqrt(3 / (400 * 0.25 * (1 - (share**3).sum())))  # Whitehead (1993)
    expected = float(ndtr(np.log(odds_ratio) / se - ndtri(0.975)))
    (row,) = power([design], PLAIN, odds_ratio, replicates=n)
    assert 0.6 < expected < 0.9
    assert abs(row.power.value - expected) < 3 * np.sqrt(expected * (1 - expected) / n)
    assert row.mean_se == pytest.approx(se, rel=0.06)


@pytest.mark.slow
def test_one_job_and_two_give_equal_results():
    designs = [RatingDesign(40, 20, raters_per_item=6), RatingDesign(60, 20, raters_per_item=6, share=0.3)]
    one, two = (power(designs, MODEL, 2.0, replicates=4, seed=5, jobs=jobs, type_i_error=True) for jobs in (1, 2))
    assert [row.as_dict() for row in one] == [row.as_dict() for row in two]


def test_a_design_gives_the_same_in_any_company_and_another_seed_gives_another_answer():
    small, large = RatingDesign(40, 20, raters_per_item=6), RatingDesign(60, 20, raters_per_item=6)
    alone, beside = power([large], MODEL, 2.0, replicates=3), power([small, large], MODEL, 2.0, replicates=3)
    assert alone[0].as_dict() == beside[1].as_dict()
    assert power([large], MODEL, 2.0, replicates=3, seed=1)[0].mean_estimate != alone[0].mean_estimate


@pytest.mark.slow
def test_power_grows_with_raters():
    designs = [RatingDesign(n, 40, items_per_rater=6) for n in (30, 90, 270)]
    few, more, many = (row.power.value for row in power(designs, MODEL, 1.8, replicates=30))
    assert few < more < many


def test_an_unbalanced_group_costs_power():
    even, few = (approximate(RatingDesign(300, 60, items_per_rater=5, share=s), MODEL, 1.5).power for s in (0.5, 0.1))
    assert few < even - 0.2


def test_effects_below_one_are_found_below_one():
    (row,) = power([RatingDesign(60, 40, items_per_rater=10)], MODEL, 0.25, replicates=8)
    assert row.mean_estimate < 0
    assert row.power.value == 1


def test_what_cannot_be_fitted_is_counted_with_its_reason():
    # Two categories, one of them used about once in 50,000 ratings.
    rare = RatingModel((11.0,), 0.1, 0.1)
    (row,) = power([RatingDesign(10, 10, raters_per_item=2)], rare, 1.5, replicates=6)
    assert (row.n_failed, row.n_fitted, row.failures) == (6, 0, {"ClmmData": 6})
    told = row.as_dict()
    assert told["power"]["value"] is None
    assert set(told["undefined"]) == {"power", "type_s_error", "exaggeration", "sd_estimate"}


@pytest.mark.slow
def test_the_type_i_error_is_alpha_where_raters_have_many_items():
    (row,) = power([RatingDesign(80, 40, items_per_rater=20)], MODEL, 1.5, replicates=400, jobs=2, type_i_error=True)
    assert row.type_i_error.low < 0.055
    assert row.type_i_error.high > 0.045


# The summary, by hand


def test_summary_counts_signs_and_failures_by_hand():
    found = [
        Replicate(1.0, 0.3, 0.001), Replicate(-1.0, 0.3, 0.001), Replicate(0.2, 0.3, 0.5), Replicate(2.0, 0.3, 0.001),
        Replicate(failure="Separation"),
    ]  # fmt: skip
    row = summary(LOADS[0], 0.5, 0.05, found)
    assert (row.power.k, row.power.n) == (2, 4)
    assert row.type_s_error.value == pytest.approx(1 / 3)
    assert row.exaggeration == pytest.approx((2 + 2 + 4) / 3)
    assert row.mean_estimate == pytest.approx(0.55)
    assert row.bias == pytest.approx(0.05)
    assert (row.n_failed, row.failures) == (1, {"Separation": 1})


# The formula


def test_the_formula_without_effects_is_whiteheads():
    design = RatingDesign(100, 50, items_per_rater=5)
    drawn = outcome(design.generator(0, 0), design, PLAIN, 0.0)
    share = np.diff([0, *expit(PLAIN.thresholds), 1])
    assert standard_error(drawn, PLAIN) == pytest.approx(np.sqrt(3 / (500 * 0.25 * (1 - (share**3).sum()))), rel=1e-9)


@pytest.mark.slow
def test_the_formula_agrees_with_simulation():
    design = RatingDesign(120, 60, items_per_rater=10)
    (row,) = power([design], MODEL, 1.6, replicates=150)
    quick = approximate(design, MODEL, 1.6)
    assert abs(row.power.value - quick.power) < 3 * np.sqrt(quick.power * (1 - quick.power) / 150)
    assert row.mean_se == pytest.approx(quick.se, rel=0.05)


def test_type_s_and_exaggeration_of_the_formula_are_those_of_a_normal_estimate():
    quick = approximate(RatingDesign(60, 20, raters_per_item=6), MODEL, 1.1)
    draws = np.random.default_rng(0).normal(np.log(1.1), quick.se, 400_000)
    significant = draws[np.abs(draws) > 1.959964 * quick.se]
    assert quick.type_s_error == pytest.approx((significant < 0).mean(), abs=0.01)
    assert quick.exaggeration == pytest.approx(np.abs(significant).mean() / np.log(1.1), rel=0.01)


# How many raters


def test_the_number_of_raters_is_found_between_designs_and_not_beyond_them():
    designs = [RatingDesign(n, 50, items_per_rater=5) for n in (100, 400, 900)]
    (between,) = curves(designs, [Share.of(50, 100), Share.of(75, 100), Share.of(95, 100)])
    assert 400 < between.needed < 900
    assert between.low < between.needed < between.high
    (above,) = curves(designs, [Share.of(k, 100) for k in (10, 20, 30)])
    assert above.needed is above.high is None
    assert above.reasons["needed"].startswith("above 900, the most simulated")
    (below,) = curves(designs, [Share.of(k, 100) for k in (95, 97, 99)])
    assert below.needed is None
    assert below.reasons["needed"].startswith("below 100, the fewest simulated")


def test_the_interval_narrows_with_replicates():
    designs = [RatingDesign(n, 50, items_per_rater=5) for n in (100, 900)]
    few, many = (curves(designs, [Share.of(n // 5, n), Share.of(19 * n // 20, n)])[0] for n in (100, 2000))
    assert many.high - many.low < few.high - few.low


def test_a_curve_is_monotone_where_the_shares_are_not():
    assert monotone(np.array([0.5, 0.9, 0.7]), np.array([1.0, 1.0, 3.0])).tolist() == pytest.approx([0.5, 0.75, 0.75])
    assert crossing(np.array([4.0, 9.0]), np.array([0.8, 0.9]), 0.8) == 4.0


def test_designs_that_differ_in_more_than_raters_make_curves_of_their_own():
    designs = [RatingDesign(n, i, items_per_rater=5) for i in (50, 60) for n in (100, 400)]
    found = curves([*designs, RatingDesign(100, 70, items_per_rater=5)], [0.5, 0.9, 0.6, 0.95, 0.5])
    assert [curve.n_items for curve in found] == [50, 60]
    assert found[0].needed > found[1].needed


def test_a_design_that_could_not_be_fitted_is_no_point_of_a_curve():
    designs = [RatingDesign(n, 50, items_per_rater=5) for n in (100, 400, 900)]
    (curve,) = curves(designs, [Share.of(0, 0), Share.of(50, 100), Share.of(95, 100)])
    assert curve.n_raters == (400, 900)


# Where the model comes from


def test_the_calibrated_model_is_the_simulations():
    model = RatingModel.calibrated("toxicity")
    assert (model.item_sd, model.rater_sd) == (1.768995, 0.968919)


@pytest.mark.slow
def test_a_model_fitted_to_the_shipped_release_has_its_true_sds(shipped):
    truth, found = RatingModel.calibrated("toxicity"), fitted_model(shipped, "toxicity")
    assert found.rater_sd == pytest.approx(truth.rater_sd, rel=0.1)
    assert found.item_sd == pytest.approx(truth.item_sd, rel=0.1)
    assert "SIMULATED" in found.source


# Bad inputs


@pytest.mark.parametrize(
    "wrong",
    [
        {"raters_per_item": 5, "items_per_rater": 5},
        {},
        {"raters_per_item": 101},
        {"raters_per_item": 0},
        {"items_per_rater": 51},
        {"raters_per_item": 1},
        {"raters_per_item": 5, "share": 0.01},
        {"raters_per_item": 5, "share": 1.0},
        {"raters_per_item": 5, "share": float("nan")},
        {"raters_per_item": 5, "n_raters": 3},
        {"raters_per_item": 5, "n_items": 1},
        {"items_per_rater": 1, "n_items": 100},
    ],
    ids=str,
)
def test_a_design_that_cannot_be_done_is_refused(wrong):
    with pytest.raises(PluralignError) as error:
        RatingDesign(**{"n_raters": 100, "n_items": 50} | wrong)
    assert error.value.code == "PA041"


@pytest.mark.parametrize(
    ("code", "call"),
    [
        ("PA041", lambda: RatingModel((), 1, 1)),
        ("PA041", lambda: RatingModel((1.0, 1.0), 1, 1)),
        ("PA041", lambda: RatingModel((0.0, float("nan")), 1, 1)),
        ("PA041", lambda: RatingModel((0.0,), -1, 1)),
        ("PA041", lambda: RatingModel((0.0,), 1, float("inf"))),
        ("PA024", lambda: RatingModel.calibrated("toxicty")),
        ("PA041", lambda: power([LOADS[0]], MODEL, 1.0)),
        ("PA041", lambda: power([LOADS[0]], MODEL, -2.0)),
        ("PA041", lambda: power([LOADS[0]], MODEL, float("nan"))),
        ("PA041", lambda: power([LOADS[0]], MODEL, 2.0, alpha=0.0)),
        ("PA041", lambda: power([LOADS[0]], MODEL, 2.0, replicates=0)),
        ("PA041", lambda: power([LOADS[0]], MODEL, 2.0, jobs=0)),
        ("PA041", lambda: approximate(LOADS[0], MODEL, 1.0)),
        ("PA041", lambda: curves([], [], target=1.0)),
    ],
)
def test_what_is_out_of_range_is_refused(code, call):
    with pytest.raises(PluralignError) as error:
        call()
    assert error.value.code == code
