"""P(high on one dimension | high on another), by the same rater of the same item."""

import numpy as np
import pyarrow as pa
import pytest

from pluralign.analysis.cells import Coded
from pluralign.analysis.conditional import conditional_rows
from pluralign.errors import PluralignError
from pluralign.ratings import Ratings

from ..views.conftest import COARSE, FINE, FIVE, make_ratings, random_ratings

TWO = (FIVE, COARSE)


def found(rows):
    return {(row.given, row.outcome): row.probability for row in rows}


def pairs(*values):
    """One item a pair of values (toxicity, biased) by one rater each; None where it was not rated."""
    rows = []
    for k, pair in enumerate(values):
        rows += [
            (f"r{k}", f"p{k}-0", spec.name, value, 1)
            for spec, value in zip(TWO, pair, strict=True)
            if value is not None
        ]
    return make_ratings(rows, dimensions=TWO)


def test_worked_by_hand():
    # High on toxicity: ratings 0, 1, 2, and of them 0 and 1 on biased; high on biased: 0, 1, 3, of which 0 and 1 are toxic.
    one = found(conditional_rows(Coded(pairs((4, 1), (5, 1), (4, 0), (3, 1), (1, 0))), bootstrap=0))
    assert one["toxicity", "biased"].probability == pytest.approx(2 / 3)
    assert one["biased", "toxicity"].probability == pytest.approx(2 / 3)
    assert (one["toxicity", "biased"].n, one["toxicity", "biased"].n_outcome, one["toxicity", "biased"].n_raters) == (
        3,
        2,
        3,
    )
    assert one["toxicity", "toxicity"].probability == 3 / 5
    assert one["biased", "biased"].probability == 3 / 5


def test_who_rated_one_dimension_only_is_in_its_own_share_and_in_no_pair():
    one = found(conditional_rows(Coded(pairs((4, 1), (5, None), (None, 1), (2, 1))), bootstrap=0))
    assert (one["toxicity", "biased"].n, one["toxicity", "biased"].probability) == (1, 1.0)
    assert (one["biased", "toxicity"].n, one["biased", "toxicity"].probability) == (2, 0.5)
    assert one["toxicity", "toxicity"].n == 3
    assert one["toxicity", "toxicity"].probability == pytest.approx(2 / 3)


def test_of_an_item_rated_twice_by_one_rater_the_first_ratings_count():
    # Imports keep the first already (PA008); tables that were opened unchecked must not pair one rating with two.
    once = pairs((4, 1), (5, 0))
    again = [*once.ratings.to_pylist(), {**once.ratings.to_pylist()[0], "value": 1}]
    twice = Ratings(once.raters, once.items, pa.Table.from_pylist(again, schema=once.ratings.schema), once.provenance)
    assert conditional_rows(Coded(twice), bootstrap=0) == conditional_rows(Coded(once), bootstrap=0)


@pytest.mark.parametrize("group", ["everyone", "female", "white"])
def test_all_pairs_equal_a_plain_count_over_the_view(group):
    ratings = random_ratings(4, dimensions=(FIVE, FINE, COARSE))
    high, cut = {}, {"toxicity": 4, "helpful_100": 4, "biased": 1}
    for name, scale in (("toxicity", "5pt"), ("helpful_100", "5pt"), ("biased", "binary")):
        for row in ratings.view(group, scale, "individual", name).to_pylist():
            high[row["rater_id"], row["item_id"], name] = row["value"] >= cut[name]
    one = found(conditional_rows(Coded(ratings), group=group, bootstrap=0))
    assert len(one) == 9
    for (given, outcome), p in one.items():
        keys = {k[:2] for k in high if k[2] == given} & {k[:2] for k in high if k[2] == outcome}
        positive = [high[*k, outcome] for k in keys if given == outcome or high[*k, given]]
        assert (p.n, p.probability) == (len(positive), pytest.approx(np.mean(positive)))


def test_the_order_of_rows_changes_nothing_and_a_seed_gives_an_interval():
    ratings = random_ratings(5)
    order = pa.array(np.random.default_rng(0).permutation(ratings.ratings.num_rows))
    other = Ratings(ratings.raters, ratings.items, ratings.ratings.take(order), ratings.provenance)
    rows = conditional_rows(Coded(ratings), bootstrap=50, seed=1)
    assert rows == conditional_rows(Coded(other), bootstrap=50, seed=1)
    assert all(row.probability.low <= row.probability.probability <= row.probability.high for row in rows)
    assert rows != conditional_rows(Coded(ratings), bootstrap=50, seed=2)


def test_given_nothing_high_a_probability_is_undefined_with_its_count():
    row = next(
        r
        for r in conditional_rows(Coded(pairs((1, 1), (2, 0))), bootstrap=20)
        if (r.given, r.outcome) == ("toxicity", "biased")
    )
    told = row.as_dict()
    assert (told["probability"], told["low"], told["n"]) == (None, None, 0)


def test_one_dimension_has_no_pair():
    with pytest.raises(PluralignError, match=r"PA061.*'toxicity'"):
        conditional_rows(Coded(make_ratings([("a", "p0-0", "toxicity", 3, 1)])))
    with pytest.raises(PluralignError, match="PA061"):
        conditional_rows(Coded(pairs((1, 1))), ["biased", "stereotypical_bias"])
