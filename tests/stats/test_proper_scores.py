"""Proper scores: hand-worked values, and a perfect prediction is best in expectation."""

import numpy as np
import pytest

from pluralign.errors import PluralignError
from pluralign.stats.proper_scores import (
    pairwise_log_loss,
    pooled_jensen_shannon,
    ranked_probability_score,
    skill,
    unbiased_cramer_distance,
)
from pluralign.stats.twoway import twoway_sums

TRUE = np.array([[0.1, 0.2, 0.4, 0.2, 0.1], [0.6, 0.2, 0.1, 0.05, 0.05], [0.05, 0.05, 0.1, 0.3, 0.5]])
OTHERS = {
    "the marginal": np.tile(TRUE.mean(0), (3, 1)),
    "too sure": np.eye(5)[TRUE.argmax(1)],
    "too unsure": 0.5 * TRUE + 0.1,
    "shifted": np.roll(TRUE, 1, axis=1),
}


def expected(score):
    """The expectation of a score over a rating of each of the three items."""
    return sum(TRUE[:, y] @ score(np.full(3, y)) for y in range(5)) / 3


@pytest.mark.parametrize("other", OTHERS, ids=list(OTHERS))
def test_the_true_distribution_has_the_lowest_expected_score(other):
    truth = expected(lambda y: ranked_probability_score(TRUE, y))
    assert expected(lambda y: ranked_probability_score(OTHERS[other], y)) > truth + 1e-3


def test_scores_by_hand():
    # F = (.2, .5, 1): of a 0, (.8² + .5²)/2 = .445; of a 2, (.2² + .5²)/2 = .145
    assert ranked_probability_score([[0.2, 0.3, 0.5]] * 2, [0, 2]) == pytest.approx([0.445, 0.145])


def test_a_far_miss_costs_more_than_a_near_one():
    near, far = ranked_probability_score([[1.0, 0, 0, 0, 0]] * 2, [1, 4])
    assert (near, far) == (0.25, 1.0)


def test_skill_does_not_depend_on_the_number_of_raters():
    rng = np.random.default_rng(0)
    found = []
    for raters in (1, 20):
        item = np.repeat(np.arange(3), 4000 // 20 * raters if raters == 20 else 4000)
        y = (rng.random(len(item))[:, None] > TRUE.cumsum(1)[item]).sum(1)
        found.append(
            skill(ranked_probability_score(TRUE[item], y), ranked_probability_score(OTHERS["the marginal"][item], y))
        )
    assert found[0] == pytest.approx(found[1], abs=0.02)
    assert found[0] > 0.2


@pytest.mark.parametrize("raters", [2, 3, 10])
def test_the_cramer_distance_is_unbiased_at_any_number_of_raters(raters):
    rng = np.random.default_rng(1)
    counts = np.stack([rng.multinomial(raters, p, size=20_000) for p in TRUE])
    for predicted in (TRUE, OTHERS["the marginal"], OTHERS["too sure"]):
        exact = (((predicted - TRUE).cumsum(1)[:, :-1]) ** 2).sum(1) / 4
        for k in range(3):
            found = unbiased_cramer_distance(np.tile(predicted[k], (20_000, 1)), counts[k])
            assert found.mean() == pytest.approx(exact[k], abs=5 * found.std() / np.sqrt(20_000) + 1e-9)


def test_one_rating_has_no_unbiased_distance():
    assert np.isnan(unbiased_cramer_distance([[0.5, 0.5]], [[1, 0]])[0])


def test_pairwise_log_loss_ignores_a_constant_shift_and_rewards_order():
    rng = np.random.default_rng(2)
    truth = rng.normal(size=400)
    a, b = rng.integers(400, size=(2, 6000))
    higher = rng.random(6000) < 1 / (1 + np.exp(-(truth[a] - truth[b])))
    first, second = np.where(higher, a, b), np.where(higher, b, a)
    cluster = np.minimum(a, b)

    def loss(expectation):
        return pairwise_log_loss(expectation[first] - expectation[second], np.ones(6000), cluster)[0]

    assert loss(truth) == loss(truth + 3.0)
    assert loss(truth) < loss(truth + rng.normal(size=400)) < loss(rng.normal(size=400))
    assert loss(rng.normal(size=400)) == pytest.approx(np.log(2), abs=0.01)


def test_pooled_jensen_shannon_of_a_perfect_prediction_is_at_its_floor_and_few_ratings_are_refused():
    rng = np.random.default_rng(3)
    counts = rng.multinomial(3, TRUE[0], size=400)
    found = pooled_jensen_shannon(np.tile(TRUE[0], (400, 1)), counts)
    assert found["distance"] < 3 * found["floor"] < 0.2
    assert pooled_jensen_shannon(np.tile([0.2] * 5, (400, 1)), counts)["distance"] > 5 * found["floor"]
    with pytest.raises(PluralignError, match=r"PA061.*300 ratings"):
        pooled_jensen_shannon(np.tile(TRUE[0], (100, 1)), counts[:100])


@pytest.mark.parametrize("wrong", [[[0.5, 0.6]], [[-0.1, 1.1]], [[np.nan, 1.0]], [0.5, 0.5], [[1.0]]], ids=str)
def test_what_is_no_distribution_is_refused(wrong):
    with pytest.raises(PluralignError, match="PA061"):
        ranked_probability_score(wrong, [0])


def test_a_rating_off_the_scale_is_refused():
    with pytest.raises(PluralignError, match="PA061"):
        ranked_probability_score([[0.5, 0.5]], [2])


def test_the_two_way_bootstrap_is_wider_than_one_that_takes_ratings_for_independent():
    rng = np.random.default_rng(4)
    rater, prompt = np.repeat(np.arange(40), 10), np.tile(np.arange(10), 40)
    y = rng.normal(size=40)[rater] + rng.normal(size=10)[prompt] + 0.1 * rng.normal(size=400)
    sums = twoway_sums(np.column_stack([y, np.ones(400)]), rater, prompt, 2000, 0)
    sd = np.nanstd(sums[:, 0] / sums[:, 1])
    assert sd > 3 * y.std() / np.sqrt(400)
    assert sd == pytest.approx(np.sqrt(y.var() * 0 + np.var([y[rater == r].mean() for r in range(40)]) / 40
                                       + np.var([y[prompt == p].mean() for p in range(10)]) / 10), rel=0.25)  # fmt: skip


def test_equal_seeds_pair_two_calls_on_the_same_ratings():
    rater, prompt = [0, 0, 1, 2], [0, 1, 1, 0]
    one, two = (twoway_sums(np.full((4, 1), value), rater, prompt, 50, 7) for value in (1.0, 2.0))
    assert np.array_equal(2 * one, two)
