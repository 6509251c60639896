"""Conditional probabilities against hand-worked values and properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pluralign.stats.conditional import ConditionalError, conditional_probability

CASES = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 4)), min_size=1, max_size=40)


def columns(cases):
    return (np.array(column) for column in zip(*cases, strict=True))


def simulated(n_raters=200, per_rater=5, seed=0):
    """Raters who differ much: those with a high propensity give the outcome nearly always."""
    rng = np.random.default_rng(seed)
    rater = np.repeat(np.arange(n_raters), per_rater)
    outcome = rng.random(len(rater)) < rng.beta(0.2, 0.6, n_raters)[rater]
    return np.ones(len(rater), dtype=bool), outcome, rater


def test_only_cases_with_the_condition_count():
    result = conditional_probability([True, True, True, False, False], [True, False, False, True, True])
    assert result.probability == pytest.approx(1 / 3)
    assert (result.n, result.n_outcome) == (3, 1)


def test_a_condition_that_never_holds_gives_nan_and_a_count_of_zero():
    result = conditional_probability(np.zeros(3, bool), np.ones(3, bool), rater=[1, 2, 3], bootstrap=10)
    assert np.isnan([result.probability, result.low, result.high]).all()
    assert (result.n, result.n_raters) == (0, 0)


def test_without_bootstrap_there_is_no_interval():
    result = conditional_probability([True, True], [True, False], rater=["a", "b"])
    assert np.isnan([result.low, result.high]).all()
    assert result.n_raters == 2


def test_the_interval_is_that_of_a_loop_over_drawn_raters():
    condition, outcome, rater = simulated(n_raters=30)
    drawn = np.random.default_rng(7).integers(30, size=(60, 30))
    looped = [np.concatenate([outcome[rater == one] for one in raters]).mean() for raters in drawn]
    result = conditional_probability(condition, outcome, rater=rater, bootstrap=60, seed=7)
    assert [result.low, result.high] == pytest.approx(np.quantile(looped, [0.025, 0.975]), abs=1e-12)


def test_drawing_raters_gives_a_wider_interval_than_drawing_cases():
    condition, outcome, rater = simulated()
    raters = conditional_probability(condition, outcome, rater=rater, bootstrap=400)
    cases = conditional_probability(condition, outcome, rater=np.arange(len(rater)), bootstrap=400)
    assert raters.probability == cases.probability
    # Intraclass correlation 1 / 1.8, five cases a rater: √(1 + 4 / 1.8) = 1.8.
    assert 1.5 < (raters.high - raters.low) / (cases.high - cases.low) < 2.1


def test_one_rater_gives_no_interval_rather_than_an_empty_one():
    result = conditional_probability([True, True], [True, False], rater=["a", "a"], bootstrap=20)
    assert np.isnan([result.low, result.high]).all()


def test_replicates_in_which_nobody_meets_the_condition_are_counted():
    condition = np.array([True, True, *[False] * 8])
    result = conditional_probability(condition, condition, rater=np.arange(10), bootstrap=1000)
    assert 60 < result.n_undefined < 160  # (8/10)^10 = .107
    # Two raters who both say yes: the exact interval of 2 of 2 is [√.025, 1].
    assert (result.low, result.high) == (pytest.approx(0.025**0.5), 1.0)


@settings(max_examples=60, deadline=None)
@given(cases=CASES, seed=st.integers(0, 1000))
def test_the_order_of_cases_changes_nothing(cases, seed):
    condition, outcome, rater = columns(cases)
    order = np.random.default_rng(seed).permutation(len(cases))
    straight = conditional_probability(condition, outcome, rater=rater, bootstrap=20)
    shuffled = conditional_probability(condition[order], outcome[order], rater=rater[order], bootstrap=20)
    np.testing.assert_equal(shuffled, straight)


@settings(max_examples=60, deadline=None)
@given(cases=CASES)
def test_an_outcome_and_its_opposite_sum_to_one(cases):
    condition, outcome, _ = columns(cases)
    both = [conditional_probability(condition, result).probability for result in (outcome, ~outcome)]
    assert np.isnan(both).all() if not condition.any() else sum(both) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: conditional_probability([1, 0], [True, False]), "given: got int64 of shape"),
        (lambda: conditional_probability([True], [[True]]), "outcome: got bool of shape"),
        (lambda: conditional_probability([True], [True, False]), "got 1 and 2 cases"),
        (lambda: conditional_probability([True], [True], bootstrap=9), "rater: got None"),
        (lambda: conditional_probability([True], [True], rater=[1, 2]), "rater: got shape"),
        (lambda: conditional_probability([True], [True], bootstrap=-1), "bootstrap: got -1"),
    ],
)
def test_what_has_no_conditional_probability_is_refused(call, message):
    with pytest.raises(ConditionalError, match=message):
        call()
