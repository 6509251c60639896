"""Who rated, and how ratings are spread."""

import numpy as np
import pytest

from pluralign.analysis.cells import Coded
from pluralign.analysis.raters import distributions, rater_counts

from ..views.conftest import COARSE, FINE, FIVE, make_ratings, random_ratings

UNSAID = dict.fromkeys(("country", "gender", "age_band", "politics"), "undisclosed") | {"ethnicity": ["undisclosed"]}


def counted(ratings):
    return {(one.attribute, one.value): one for one in rater_counts(ratings)}


def test_several_values_count_under_each_and_once_under_multiple():
    people = {
        "a": {"ethnicity": ["white", "black"]},
        "b": {"ethnicity": ["black"]},
        "c": {"ethnicity": ["undisclosed"]},
    }
    rows = [("a", "p0-0", "toxicity", 1, 1), ("a", "p1-0", "toxicity", 2, 1), ("b", "p0-0", "toxicity", 3, 2)]
    found = counted(make_ratings(rows, people))
    ethnicity = {
        value: (one.n_raters, one.n_ratings) for (attribute, value), one in found.items() if attribute == "ethnicity"
    }
    assert ethnicity == {"white": (1, 2), "black": (2, 3), "multiple": (1, 2), "undisclosed": (1, 0)}
    assert found["ethnicity", "black"].share == pytest.approx(2 / 3)


def test_an_attribute_that_nobody_gave_is_left_out_and_one_that_some_gave_is_not():
    rows = [("a", "p0-0", "toxicity", 1, 1), ("b", "p0-0", "toxicity", 2, 2)]
    assert rater_counts(make_ratings(rows, {"a": UNSAID, "b": UNSAID})) == []
    found = counted(make_ratings(rows, {"a": UNSAID, "b": UNSAID | {"gender": "male"}}))
    assert {key: one.n_raters for key, one in found.items()} == {("gender", "male"): 1, ("gender", "undisclosed"): 1}


def test_values_come_in_the_schema_s_order_and_single_valued_attributes_sum_to_all_raters():
    ratings = random_ratings()
    found = rater_counts(ratings)
    for attribute in ("country", "gender", "age_band", "politics"):
        own = [one for one in found if one.attribute == attribute]
        assert sum(one.n_raters for one in own) == ratings.raters.num_rows
        assert sum(one.n_ratings for one in own) == ratings.ratings.num_rows
        assert sum(one.share for one in own) == pytest.approx(1)
    groups = ratings.groups
    assert {one.value: one.n_raters for one in found if one.value in groups} == {
        g: n for g, n in groups.items() if g != "everyone"
    }


def test_counts_sum_to_the_ratings_and_the_mean_is_the_plain_mean():
    ratings = random_ratings(1, dimensions=(FIVE, FINE, COARSE))
    for one in distributions(Coded(ratings), groups=["everyone", "male"], bootstrap=0):
        values = ratings.view(one.group, one.scale, "individual", one.dimension).column("value").to_numpy()
        assert sum(one.counts) == len(values)
        assert one.mean == pytest.approx(values.mean(), abs=1e-12)
        assert one.mean == pytest.approx(np.average(one.values, weights=one.counts), abs=1e-12)
        assert np.isnan([one.low, one.high]).all()


def test_a_mean_has_an_interval_over_raters_with_a_seed():
    first, again, other = (
        distributions(Coded(random_ratings()), ["toxicity"], bootstrap=100, seed=s)[0] for s in (0, 0, 1)
    )
    assert first == again
    assert first.low < first.mean < first.high
    assert other.low != first.low


def test_raters_are_drawn_whole():
    # Twice as many equal ratings by each rater are no new evidence.
    rows = [(f"r{k}", f"p{i}-0", "toxicity", 1 + k % 5, k + 1) for k in range(40) for i in range(2)]
    once = distributions(Coded(make_ratings(rows[::2])), bootstrap=200)[0]
    twice = distributions(Coded(make_ratings(rows)), bootstrap=200)[0]
    assert (twice.mean, twice.low, twice.high) == pytest.approx((once.mean, once.low, once.high))
    assert twice.n_raters == once.n_raters == 40


def test_a_dimension_that_nobody_rated_has_no_mean_and_no_interval():
    coded = Coded(make_ratings([("a", "p0-0", "toxicity", 4, 1)], dimensions=(FIVE, COARSE)))
    one, other = distributions(coded, bootstrap=20)
    assert (one.mean, one.counts, one.n_raters) == (4, (0, 0, 0, 1, 0), 1)
    assert np.isnan([one.low, one.high]).all()
    told = other.as_dict()
    assert (told["mean"], told["low"], told["counts"], told["n_raters"]) == (None, None, [0, 0], 0)
