"""Agreement of judges against hand-worked values, scikit-learn, scipy, and properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import cohen_kappa_score

from pluralign.errors import PluralignError
from pluralign.judge.compare import judge_agreement, jury_agreement
from pluralign.stats.agreement import krippendorff_alpha, value_counts

POINTS = st.lists(st.integers(1, 5), min_size=4, max_size=30)


def noisy(seed=0, n=200, sd=0.8):
    rng = np.random.default_rng(seed)
    truth = rng.normal(3, 1, n)
    first, second = (np.clip(truth + rng.normal(0, sd, n), 1, 5) for _ in range(2))
    return first, second, np.repeat(np.arange(n // 4), 4)


def test_kappa_of_whole_points_is_cohen_s_with_quadratic_weights():
    a, b, _ = noisy()
    a, b = a.round(), b.round()
    expected = cohen_kappa_score(a.astype(int), b.astype(int), labels=[1, 2, 3, 4, 5], weights="quadratic")
    assert judge_agreement(a, b, bootstrap=0).kappa_quadratic.value == pytest.approx(expected, abs=1e-12)


def test_correlations_of_fractional_scores_are_scipy_s():
    a, b, _ = noisy()
    found = judge_agreement(a, b, bootstrap=0)
    assert found.pearson.value == pytest.approx(stats.pearsonr(a, b)[0], abs=1e-12)
    assert found.spearman.value == pytest.approx(stats.spearmanr(a, b)[0], abs=1e-12)


def test_spearman_with_ties_is_scipy_s():
    a, b, _ = noisy()
    found = judge_agreement(a.round(), b.round(), bootstrap=0)
    assert found.spearman.value == pytest.approx(stats.spearmanr(a.round(), b.round())[0], abs=1e-12)


@pytest.mark.parametrize("level", ["ordinal", "interval"])
def test_alpha_of_whole_points_is_that_of_counts(level):
    a, b, _ = noisy()
    a, b = a.round(), b.round()
    item = np.tile(np.arange(len(a)), 2)
    counts = value_counts(item, np.concatenate([a, b]).astype(int) - 1, len(a), 5)
    found = judge_agreement(a, b, bootstrap=0)
    assert getattr(found, f"alpha_{level}").value == pytest.approx(krippendorff_alpha(counts, level).alpha, abs=1e-12)


def test_interval_alpha_of_two_answers_worked_by_hand():
    # Pairs (1, 2) and (4, 4): D_o = 2 · 1 / 4 = 1/2. Values 1, 2, 4, 4: squared differences of unordered pairs
    # 1 + 9 + 9 + 4 + 4 + 0 = 27, D_e = 2 · 27 / (4 · 3) = 4.5. alpha = 1 − 0.5 / 4.5.
    assert judge_agreement([1, 4], [2, 4], bootstrap=0).alpha_interval.value == pytest.approx(1 - 1 / 9, abs=1e-12)


def test_a_shift_lowers_kappa_and_alpha_and_leaves_correlations():
    a = np.array([1.0, 2, 3, 4, 2, 3])
    found = judge_agreement(a, a + 1, bootstrap=0)
    assert found.pearson.value == pytest.approx(1.0)
    assert found.spearman.value == pytest.approx(1.0)
    assert found.mean_difference.value == pytest.approx(1.0)
    assert found.kappa_quadratic.value < 1
    assert found.alpha_interval.value < 1


def test_answers_that_one_did_not_score_are_left_out_and_counted():
    found = judge_agreement([1, 2, np.nan, 4], [1, np.nan, np.nan, 4], bootstrap=0)
    assert (found.n, found.n_left_out) == (2, 2)
    assert found.kappa_quadratic.value == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("a", "b", "undefined"),
    [
        ([3, 3, 3], [3, 3, 3], {"kappa_quadratic", "alpha_ordinal", "alpha_interval", "pearson", "spearman"}),
        ([3.3, 3.3, 3.3], [1, 2, 3], {"pearson", "spearman"}),
        ([], [], {"kappa_quadratic", "alpha_ordinal", "alpha_interval", "pearson", "spearman", "mean_difference"}),
        ([np.nan], [2], {"kappa_quadratic", "alpha_ordinal", "alpha_interval", "pearson", "spearman", "mean_difference"}),
    ],
    ids=["both constant", "one constant", "no answers", "none in common"],
)  # fmt: skip
def test_undefined_is_nan_with_a_note_and_null_in_json(a, b, undefined):
    found = judge_agreement(a, b)
    for name in found.STATISTICS:
        told = getattr(found, name)
        assert (told.value != told.value) == (name in undefined), name
        assert bool(told.note) == (name in undefined)
        assert (told.as_dict()["value"] is None) == (name in undefined)


def test_intervals_hold_the_estimate_and_are_the_seed_s():
    a, b, cluster = noisy()
    found, again, other = (judge_agreement(a, b, cluster, seed=s) for s in (0, 0, 1))
    assert found == again
    assert found != other
    for name in found.STATISTICS:
        told = getattr(found, name)
        assert told.low < told.value < told.high
        assert told.n_clusters == 50


def test_clusters_of_copies_widen_the_interval():
    a, b, _ = noisy(n=60)
    copies_a, copies_b = np.repeat(a, 10), np.repeat(b, 10)
    together = judge_agreement(copies_a, copies_b, np.repeat(np.arange(60), 10)).spearman
    alone = judge_agreement(copies_a, copies_b).spearman
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_the_spearman_interval_is_that_of_ranking_every_replicate_anew():
    a, b, cluster = noisy(n=40)
    rng = np.random.default_rng(3)
    drawn = rng.multinomial(10, np.full(10, 0.1), size=200)
    by_hand = []
    for weights in drawn:
        rows = np.repeat(np.arange(40), weights[cluster])
        by_hand.append(stats.spearmanr(a[rows], b[rows])[0])
    found = judge_agreement(a, b, cluster, seed=3, bootstrap=200).spearman
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(by_hand, [0.025, 0.975])), abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), POINTS)
def test_agreement_is_symmetric_at_most_1_and_indifferent_to_order(seed, scores):
    rng = np.random.default_rng(seed)
    a, b = np.array(scores, dtype=float), rng.integers(1, 6, len(scores)).astype(float)
    order = rng.permutation(len(a))
    found, swapped, shuffled = (judge_agreement(x, y, bootstrap=0) for x, y in ((a, b), (b, a), (a[order], b[order])))
    for name in found.STATISTICS[:-1]:
        value = getattr(found, name).value
        assert not value > 1 + 1e-12
        assert value == pytest.approx(getattr(swapped, name).value, abs=1e-9, nan_ok=True)
        assert value == pytest.approx(getattr(shuffled, name).value, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize(("a", "b"), [([0.5], [1]), ([1, 2], [1]), ([[1]], [[1]])], ids=["off", "lengths", "shape"])
def test_wrong_scores_are_refused(a, b):
    with pytest.raises(PluralignError) as caught:
        judge_agreement(a, b)
    assert caught.value.code == "PA061"


def test_a_jury_s_agreement_is_that_of_every_two():
    found = jury_agreement({"a": [1, 2, 3], "b": [1, 2, 3], "c": [3, 2, 1]}, bootstrap=0)
    assert found["a", "b"].pearson.value == pytest.approx(1)
    assert found["a", "c"].pearson.value == pytest.approx(-1)
