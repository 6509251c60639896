"""Agreement and disagreement against hand-worked values, the krippendorff package, and properties."""

import krippendorff
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pluralign.stats.agreement import (
    LEVELS,
    AgreementError,
    alpha_from_coincidences,
    disagreement_share,
    krippendorff_alpha,
    range_disagreement_share,
    unit_coincidences,
    value_counts,
)

TABLES = arrays(
    np.int64, st.tuples(st.integers(1, 12), st.integers(2, 5)), elements=st.integers(0, 4), fill=st.nothing()
)


def has_alpha(table):
    used = table[table.sum(axis=1) > 1]
    return len(used) > 0 and (used.sum(axis=0) > 0).sum() > 1


def simulated_counts(seed=0, n_items=300, n_levels=5):
    rng = np.random.default_rng(seed)
    item = np.repeat(np.arange(n_items), rng.integers(1, 6, n_items))
    rating = np.clip(rng.normal(rng.normal(2, 1, n_items)[item], 1).round(), 0, n_levels - 1).astype(int)
    return value_counts(item, rating, n_items, n_levels)


def test_value_counts_has_rows_for_items_and_columns_for_categories_without_ratings():
    assert value_counts([2, 2, 0], [1, 1, 0], 3, 3).tolist() == [[1, 0, 0], [0, 0, 0], [0, 2, 0]]


@pytest.mark.parametrize("level", LEVELS)
def test_two_raters_who_always_contradict_each_other_have_alpha_minus_three_quarters(level):
    # Four items, two categories, every pair of ratings differs: D_o = 1. Of 8 ratings 4 are each category, so
    # D_e = 2 · 4 · 4 / (8 · 7) = 4/7 and alpha = 1 − 7/4. With two categories every level agrees.
    alpha = krippendorff_alpha(np.ones((4, 2), dtype=int), level)
    assert alpha.alpha == pytest.approx(-0.75, abs=1e-15)
    assert (alpha.n_items, alpha.n_ratings) == (4, 8)


def test_ordinal_alpha_of_three_categories_worked_by_hand():
    # Items {1,1}, {1,2}, {3,3}: marginals 3, 1, 2; mid-ranks 1.5, 3.5, 5; squared distances 4 (1–2), 12.25 (1–3),
    # 2.25 (2–3). D_o = 2 · 4 / 6. D_e = 2 (3·1·4 + 3·2·12.25 + 1·2·2.25) / 30 = 180 / 30 = 6. alpha = 1 − (4/3) / 6.
    assert krippendorff_alpha([[2, 0, 0], [1, 1, 0], [0, 0, 2]]).alpha == pytest.approx(1 - 4 / 18, abs=1e-15)


def test_nominal_and_interval_alpha_of_the_same_ratings_worked_by_hand():
    # Nominal: D_o = 2/6, D_e = 2 (3 + 6 + 2) / 30 = 22/30. Interval: D_o = 2/6, D_e = 2 (3·1 + 6·4 + 2·1) / 30 = 58/30.
    counts = [[2, 0, 0], [1, 1, 0], [0, 0, 2]]
    assert krippendorff_alpha(counts, "nominal").alpha == pytest.approx(1 - 10 / 22, abs=1e-15)
    assert krippendorff_alpha(counts, "interval").alpha == pytest.approx(1 - 10 / 58, abs=1e-15)


def test_raters_who_all_agree_have_alpha_one():
    assert krippendorff_alpha([[3, 0, 0], [0, 0, 2]]).alpha == 1.0


@pytest.mark.parametrize("level", LEVELS)
@settings(max_examples=150, deadline=None)
@given(table=TABLES)
def test_alpha_equals_the_krippendorff_package(level, table):
    assume(has_alpha(table))
    expected = krippendorff.alpha(
        value_counts=table, value_domain=list(range(table.shape[1])), level_of_measurement=level
    )
    assert krippendorff_alpha(table, level).alpha == pytest.approx(expected, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(table=TABLES)
def test_alpha_is_at_most_one_and_undefined_only_without_two_categories(table):
    for level in LEVELS:
        alpha = krippendorff_alpha(table, level).alpha
        assert np.isfinite(alpha) == has_alpha(table)
        assert not alpha > 1.0 + 1e-12


@settings(max_examples=50, deadline=None)
@given(table=TABLES, seed=st.integers(0, 1000))
def test_the_order_of_raters_and_items_changes_nothing(table, seed):
    assume(has_alpha(table))
    n_items, n_levels = table.shape
    item, rating = (np.repeat(k.ravel(), table.ravel()) for k in np.indices(table.shape))
    order, rows = np.random.default_rng(seed).permutation(len(item)), np.random.default_rng(seed).permutation(n_items)
    shuffled = value_counts(rows[item[order]], rating[order], n_items, n_levels)
    assert krippendorff_alpha(shuffled).alpha == pytest.approx(krippendorff_alpha(table).alpha, abs=1e-12)
    assert disagreement_share(shuffled).share == pytest.approx(disagreement_share(table).share, abs=1e-15)


@settings(max_examples=50, deadline=None)
@given(table=TABLES)
def test_turning_the_scale_round_changes_no_alpha(table):
    assume(has_alpha(table))
    for level in LEVELS:
        turned = krippendorff_alpha(table[:, ::-1], level).alpha
        assert turned == pytest.approx(krippendorff_alpha(table, level).alpha, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(table=TABLES)
def test_an_items_coincidences_sum_to_its_ratings_when_it_has_two(table):
    m = table.sum(axis=1)
    assert unit_coincidences(table).sum(axis=(1, 2)) == pytest.approx(np.where(m > 1, m, 0), abs=1e-12)


def test_many_coincidence_matrices_at_once_give_what_each_gives_alone():
    units = unit_coincidences(simulated_counts())
    stacked = np.stack([units[:100].sum(axis=0), units[100:].sum(axis=0)])
    for level in LEVELS:
        together = alpha_from_coincidences(stacked, level)
        assert together.tolist() == [float(alpha_from_coincidences(matrix, level)) for matrix in stacked]


@pytest.mark.parametrize(
    "counts",
    [np.zeros((0, 5), dtype=int), [[1, 0], [0, 1]], [[2, 0], [3, 0]]],
    ids=["no items", "one rating an item", "one category only"],
)
def test_undefined_alpha_is_nan_with_its_counts(counts):
    alpha = krippendorff_alpha(counts, bootstrap=20)
    assert np.isnan([alpha.alpha, alpha.low, alpha.high]).all()
    assert alpha.n_items == int((np.asarray(counts).sum(axis=1) > 1).sum())


def test_items_with_one_rating_count_for_nothing():
    counts = np.array([[1, 1, 0], [0, 2, 0], [0, 1, 2]])
    more = np.vstack([counts, [[0, 0, 1], [1, 0, 0], [0, 0, 0]]])
    assert krippendorff_alpha(more, bootstrap=50) == krippendorff_alpha(counts, bootstrap=50)
    assert disagreement_share(more) == disagreement_share(counts)


def test_the_bootstrap_interval_is_that_of_a_loop_over_drawn_items():
    counts = simulated_counts(n_items=60)
    counts = counts[counts.sum(axis=1) > 1]
    drawn = np.random.default_rng(3).integers(len(counts), size=(80, len(counts)))
    looped = [krippendorff_alpha(counts[items]).alpha for items in drawn]
    alpha = krippendorff_alpha(counts, bootstrap=80, seed=3)
    assert [alpha.low, alpha.high] == pytest.approx(np.quantile(looped, [0.025, 0.975]), abs=1e-12)
    assert alpha.low < alpha.alpha < alpha.high


def test_equal_seeds_give_equal_intervals_whatever_the_block(monkeypatch):
    counts = simulated_counts()
    whole = krippendorff_alpha(counts, bootstrap=100, seed=5)
    monkeypatch.setattr("pluralign.stats.resampling.BLOCK", 1000)
    blocked = krippendorff_alpha(counts, bootstrap=100, seed=5)
    assert [blocked.low, blocked.high] == pytest.approx([whole.low, whole.high], abs=1e-13)
    assert krippendorff_alpha(counts, bootstrap=100, seed=6).low != whole.low


def test_items_of_one_prompt_are_drawn_together():
    counts = np.repeat(simulated_counts(n_items=80), 4, axis=0)  # four copies of every item are no new evidence
    prompt = np.repeat(np.arange(80), 4)
    alone = krippendorff_alpha(counts, bootstrap=400)
    together = krippendorff_alpha(counts, bootstrap=400, cluster=prompt)
    assert together.alpha == alone.alpha
    assert 1.6 < (together.high - together.low) / (alone.high - alone.low) < 2.4  # √4
    assert (together.n_clusters, alone.n_clusters) == (int((counts[::4].sum(axis=1) > 1).sum()), alone.n_items)


def test_one_cluster_gives_no_interval_rather_than_an_empty_one():
    alpha = krippendorff_alpha([[1, 1], [2, 0]], bootstrap=20, cluster=["p", "p"])
    share = disagreement_share([[1, 1], [2, 0]], bootstrap=20, cluster=["p", "p"])
    assert np.isnan([alpha.low, alpha.high, share.low, share.high]).all()


def test_replicates_without_an_alpha_are_counted():
    # Two items, and alpha needs two categories: the draws of the unanimous item alone have none.
    alpha = krippendorff_alpha([[2, 0], [1, 1]], bootstrap=400, seed=0)
    assert 60 < alpha.n_undefined < 140  # a quarter of them


def test_disagreement_is_the_share_of_items_with_unequal_ratings():
    share = disagreement_share([[2, 0, 0], [1, 1, 0], [1, 0, 1], [0, 1, 0]])
    assert (share.share, share.n_items) == (pytest.approx(2 / 3), 3)


def test_range_disagreement_counts_the_distance_of_the_extremes():
    counts = [[1, 1, 0, 0], [1, 0, 2, 0], [0, 1, 0, 1], [0, 3, 0, 0]]
    assert [range_disagreement_share(counts, k).share for k in (1, 2, 3)] == [0.75, 0.5, 0.0]


def test_disagreement_has_an_interval_over_items():
    share = disagreement_share(simulated_counts(), bootstrap=300, seed=1)
    normal = 1.96 * np.sqrt(share.share * (1 - share.share) / share.n_items)
    assert share.high - share.low == pytest.approx(2 * normal, rel=0.25)
    assert share.low < share.share < share.high


def test_disagreement_without_two_ratings_is_nan_with_its_count():
    share = disagreement_share([[1, 0], [0, 0]], bootstrap=10)
    assert np.isnan(share.share)
    assert share.n_items == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: value_counts([0], [5], 1, 5), "rating: got code 5; expected 0 to 4"),
        (lambda: value_counts([-1], [0], 1, 5), "item: got code -1"),
        (lambda: value_counts([0, 0], [1], 1, 5), "got 2 items and 1 ratings"),
        (lambda: value_counts([0.0], [1], 1, 5), "type float64"),
        (lambda: value_counts([[0]], [1], 1, 5), r"shape \(1, 1\)"),
        (lambda: krippendorff_alpha([1, 2]), r"counts: got shape \(2,\)"),
        (lambda: krippendorff_alpha([[1, -2]]), "not counts"),
        (lambda: krippendorff_alpha([[1, np.nan]]), "not counts"),
        (lambda: krippendorff_alpha([[1, np.inf]]), "not counts"),
        (
            lambda: krippendorff_alpha([[1, 1]], "ratio"),
            "level: got 'ratio'; expected one of nominal, ordinal, interval",
        ),
        (lambda: krippendorff_alpha([[1, 1]], bootstrap=-1), "bootstrap: got -1"),
        (lambda: krippendorff_alpha([[1, 1]], cluster=[1, 2]), r"cluster: got shape \(2,\)"),
        (lambda: range_disagreement_share([[1, 1]], 0), "at_least: got 0"),
        (lambda: alpha_from_coincidences(np.ones((2, 3))), "coincidences: got shape"),
    ],
)
def test_what_cannot_be_counted_is_refused(call, message):
    with pytest.raises(AgreementError, match=message):
        call()
