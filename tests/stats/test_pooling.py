"""Pooling over models: metafor's answers, values by hand, symmetries, what is undefined, and models that share their prompts."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import chdtri, ndtri

from pluralign.stats.joint import compare_conditions, difference_weights, joint_effects, pool_jointly
from pluralign.stats.pooling import PoolingError, holm, infer, pool

NAN = float("nan")
MODELS = st.lists(
    st.tuples(st.floats(-1, 1).map(lambda x: round(x, 3)), st.floats(0.01, 1).map(lambda x: round(x, 3))),
    min_size=3,
    max_size=12,
)


# --- against metafor


@pytest.fixture(params=["heterogeneous", "homogeneous", "two", "strong"])
def case(request, shared):
    path = shared / "oracle" / "dersimonian_laird.json"
    if not path.exists():
        pytest.skip(f"metafor's answers are not here: no {path}")
    return json.loads(path.read_text())[request.param]


def test_dersimonian_laird_is_metafor_s(case):
    pooled = pool(case["y"], np.sqrt(case["v"]))
    # Under three models there is no p value and no interval of ours: metafor's follow from the estimate and its error.
    dl = infer(pooled.estimate, pooled.dl.se, np.inf, n_models=3)
    if pooled.n_models > 2:
        assert dl == pooled.dl
    ours = [pooled.estimate, dl.se, dl.statistic, dl.p, dl.low, dl.high]
    theirs = [case["b"], case["se"], case["z"], case["p"], *case["ci"]]
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12)
    assert [pooled.tau2, pooled.i2_percent, pooled.q] == pytest.approx([case["tau2"], case["I2"], case["QE"]], rel=1e-9)
    assert pooled.q_p == pytest.approx(case["QEp"], rel=1e-9, abs=0)


def test_hartung_knapp_before_its_modification_is_metafor_s(case):
    pooled = pool(case["y"], np.sqrt(case["v"]))
    plain = infer(pooled.estimate, pooled.dl.se * np.sqrt(pooled.hartung_knapp_scale), len(case["y"]) - 1.0, n_models=3)
    theirs = case["knha"]
    ours = [plain.se, plain.statistic, plain.p, plain.low, plain.high]
    assert ours == pytest.approx([theirs["se"], theirs["t"], theirs["p"], *theirs["ci"]], rel=1e-9, abs=1e-15)
    assert pooled.hartung_knapp.se >= pooled.dl.se


def test_predictions_have_metafor_s_variance_under_t(case):
    pooled = pool(case["y"], np.sqrt(case["v"]))
    half_z = (case["pi_z"][1] - case["pi_z"][0]) / 2
    assert np.sqrt(pooled.tau2 + pooled.dl.se**2) == pytest.approx(half_z / ndtri(0.975), rel=1e-9)


def test_the_interval_of_tau2_is_metafor_s_to_its_tolerance_and_solves_its_equation(case):
    pooled = pool(case["y"], np.sqrt(case["v"]))
    if pooled.n_models < 3:
        assert np.isnan(pooled.tau2_interval).all()
        return
    assert pooled.tau2_interval == pytest.approx(case["tau2_ci"], abs=1e-4)
    y, v = np.array(case["y"]), np.array(case["v"])
    for end, tail in zip(pooled.tau2_interval, (0.025, 0.975), strict=True):
        w = 1 / (v + end)
        q = (w * (y - (w * y).sum() / w.sum()) ** 2).sum()
        assert q == pytest.approx(chdtri(len(y) - 1, tail), rel=1e-8) if end > 0 else q <= chdtri(len(y) - 1, tail)


# --- by hand


def test_equal_variances_give_what_the_hand_gives():
    # s² = .25; mean 2, variance of effects 1: Q = 2 / .25 = 8, tau² = .75, I² = 6/8; each weight 1; se² = 1/3; HK scale 2/2.
    pooled = pool([1, 2, 3], [0.5, 0.5, 0.5])
    assert (pooled.estimate, pooled.q, pooled.tau2, pooled.i2_percent) == (2, 8, 0.75, 75)
    assert pooled.dl.se == pooled.hartung_knapp.se == pytest.approx(3**-0.5)
    assert pooled.hartung_knapp_scale == pytest.approx(1)
    assert pooled.dl.statistic == pytest.approx(2 * 3**0.5)
    assert pooled.hartung_knapp.high - 2 == pytest.approx(4.302653 * 3**-0.5, rel=1e-6)  # t(2)
    assert pooled.prediction_k_minus_2.high - 2 == pytest.approx(12.706205 * (0.75 + 1 / 3) ** 0.5, rel=1e-6)  # t(1)
    assert pooled.prediction_k_minus_1.high - 2 == pytest.approx(4.302653 * (0.75 + 1 / 3) ** 0.5, rel=1e-6)
    assert pooled.weights == pytest.approx([1 / 3] * 3)
    assert pooled.notes == ()


def test_effects_that_are_alike_by_chance_have_no_negative_variance_and_no_absurd_interval():
    # Untruncated, as statsmodels' combine_effects has it: I² = 100 (Q − 2) / Q = −24900 % here.
    pooled = pool([0.1, 0.2, 0.3], [1.0, 1.0, 1.0])
    assert pooled.q == pytest.approx(0.02)
    assert (pooled.tau2, pooled.i2_percent) == (0.0, 0.0)
    assert pooled.hartung_knapp_scale == pytest.approx(0.01)
    assert pooled.hartung_knapp.se == pooled.dl.se == pytest.approx(3**-0.5)
    assert "tau² is estimated as 0" in pooled.notes[0]


def test_equal_effects_have_no_heterogeneity():
    pooled = pool([0.25] * 4, [0.5] * 4)
    assert (pooled.q, pooled.tau2, pooled.i2_percent, pooled.q_p) == (0, 0, 0, 1)


def test_two_models_have_an_estimate_and_no_interval():
    # 1 / .01 = 100 and 1 / .04 = 25; mean .18; Q = 100 · .0064 + 25 · .1024 = 3.2; tau² = 2.2 / (125 − 10625 / 125) = .055.
    pooled = pool([0.1, 0.5], [0.1, 0.2])
    assert (pooled.q, pooled.tau2, pooled.estimate) == pytest.approx((3.2, 0.055, 0.2625))
    assert np.isfinite([pooled.dl.se, pooled.dl.statistic]).all()
    for one in (pooled.dl, pooled.hartung_knapp):
        assert np.isnan([one.low, one.high, one.p]).all()
    assert np.isnan([*pooled.prediction_k_minus_1, *pooled.prediction_k_minus_2, *pooled.tau2_interval]).all()
    assert pooled.notes == ("no p value and no interval: 2 models; expected at least 3",)


def test_one_model_is_itself_and_none_is_nothing():
    one, none = pool([0.25], [0.5]), pool([NAN], [0.5])
    assert (one.estimate, one.dl.se, one.weights) == (0.25, 0.5, (1.0,))
    assert np.isnan([one.tau2, one.q, one.i2_percent, one.hartung_knapp.se]).all()
    assert np.isnan([none.estimate, none.dl.se]).all()
    assert (none.n_models, none.n_dropped) == (0, 1)
    assert pool([], []).n_models == 0


def test_an_undefined_effect_is_left_out_and_counted():
    pooled = pool([1, NAN, 2, 3, 4], [0.5, 0.5, 0.5, 0.5, NAN])
    assert (pooled.estimate, pooled.n_models, pooled.n_dropped) == (2, 3, 2)
    assert pooled.weights == pytest.approx([1 / 3, 0, 1 / 3, 1 / 3, 0])
    assert "2 models left out" in pooled.notes[-1]


def test_an_error_that_all_models_share_widens_intervals_and_nothing_else():
    plain, shared = pool([1, 2, 3], [0.5] * 3), pool([1, 2, 3], [0.5] * 3, shared_se=0.5)
    assert shared.dl.se**2 == pytest.approx(1 / 3 + 0.25)
    assert shared.hartung_knapp.se**2 == pytest.approx(1 / 3 + 0.25)
    assert (shared.estimate, shared.tau2, shared.weights) == (plain.estimate, plain.tau2, plain.weights)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pool([1, 2], [0.5]), r"got shapes \(2,\) and \(1,\)"),
        (lambda: pool([1, 2, 3], [0.5, 0.0, 0.5]), "se: got 0.0 of model 1; expected above 0.*give NaN"),
        (lambda: pool([1, np.inf], [0.5, 0.5]), "infinite"),
        (lambda: pool([1, 2], [0.5, 0.5], shared_se=-1), "shared_se: got -1"),
        (lambda: holm([0.5, 1.5]), "p values from 0 to 1"),
        (lambda: pool_jointly([1, 2], np.eye(3)), r"covariance: got shape \(3, 3\)"),
        (lambda: pool_jointly([1, 2], -np.eye(2)), "got a variance of -1.0"),
        (lambda: pool_jointly([1, 2], np.eye(2), np.zeros((5, 3))), r"replicates: got shape \(5, 3\)"),
        (lambda: compare_conditions(np.zeros((2, 3)), np.zeros((2, 3, 2, 3)), ["a"]), "and 1 names"),
    ],
)
def test_what_cannot_be_pooled_is_refused(call, message):
    with pytest.raises(PoolingError, match=message):
        call()


# --- properties


def numbers(pooled):
    return [pooled.estimate, pooled.dl.se, pooled.hartung_knapp.se, pooled.tau2, pooled.i2_percent, pooled.q, pooled.q_p,
            *pooled.tau2_interval]  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(models=MODELS, seed=st.integers(0, 100))
def test_the_order_of_models_changes_nothing(models, seed):
    y, s = np.array(models).T
    order = np.random.default_rng(seed).permutation(len(y))
    assert numbers(pool(y[order], s[order])) == pytest.approx(numbers(pool(y, s)), rel=1e-6, abs=1e-9)


@settings(max_examples=80, deadline=None)
@given(models=MODELS)
def test_turning_signs_turns_the_interval_and_units_cancel(models):
    y, s = np.array(models).T
    there, back, scaled = pool(y, s), pool(-y, s), pool(100 * y, 100 * s)
    assert (back.dl.low, back.dl.high) == pytest.approx((-there.dl.high, -there.dl.low), abs=1e-12)
    assert (back.dl.p, back.hartung_knapp.p) == pytest.approx((there.dl.p, there.hartung_knapp.p))
    assert (scaled.dl.p, scaled.i2_percent, scaled.q) == pytest.approx(
        (there.dl.p, there.i2_percent, there.q), rel=1e-6, abs=1e-9
    )


@settings(max_examples=80, deadline=None)
@given(models=MODELS)
def test_bounds_hold(models):
    y, s = np.array(models).T
    pooled = pool(y, s)
    assert pooled.tau2 >= 0
    assert 0 <= pooled.i2_percent <= 100
    assert y.min() - 1e-12 <= pooled.estimate <= y.max() + 1e-12
    assert sum(pooled.weights) == pytest.approx(1)
    assert pooled.hartung_knapp.low <= pooled.dl.low
    assert pooled.dl.high <= pooled.hartung_knapp.high
    assert pooled.prediction_k_minus_2.low <= pooled.prediction_k_minus_1.low <= pooled.dl.low + 1e-12
    assert pooled.tau2_interval.low <= pooled.tau2_interval.high


@settings(max_examples=80, deadline=None)
@given(models=MODELS)
def test_joint_pooling_of_independent_errors_is_dersimonian_laird(models):
    y, s = np.array(models).T
    found = pool_jointly(y, np.diag(s**2))
    assert [found.tau2, found.estimate, found.joint.se] == pytest.approx(
        [found.pooled.tau2, found.pooled.estimate, found.pooled.dl.se], rel=1e-7, abs=1e-9
    )


# --- Holm


def test_holm_is_what_the_hand_gives_in_input_order():
    # Sorted .01 .03 .04 .2: × 4, 3, 2, 1 = .04 .09 .08 .2; never falling: .04 .09 .09 .2.
    assert holm([0.2, 0.04, 0.01, 0.03]) == pytest.approx([0.2, 0.09, 0.04, 0.09])


def test_holm_counts_no_test_that_was_not_made():
    np.testing.assert_allclose(holm([0.01, NAN, 0.04]), [0.02, NAN, 0.04])
    assert np.isnan(holm([NAN])).all()
    assert holm([]).shape == (0,)


@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_keeps_the_order_and_stays_between_p_and_bonferroni(p):
    values, adjusted = np.array(p), holm(p)
    assert (adjusted >= values).all()
    assert (adjusted <= np.minimum(1, len(p) * values) + 1e-15).all()
    assert (np.diff(adjusted[np.argsort(values, kind="stable")]) >= 0).all()


# --- models that answer the same prompts


def trained(n_conditions=2, n_models=5, n_templates=40, seed=0):
    """Scores, base models first and then condition by condition, on templates that move all models alike."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(n_templates), 2)
    base = 0.6 + rng.normal(0, 0.03, (n_models, len(cluster)))
    common = rng.normal(0, 0.06, n_templates)[cluster]
    level = rng.normal(0, 0.03, (n_models, 1))
    conditions = [
        base - 0.1 - 0.02 * c + common + level + rng.normal(0, 0.02, (n_models, len(cluster)))
        for c in range(n_conditions)
    ]
    return np.clip(np.vstack([base, *conditions]), 0, 1), cluster


def test_models_on_the_same_prompts_have_correlated_errors_and_an_interval_that_knows_it():
    scores, cluster = trained(1)
    effects = joint_effects(scores, difference_weights([(5 + m, m) for m in range(5)], 10), cluster, bootstrap=1000)
    found = pool_jointly(effects.estimates, effects.covariance, effects.replicates)
    drawn = np.corrcoef(effects.replicates.T)
    assert found.mean_correlation > 0.6
    np.testing.assert_allclose(found.correlation, drawn, atol=0.1)
    assert found.tau2 > found.pooled.tau2
    assert found.joint.high - found.joint.low > found.pooled.dl.high - found.pooled.dl.low
    assert found.joint.low < found.prompts.low < found.estimate < found.prompts.high < found.joint.high
    assert (found.n_replicates, found.n_undefined) == (1000, 0)


def test_two_models_have_no_joint_interval_either():
    found = pool_jointly([0.1, 0.2], np.diag([0.01, 0.04]), np.zeros((9, 2)))
    assert np.isnan([found.joint.p, found.joint.low, *found.prompts]).all()
    assert np.isfinite(found.estimate)


def test_a_model_without_an_effect_leaves_the_others_as_they_are():
    S = np.full((4, 4), 0.1) + np.diag([0.2, 0.3, 0.4, 0.5])
    without = pool_jointly([1, 2, 3], S[1:, 1:])
    S[0] = S[:, 0] = NAN
    found = pool_jointly([NAN, 1, 2, 3], S, np.full((4, 4), [NAN, 1, 2, 3]))
    assert (found.estimate, found.joint) == (without.estimate, without.joint)
    assert (found.pooled.n_dropped, found.n_undefined) == (1, 0)
    assert found.prompts == pytest.approx((found.estimate, found.estimate))


def compared(scores, cluster, n_conditions, n_models):
    pairs = [(n_models * (1 + c) + m, m) for c in range(n_conditions) for m in range(n_models)]
    effects = joint_effects(scores, difference_weights(pairs, len(scores)), cluster, bootstrap=2)
    shape = (n_conditions, n_models)
    names = [f"condition {c}" for c in range(n_conditions)]
    return compare_conditions(effects.estimates.reshape(shape), effects.covariance.reshape(shape * 2), names)


def test_conditions_are_compared_within_models_and_the_base_model_cancels():
    scores, cluster = trained(3)
    found = compared(scores, cluster, 3, 5)
    assert [(one.first[-1], one.second[-1]) for one in found] == [("0", "1"), ("0", "2"), ("1", "2")]
    direct = joint_effects(
        scores, difference_weights([(5 + m, 10 + m) for m in range(5)], len(scores)), cluster, bootstrap=2
    )
    by_hand = pool_jointly(direct.estimates, direct.covariance)
    assert found[0].pooled.estimate == pytest.approx(by_hand.estimate)
    assert found[0].pooled.joint.se == pytest.approx(by_hand.joint.se)
    assert found[0].pooled.joint.se < 0.01  # the templates' and the models' common .06 and .03 are gone


def test_comparisons_of_an_experiment_are_one_family():
    found = compared(*trained(3), 3, 5)
    assert [one.p_holm_dl for one in found] == holm([one.pooled.pooled.dl.p for one in found]).tolist()
    assert [one.p_holm_joint for one in found] == holm([one.pooled.joint.p for one in found]).tolist()
    plain = [one.pooled.pooled.hartung_knapp.p for one in found]
    assert [one.p_holm_hartung_knapp for one in found] == holm(plain).tolist()


def test_a_condition_compared_with_its_copy_is_undefined_not_certain():
    scores, cluster = trained(1)
    (only,) = compared(np.vstack([scores, scores[5:]]), cluster, 2, 5)
    assert np.isnan([only.pooled.estimate, only.p_holm_joint]).all()
    assert only.pooled.pooled.n_dropped == 5
