"""Paired differences on the same prompts: by hand, symmetries, what is undefined, and how often the interval holds the truth."""

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pluralign.stats.effects import EffectError, contrast, own_group_advantage, paired_difference
from pluralign.stats.joint import difference_weights, joint_effects

NAN = float("nan")
SCORE = st.integers(0, 4).map(lambda points: points / 4) | st.just(NAN)
PAIRS = st.lists(st.tuples(SCORE, SCORE, st.sampled_from("abcde")), min_size=1, max_size=20)


def scores(n_clusters=30, per_cluster=2, effect=-0.1, seed=0, n_systems=2, n_seeds=1):
    """(n_systems, n_seeds, n_prompts) scores in which templates differ, in level and in effect, and their labels."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(n_clusters), per_cluster)
    level = rng.normal(0, 0.05, n_clusters)[cluster]
    effects = effect + rng.normal(0, 0.05, (n_systems, n_clusters))[:, cluster]
    effects[0] = 0.0
    noise = rng.normal(0, 0.03, (n_systems, n_seeds, len(cluster)))
    return np.clip(0.5 + level + effects[:, None] + noise, 0, 1), cluster


# --- by hand


def test_the_estimate_and_its_error_are_those_worked_by_hand():
    # Sums .5 (n = 2) and .5 (n = 1); estimate 1/3; residuals −1/6 and 1/6; se² = 2 · (1/36 + 1/36) / 9 = 1/81.
    effect = paired_difference([0.5, 0.75, 1.0], [0.25, 0.5, 0.5], ["a", "a", "b"], bootstrap=0)
    assert effect.estimate == pytest.approx(1 / 3)
    assert effect.se == pytest.approx(1 / 9)
    assert effect.standardised == pytest.approx((1 / 3) / np.std([0.25, 0.5], ddof=1))
    assert effect.percent_change == pytest.approx(80.0)


def test_a_failed_judgement_drops_its_pair_and_is_counted():
    effect = paired_difference([0.5, NAN, 1.0, 0.0], [0.0, 0.5, 0.5, NAN], ["a", "b", "c", "d"], bootstrap=0)
    assert (effect.n_pairs, effect.n_dropped, effect.n_failed, effect.n_clusters) == (2, 2, (1, 1), 2)
    assert effect.estimate == 0.5


def test_seeds_are_averaged_and_the_two_systems_may_have_different_numbers_of_them():
    effect = paired_difference([[0.5, 1.0], [1.0, 0.5]], [0.25, 0.5], ["a", "b"], bootstrap=0)
    assert effect.estimate == pytest.approx(0.375)  # .75 − .25 and .75 − .5
    assert effect.n_seeds == (2, 1)


def test_a_prompt_on_which_one_seed_failed_drops_out():
    effect = paired_difference([[0.5, 1.0], [1.0, NAN]], [0.25, 0.5], ["a", "b"], bootstrap=0)
    assert (effect.estimate, effect.n_pairs, effect.n_failed) == (0.5, 1, (1, 0))


def test_own_group_advantage_ignores_a_harsher_group_and_a_better_model():
    aa, ba, bb, ab = (np.full(4, x) for x in (0.75, 0.5, 0.25, 0.25))
    cluster = np.arange(4)
    plain = own_group_advantage(aa, ba, bb, ab, cluster, bootstrap=0).estimate
    harsher_b = own_group_advantage(aa, ba, bb - 0.25, ab - 0.25, cluster, bootstrap=0).estimate
    better_a = own_group_advantage(aa + 0.125, ba, bb, ab + 0.125, cluster, bootstrap=0).estimate
    assert (plain, harsher_b, better_a) == (0.25, 0.25, 0.25)


def test_a_system_of_weight_zero_drops_nothing():
    effect = contrast([[1.0, 1.0], [0.5, 0.5], [NAN, NAN]], [1, -1, 0], ["a", "b"], bootstrap=0)
    assert effect.n_pairs == 2


# --- the interval


def test_the_interval_is_scipy_s_on_cluster_means_where_clusters_are_equal():
    from scipy.stats import bootstrap

    (base, tuned), cluster = scores()
    effect = paired_difference(tuned, base, cluster, seed=3)
    means = (tuned - base).reshape(-1, 2).mean(1)
    theirs = bootstrap((means,), np.mean, n_resamples=9999, method="BCa", random_state=np.random.default_rng(3))
    assert (effect.low, effect.high) == pytest.approx(tuple(theirs.confidence_interval), abs=1e-10)
    assert effect.se == pytest.approx(np.std(means, ddof=1) / np.sqrt(30))
    assert effect.notes == ()


def test_the_two_languages_of_a_prompt_are_not_two_prompts():
    (base, tuned), cluster = scores(60, 1)
    one = paired_difference(tuned, base, cluster)
    two = paired_difference(np.tile(tuned, 2), np.tile(base, 2), np.tile(cluster, 2))
    assert (two.low, two.high, two.se) == pytest.approx((one.low, one.high, one.se))


def test_the_percent_change_has_an_interval_of_its_own():
    (base, tuned), cluster = scores()
    effect = paired_difference(tuned, base, cluster)
    assert effect.percent_low < effect.percent_change < effect.percent_high < 0
    assert effect.percent_change == pytest.approx(100 * (tuned.mean() / base.mean() - 1))


@pytest.mark.slow
def test_the_interval_holds_the_truth_nineteen_times_in_twenty():
    rng = np.random.default_rng(5)
    cluster = np.repeat(np.arange(40), 2)
    held = 0
    for draw in range(400):
        skewed = 0.05 * rng.exponential(size=40)[cluster]
        effect = paired_difference(
            0.4 + skewed + rng.normal(0, 0.02, 80), np.full(80, 0.2), cluster, bootstrap=999, seed=draw
        )
        held += effect.low <= 0.25 <= effect.high
    assert 0.90 <= held / 400 <= 0.975  # Monte Carlo error .011; BCa with 40 skewed clusters is a little short


def test_equal_seeds_give_equal_intervals_and_the_estimate_owes_nothing_to_them():
    (base, tuned), cluster = scores()
    one, same, other = (paired_difference(tuned, base, cluster, bootstrap=500, seed=s) for s in (1, 1, 2))
    assert one == same
    assert (one.estimate, one.se) == (other.estimate, other.se)
    assert one.low != other.low


# --- what is undefined


def test_one_cluster_has_an_estimate_and_says_why_no_interval():
    effect = paired_difference([0.5, 1.0], [0.25, 0.5], ["a", "a"])
    assert effect.estimate == 0.375
    assert np.isnan([effect.low, effect.high, effect.se, effect.standardised, effect.percent_low]).all()
    assert effect.notes == ("no interval and no standard error: one cluster",)


def test_equal_differences_are_no_certainty():
    effect = paired_difference(np.full(20, 0.7), np.full(20, 0.6), np.arange(20))
    assert effect.estimate == pytest.approx(0.1)
    assert np.isnan([effect.low, effect.high, effect.se]).all()
    assert "all differences are equal" in effect.notes[0]


def test_no_complete_pair_has_no_estimate():
    effect = paired_difference([NAN, 0.5], [0.5, NAN], ["a", "b"])
    assert np.isnan(effect.estimate)
    assert (effect.n_pairs, effect.n_dropped) == (0, 2)
    assert "no prompt" in effect.notes[0]


def test_few_clusters_are_noted():
    (base, tuned), cluster = scores(9)
    assert "9 clusters" in paired_difference(tuned, base, cluster, bootstrap=200).notes[0]


def test_percent_of_nothing_is_undefined_not_infinite():
    effect = paired_difference([0.5, 0.25], [0.0, 0.0], ["a", "b"], bootstrap=200)
    assert np.isnan(effect.percent_change)
    assert "mean is 0" in effect.notes[-1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: paired_difference([3.0], [1.0], ["a"]), r"got a score of 3.0; expected 0 to 1.*\(score − 1\) / 4"),
        (lambda: paired_difference([0.5], [-0.5], ["a"]), "system 1: got a score of -0.5"),
        (lambda: paired_difference([0.5, 0.5], [0.5], ["a", "b"]), r"system 1: got scores of shape \(1, 1\)"),
        (lambda: paired_difference([0.5], [0.5], [None]), "missing labels"),
        (lambda: paired_difference([0.5], [0.5], [NAN]), "missing labels"),
        (lambda: paired_difference([0.5], [0.5], ["a"], bootstrap=-1), "bootstrap: got -1"),
        (lambda: contrast([[0.5], [0.5]], [1, 1], ["a"]), "that sum to 0"),
        (lambda: contrast([[0.5], [0.5]], [0, 0], ["a"]), "not all 0"),
        (lambda: contrast([[0.5], [0.5]], [1, -1, 0], ["a"]), r"weights: got shape \(1, 3\)"),
    ],
)
def test_what_has_no_effect_is_refused(call, message):
    with pytest.raises(EffectError, match=message):
        call()


# --- properties


@settings(max_examples=60, deadline=None)
@given(pairs=PAIRS, seed=st.integers(0, 100))
def test_the_order_of_prompts_changes_nothing(pairs, seed):
    first, second, cluster = (np.array(column) for column in zip(*pairs, strict=True))
    order = np.random.default_rng(seed).permutation(len(pairs))
    straight = paired_difference(first, second, cluster, bootstrap=50)
    shuffled = paired_difference(first[order], second[order], cluster[order], bootstrap=50)
    np.testing.assert_equal(astuple(shuffled), astuple(straight))  # quarters sum exactly


@settings(max_examples=60, deadline=None)
@given(pairs=PAIRS)
def test_swapping_the_systems_turns_the_sign(pairs):
    first, second, cluster = (np.array(column) for column in zip(*pairs, strict=True))
    there, back = (paired_difference(*two, cluster, bootstrap=50) for two in ((first, second), (second, first)))
    np.testing.assert_allclose([back.estimate, back.se], [-there.estimate, there.se])
    np.testing.assert_allclose(
        [-back.high, -back.low], [there.low, there.high], atol=0.12
    )  # BCa rounds its ranks one way
    assert there.n_pairs + there.n_dropped == len(pairs)


# --- several systems at once


def test_joint_estimates_and_errors_are_those_of_each_contrast_alone():
    matrix, cluster = scores(n_systems=3, n_seeds=2)
    matrix[1, 0, 5] = NAN
    weights = difference_weights([(1, 0), (2, 0), (2, 1)], 3)
    found = joint_effects(matrix, weights, cluster, bootstrap=10)
    alone = [contrast(matrix, row, cluster, bootstrap=0) for row in weights]
    np.testing.assert_allclose(found.estimates, [one.estimate for one in alone])
    np.testing.assert_allclose(found.se, [one.se for one in alone])
    assert found.n_dropped.tolist() == [one.n_dropped for one in alone] == [1, 0, 1]


def test_replicates_share_their_draws_so_that_differences_of_differences_hold_in_each():
    matrix, cluster = scores(n_systems=3)
    found = joint_effects(matrix[:, 0], difference_weights([(1, 0), (2, 0), (2, 1)], 3), cluster, bootstrap=50)
    np.testing.assert_allclose(found.replicates[:, 1] - found.replicates[:, 0], found.replicates[:, 2], atol=1e-12)


def test_the_covariance_is_that_of_the_replicates():
    matrix, cluster = scores(200, n_systems=3)
    found = joint_effects(matrix, difference_weights([(1, 0), (2, 0)], 3), cluster, bootstrap=8000)
    np.testing.assert_allclose(np.cov(found.replicates.T), found.covariance, rtol=0.06, atol=3e-7)


def test_drawing_seeds_adds_their_variance_without_the_shrinkage_of_few():
    rng = np.random.default_rng(0)
    seeds = np.array([0.45, 0.55])[:, None] + np.zeros(400)  # variance of their mean: .005 / 2
    found = joint_effects(
        [seeds, 0.3 + 0.01 * rng.random(400)], [[1, -1]], np.arange(400), bootstrap=8000, resample_seeds=True
    )
    assert found.covariance[0, 0] == pytest.approx(0.0025, rel=0.05)
    averaged = joint_effects([seeds, 0.3 + 0.01 * rng.random(400)], [[1, -1]], np.arange(400), bootstrap=100)
    assert averaged.covariance[0, 0] < 1e-6


def test_one_seed_cannot_be_drawn_and_leaves_the_draws_of_prompts():
    matrix, cluster = scores()
    drawn, averaged = (
        joint_effects(matrix, [[-1, 1]], cluster, bootstrap=50, resample_seeds=flag) for flag in (True, False)
    )
    np.testing.assert_array_equal(drawn.replicates, averaged.replicates)


def test_a_system_that_several_contrasts_share_has_the_same_seeds_in_each():
    base, cluster = scores(n_systems=1, n_seeds=3)
    other = np.full(len(cluster), 0.5)
    found = joint_effects([base[0], other, other], [[1, -1, 0], [1, 0, -1]], cluster, bootstrap=40, resample_seeds=True)
    np.testing.assert_allclose(found.replicates[:, 0], found.replicates[:, 1], atol=1e-14)


def test_replicates_without_a_complete_prompt_are_counted():
    found = joint_effects(
        [[0.5, NAN, NAN, NAN], [0.25, 0.5, 0.5, 0.5], [0.5, 0.5, 0.25, 0.5]],
        difference_weights([(0, 1), (2, 1)], 3), list("abcd"), bootstrap=1000,
    )  # fmt: skip
    assert 250 < found.n_undefined[0] < 390  # (3/4)^4 = .316
    assert found.n_undefined[1] == 0
    assert np.isnan(found.covariance[0]).all()
    assert np.isfinite(found.covariance[1, 1])


def test_a_contrast_without_variation_has_no_standard_error():
    found = joint_effects([np.full(12, 0.7), np.full(12, 0.6)], [[1, -1]], np.arange(12), bootstrap=20)
    assert np.isnan(found.se).all()
