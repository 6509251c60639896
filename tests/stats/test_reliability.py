"""Split halves: the ceiling is the correlation that the truth itself has with item means."""

import numpy as np
import pytest

from pluralign.errors import PluralignError
from pluralign.stats.reliability import correlation, spearman_brown, split_half


def rated(n_items: int, n_raters: int, noise: float, seed: int = 0):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n_items)
    item = np.repeat(np.arange(n_items), n_raters)
    return truth, item, truth[item] + noise * rng.normal(size=len(item))


@pytest.mark.parametrize("n_raters", [2, 3, 4, 5])
def test_the_ceiling_is_what_the_truth_correlates_with_the_means(n_raters):
    truth, item, rating = rated(4000, n_raters, 1.5)
    means = np.bincount(item, rating) / n_raters
    assert split_half(item, rating, splits=20).ceiling == pytest.approx(correlation(truth, means), abs=0.03)


def test_reliability_of_three_ratings_is_the_intraclass_formula():
    _, item, rating = rated(8000, 3, np.sqrt(2))
    assert split_half(item, rating, splits=20).reliability == pytest.approx(1 / (1 + 2 / 3), abs=0.02)


def test_ratings_without_noise_are_fully_reliable():
    _, item, rating = rated(50, 4, 0.0)
    assert split_half(item, rating, splits=3).ceiling == pytest.approx(1.0)


def test_noise_alone_has_no_ceiling_to_speak_of():
    rng = np.random.default_rng(3)
    found = split_half(np.repeat(np.arange(3000), 3), rng.normal(size=9000), splits=20)
    assert abs(found.reliability) < 0.06


def test_the_order_of_rows_and_names_of_items_change_nothing_but_the_draw():
    _, item, rating = rated(2000, 3, 1.0)
    order = np.random.default_rng(1).permutation(len(item))
    there, back = split_half(item, rating, 50), split_half(item[order] + 7, rating[order], 50)
    assert there.reliability == pytest.approx(back.reliability, abs=0.02)


def test_items_with_one_rating_say_nothing():
    found = split_half([0, 1, 2, 3, 3], [1, 2, 3, 4, 5])
    assert found.n_items == 1
    assert np.isnan(found.reliability)


def test_equal_seeds_give_equal_halves():
    _, item, rating = rated(60, 3, 1.0)
    assert split_half(item, rating, 5, seed=4) == split_half(item, rating, 5, seed=4)


def test_spearman_brown_by_one_changes_nothing():
    assert spearman_brown(0.37, 1.0) == pytest.approx(0.37)


def test_lengths_that_differ_are_refused():
    with pytest.raises(PluralignError, match="PA061"):
        split_half([0, 1], [1.0])
