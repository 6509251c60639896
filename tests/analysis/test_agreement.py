"""Alpha and disagreement of whole rating sets: hand-worked values, the krippendorff package, and properties."""

import json

import krippendorff
import numpy as np
import pyarrow as pa
import pytest

from pluralign.analysis.agreement import ANY, FEWEST_ITEMS, MEAN, alpha_rows, disagreement_rows
from pluralign.analysis.cells import Coded
from pluralign.errors import PluralignError
from pluralign.ratings import Ratings

from ..views.conftest import COARSE, FINE, FIVE, make_ratings, random_ratings


def rated(*items, dimension="toxicity"):
    """Rows of one dimension: each item's values, given by raters a, b, c, …"""
    return [
        ("abcdef"[k], f"p{i}-0", dimension, value, k + 1)
        for i, values in enumerate(items)
        for k, value in enumerate(values)
    ]


def shuffled(ratings, seed=0):
    """The same ratings, every table's rows in another order."""
    rng = np.random.default_rng(seed)
    tables = {name: table.take(pa.array(rng.permutation(table.num_rows))) for name, table in ratings.tables.items()}
    return Ratings(**tables, provenance=ratings.provenance)


@pytest.fixture(scope="module")
def many():
    """Enough items for an alpha of most groups."""
    return Coded(random_ratings(2, n_raters=40, n_items=80, share=0.2))


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
def test_alpha_equals_the_krippendorff_package_for_every_group(many, level):
    rows = alpha_rows(many, level=level, bootstrap=0)
    shown = [row for row in rows if not row.suppressed]
    assert len(shown) > 8
    for row in shown:
        counts = many.cells(row_spec(many, row), row.group).counts
        expected = krippendorff.alpha(
            value_counts=counts[counts.sum(axis=1) > 0],
            value_domain=list(range(counts.shape[1])),
            level_of_measurement=level,
        )
        assert row.alpha.alpha == pytest.approx(expected, abs=1e-12)
        assert row.alpha.alpha <= 1


def row_spec(coded, row):
    return coded.dimensions([row.dimension])[0]


def test_a_row_says_what_it_rests_on(many):
    row = next(r for r in alpha_rows(many, ["toxicity"], ["female"], bootstrap=50, seed=3) if not r.suppressed)
    counts = many.cells(FIVE, "female").counts.sum(axis=1)
    assert row.alpha.n_items == int((counts > 1).sum())
    assert (row.n_raters, row.alpha.seed, row.alpha.bootstrap) == (many.cells(FIVE, "female").n_raters, 3, 50)
    assert row.alpha.low < row.alpha.alpha < row.alpha.high


def test_under_thirty_items_nothing_is_shown_but_the_count():
    one_short = [(1, 5)] * 15 + [(2, 2)] * 14 + [(3,)] * 9
    (row,) = alpha_rows(Coded(make_ratings(rated(*one_short))), groups=["everyone"], bootstrap=20)
    assert np.isnan([row.alpha.alpha, row.alpha.low, row.alpha.high]).all()
    assert row.alpha.n_items == 29
    assert row.suppressed == f"29 items with two raters; {FEWEST_ITEMS} are needed"
    told = row.as_dict()
    assert (told["alpha"], told["low"], told["n_items"], told["n_raters"]) == (None, None, 29, 2)

    (row,) = alpha_rows(Coded(make_ratings(rated(*one_short, (2, 2)))), groups=["everyone"], bootstrap=20)
    assert (row.suppressed, row.alpha.n_items) == ("", 30)
    assert np.isfinite(row.alpha.alpha)


def test_thirty_items_that_always_differ_have_the_alpha_worked_by_hand():
    # Every pair is (1, 5): D_o = 1, of 60 ratings 30 are each value, D_e = 2 · 30 · 30 / (60 · 59), alpha = 1 − 59/30.
    (row,) = alpha_rows(Coded(make_ratings(rated(*[(1, 5)] * 30))), groups=["everyone"], bootstrap=0)
    assert row.alpha.alpha == pytest.approx(1 - 59 / 30, abs=1e-12)


def test_ratings_that_are_all_equal_have_no_alpha_and_the_reason():
    (row,) = alpha_rows(Coded(make_ratings(rated(*[(4, 4)] * 40))), groups=["everyone"], bootstrap=20)
    assert np.isnan(row.alpha.alpha)
    assert (row.suppressed, row.alpha.n_items) == ("all ratings are one value", 40)
    assert json.loads(json.dumps(row.as_dict(), allow_nan=False))["alpha"] is None


def test_the_order_of_rows_changes_nothing(many):
    other = Coded(shuffled(many.ratings))
    for one, two in zip(alpha_rows(many, bootstrap=30), alpha_rows(other, bootstrap=30), strict=True):
        assert one.as_dict() == pytest.approx(two.as_dict(), abs=1e-12)
    for one, two in zip(disagreement_rows(many, bootstrap=30), disagreement_rows(other, bootstrap=30), strict=True):
        assert one.as_dict() == pytest.approx(two.as_dict(), abs=1e-12)


def test_only_groups_of_ten_raters_are_analysed_unless_they_are_named(many):
    counts = many.ratings.groups
    assert {row.group for row in alpha_rows(many, ["toxicity"], bootstrap=0)} == {
        g for g, n in counts.items() if n >= 10
    }
    assert [row.group for row in alpha_rows(many, ["toxicity"], ["nonbinary"], bootstrap=0)] == ["nonbinary"]


def test_alpha_of_a_scale_is_that_of_the_recoded_ratings(many):
    (row,) = alpha_rows(many, ["toxicity"], ["everyone"], scale="3pt", bootstrap=0)
    counts = many.cells(FIVE).counts
    recoded = np.column_stack([counts[:, :2].sum(axis=1), counts[:, 2], counts[:, 3:].sum(axis=1)])
    expected = krippendorff.alpha(
        value_counts=recoded[recoded.sum(axis=1) > 0], value_domain=[1, 2, 3], level_of_measurement="ordinal"
    )
    assert (row.scale, row.alpha.alpha) == ("3pt", pytest.approx(expected, abs=1e-12))


def test_equal_seeds_give_equal_intervals_and_others_do_not(many):
    first, again, other = (
        alpha_rows(many, ["toxicity"], ["everyone"], bootstrap=60, seed=s)[0].alpha for s in (1, 1, 2)
    )
    assert first == again
    assert (other.alpha, other.low != first.low) == (first.alpha, True)


def test_disagreement_worked_by_hand():
    # Of four items with two ratings or more: (1,2) differs, (1,3) is two points apart, (4,4) is neither, (2,2,5) is both.
    coded = Coded(make_ratings(rated((1, 2), (1, 3), (4, 4), (2, 2, 5), (3,))))
    found = {(row.scale, row.definition): row.share for row in disagreement_rows(coded, bootstrap=0)}
    assert found["5pt", "differ"].share == 0.75
    assert found["5pt", "range-2"].share == 0.5
    # 3pt: (1,1), (1,2), (3,3), (1,1,3). Binary: (0,0), (0) alone, (1,1), (0,0,1).
    assert found["3pt", "differ"].share == 0.5
    assert (found["binary", "differ"].share, found["binary", "differ"].n_items) == (pytest.approx(1 / 3), 3)
    assert {n.n_items for key, n in found.items() if key[0] != "binary"} == {4}
    assert set(found) == {("5pt", "differ"), ("5pt", "range-2"), ("3pt", "differ"), ("binary", "differ")}


def test_over_dimensions_worked_by_hand():
    # toxicity: items 0 and 1 of two differ; the other: item 1 of items 1 and 2. Mean (1 + 1/2) / 2; any: items 0, 1 of 0, 1, 2.
    other = [row for row in rated((), (10, 90), (30, 30), dimension="helpful_100") if row]
    coded = Coded(make_ratings(rated((1, 2), (5, 4)) + other, dimensions=(FIVE, FINE)))
    found = {
        row.dimension: row.share
        for row in disagreement_rows(coded, scales=["5pt"], bootstrap=0)
        if row.definition == "differ"
    }
    assert found[MEAN].share == 0.75
    assert (found[ANY].share, found[ANY].n_items) == (pytest.approx(2 / 3), 3)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_mean_is_that_of_the_rows_and_any_is_at_least_each_of_equally_rated_dimensions(seed):
    coded = Coded(random_ratings(seed, dimensions=(FIVE, FINE)))
    rows = disagreement_rows(coded, groups=["everyone", "female"], bootstrap=40)
    panels = {}
    for row in rows:
        panels.setdefault((row.group, row.scale, row.definition), {})[row.dimension] = row.share
    assert len(panels) == 8
    for (_, scale, _), found in panels.items():
        mean, some = found.pop(MEAN), found.pop(ANY)
        assert mean.share == pytest.approx(np.mean([one.share for one in found.values()]), abs=1e-12)
        if scale != "binary":  # neutral is left out there, so that dimensions have different items
            assert some.share >= max(one.share for one in found.values()) - 1e-12
        for one in (mean, some):
            assert one.low <= one.share <= one.high


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_coarser_and_stricter_leave_no_more_disagreement_among_the_same_ratings(seed):
    # 3pt only merges values; binary leaves neutral out, so that other items remain, and nothing follows for it.
    rows = disagreement_rows(Coded(random_ratings(seed, dimensions=(FIVE,))), bootstrap=0)
    found = {(row.scale, row.definition): row.share.share for row in rows}
    assert found["3pt", "differ"] <= found["5pt", "differ"]
    assert found["5pt", "range-2"] <= found["5pt", "differ"]


def test_scales_are_those_that_every_dimension_offers():
    rows = disagreement_rows(Coded(random_ratings(0, dimensions=(FIVE, COARSE))), bootstrap=0)
    assert {(row.scale, row.definition) for row in rows} == {("binary", "differ")}
    rows = disagreement_rows(Coded(random_ratings(0, dimensions=(FIVE, COARSE))), ["toxicity"], bootstrap=0)
    assert {row.scale for row in rows} == {"5pt", "3pt", "binary"}
    assert MEAN not in {row.dimension for row in rows}


def test_a_scale_that_a_dimension_does_not_offer_is_refused():
    with pytest.raises(PluralignError, match="PA022"):
        disagreement_rows(Coded(random_ratings(0, dimensions=(FIVE, COARSE))), scales=["5pt"], bootstrap=0)


def test_without_two_ratings_of_an_item_shares_are_undefined_with_their_count():
    coded = Coded(make_ratings(rated((1,), (2,)) + rated((0,), (1,), dimension="biased"), dimensions=(FIVE, COARSE)))
    rows = disagreement_rows(coded, bootstrap=20)
    assert {row.dimension for row in rows} == {"toxicity", "biased", MEAN, ANY}
    for row in rows:
        told = row.as_dict()
        assert (told["share"], told["low"], told["n_items"]) == (None, None, 0)


def test_the_shipped_release_shows_what_its_card_says(shipped):
    row = next(r for r in disagreement_rows(Coded(shipped), scales=["5pt"], bootstrap=0) if r.dimension == MEAN)
    assert row.share.share == pytest.approx(0.853, abs=0.02)
