"""Every two submissions compared, Holm's correction over all, and the ranks that follow."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import skew, t

from pluralign.leaderboard.board import replicates
from pluralign.leaderboard.pairs import MOST, Means, Pairs, guarded, holm_cutoff, means, statistics
from pluralign.stats.resampling import times_drawn

FREEDOM = 71


def naive_holm(p, level=0.05):
    """Which hypotheses Holm's step-down rejects, as the paper has it."""
    order = np.argsort(p, kind="stable")
    rejected = np.zeros(len(p), bool)
    for step, k in enumerate(order):
        if p[k] > level / (len(p) - step):
            break
        rejected[k] = True
    return rejected


def sizes_of(p):
    return t.isf(np.asarray(p) / 2, FREEDOM).astype(np.float32)


@pytest.mark.parametrize(
    ("p", "n_rejected"),
    [
        ([0.01, 0.03, 0.04], 1),  # .01 ≤ .05/3; .03 > .05/2
        ([0.01, 0.02, 0.04], 3),  # .01 ≤ .05/3; .02 ≤ .05/2; .04 ≤ .05
        ([0.01, 0.02, 0.06], 2),
        ([0.02, 0.02, 0.02], 0),  # .02 > .05/3
        ([0.001, 0.012, 0.02, 0.3], 3),  # ≤ .0125, .01667, .025; > .05
        ([0.04], 1),
        ([0.06], 0),
        ([], 0),
    ],
)
def test_holm_rejects_as_worked_by_hand(p, n_rejected):
    sizes = sizes_of(p)
    assert np.count_nonzero(sizes >= holm_cutoff(sizes, FREEDOM)) == n_rejected
    assert naive_holm(np.array(p)).sum() == n_rejected


@given(st.integers(0, 10**6), st.integers(1, 400), st.sampled_from([0.2, 1.0, 3.0, 20.0]))
def test_holm_rejects_what_the_paper_rejects(seed, n, spread):
    sizes = np.abs(np.random.default_rng(seed).normal(0, spread, n)).astype(np.float32)
    expected = naive_holm(2 * t.sf(sizes.astype(np.float64), FREEDOM))
    assert np.array_equal(sizes >= holm_cutoff(sizes, FREEDOM), expected)


@given(st.lists(st.sampled_from([0.0, 2.1, 2.6, 2.6000001, 3.4, 11.9999, 12.0, 12.1, MOST]), max_size=60))
def test_ties_and_the_ends_of_the_bins_are_rejected_together(values):
    sizes = np.array(values, np.float32)
    expected = naive_holm(2 * t.sf(sizes.astype(np.float64), FREEDOM))
    cutoff = holm_cutoff(sizes, FREEDOM)
    assert np.array_equal(sizes >= cutoff, expected)


def random_scores(n=4, languages=2, prompts=60, templates=12, seed=0, missing=0.0):
    rng = np.random.default_rng(seed)
    of = rng.permutation(np.arange(prompts) % templates)
    hard = rng.normal(0, 0.1, templates)[of]
    scores = np.clip(0.5 + hard + rng.normal(0, 0.1, (n, languages, prompts)), 0, 1)
    scores[rng.random(scores.shape) < missing] = np.nan
    return scores, of


def test_means_are_those_of_the_scores_and_of_languages_the_mean_of_their_means():
    scores, of = random_scores(missing=0.2)
    found = means(scores, of)
    assert found.value == pytest.approx(np.nanmean(scores, axis=2).mean(axis=1))
    assert found.influence.sum(axis=1) == pytest.approx(0)


def test_influence_is_what_is_worked_by_hand():
    """Two templates of two prompts, 0 0 and 1 1: each moves the mean of ½ by ¼; two clusters have one degree of freedom, √2."""
    found = means(np.array([[[0.0, 0.0, 1.0, 1.0]]]), np.array([0, 0, 1, 1]))
    assert found.squares == pytest.approx([2 * (1 / 16 + 1 / 16)])
    # Unequal templates: sums 3 of 3 and 0 of 1, mean ¾: (3 − ¾·3)/4 = 3/16, (0 − ¾)/4 = −3/16.
    found = means(np.array([[[1.0, 1.0, 1.0, 0.0]]]), np.array([0, 0, 0, 1]))
    assert found.influence / np.sqrt(2) == pytest.approx(np.array([[3 / 16, -3 / 16]]))


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_the_variance_by_influence_is_the_bootstraps(missing):
    scores, of = random_scores(n=3, prompts=216, templates=72, seed=5, missing=missing)
    draws = times_drawn(np.random.default_rng(1), 72, 20_000)
    drawn = replicates(scores, of, draws)
    found = means(scores, of)
    # The bootstrap's variance has no correction for the degree of freedom; 20,000 replicates know it to 1 %.
    assert found.squares * 71 / 72 == pytest.approx(drawn.var(axis=1), rel=0.05)
    difference = ((found.influence[0] - found.influence[1]) ** 2).sum()
    assert difference * 71 / 72 == pytest.approx((drawn[0] - drawn[1]).var(), rel=0.05)


def test_a_pair_is_compared_prompt_by_prompt():
    """What makes a template hard for both cancels: a small difference on noisy prompts is certain."""
    rng = np.random.default_rng(0)
    of = np.arange(216) // 3
    hard = rng.normal(0.5, 0.3, 216)
    scores = np.stack([hard, hard + 0.01 + rng.normal(0, 0.001, 216)])[:, None]
    (statistic,) = statistics(means(scores, of), 1, "higher")
    assert statistic > 20
    assert statistics(means(scores, of), 1, "lower")[0] == -statistic
    assert 0.01 / np.sqrt(means(scores, of).squares.sum()) < 1, "unpaired, nothing would be seen"


def test_a_statistic_is_that_of_the_templates_differences():
    """By sums of powers, without forming the differences: the same as t and skewness of the differences themselves."""
    scores, of = random_scores(n=6, prompts=216, templates=72, seed=3, missing=0.1)
    scores[4] **= 8  # skewed
    found = means(scores, of)
    for row in range(1, 6):
        differences = found.influence[row] - found.influence[:row]
        t = (found.value[row] - found.value[:row]) / np.sqrt((differences**2).sum(axis=1))
        expected = guarded(
            t, skew(differences, axis=1) * (71 / 72) ** 1.5, 72
        )  # scipy's spread has no degree of freedom taken off
        assert statistics(found, row, "higher") == pytest.approx(expected, rel=1e-5)
        assert statistics(found, row, "lower") == pytest.approx(-expected, rel=1e-5)


def test_skewed_differences_do_not_make_the_test_bold():
    """Seven templates in ten equal, the others far to one side, both systems equal on average: what Holm asks for in a board of ten."""
    rng, n, level = np.random.default_rng(0), 72, 1e-3
    population = np.concatenate([np.zeros(70), rng.exponential(1.0, 30)])
    sample = (population - population.mean())[rng.integers(0, len(population), (200_000, n))]
    t_values = sample.mean(axis=1) / (sample.std(axis=1, ddof=1) / np.sqrt(n))
    skewness = skew(sample, axis=1) * ((n - 1) / n) ** 1.5
    cut = t.isf(level / 2, n - 1)
    plain = np.mean(np.abs(t_values) >= cut) / level
    size = np.mean(np.abs(guarded(t_values, skewness, n)) >= cut) / level
    assert plain > 3, "without the guard"
    assert size < plain / 2


def test_equal_submissions_tie_and_a_difference_without_spread_is_certain():
    of = np.arange(12) // 2
    scores = np.stack([np.full(12, 0.5), np.full(12, 0.5), np.full(12, 0.75), np.full(12, np.nan)])[:, None]
    found = means(scores, of)
    assert statistics(found, 1, "higher").tolist() == [0.0]
    assert statistics(found, 2, "higher").tolist() == [MOST, MOST]
    assert statistics(found, 3, "higher").tolist() == [0.0, 0.0, 0.0], "who has no score is compared with nobody"


def made_means(values, spread=0.001, templates=72):
    rng = np.random.default_rng(3)
    return Means(np.array(values), rng.normal(0, spread / np.sqrt(templates), (len(values), templates)))


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_rank_intervals_as_worked_by_hand(better):
    """Two that tie at the top, one below them, two that tie at the end: ranks 1–2, 1–2, 3–3, 4–5, 4–5."""
    pairs = Pairs()
    pairs.update(list("abcde"), made_means([0.9, 0.9, 0.6, 0.3, 0.3]), better)
    wins, losses = pairs.wins_and_losses(72)
    best_first = [[3, 3, 2, 0, 0], [0, 0, 2, 3, 3]]
    assert wins.tolist() == best_first[better == "lower"]
    assert losses.tolist() == best_first[better == "higher"]
    low, high = 1 + losses, 5 - wins
    assert list(zip(low, high, strict=True))[:: 1 if better == "higher" else -1] == [
        (1, 2),
        (1, 2),
        (3, 3),
        (4, 5),
        (4, 5),
    ]


def test_who_cannot_be_told_apart_all_have_every_rank():
    pairs = Pairs()
    pairs.update(list("abc"), made_means([0.5, 0.501, 0.502], spread=1.0), "higher")
    wins, losses = pairs.wins_and_losses(72)
    assert not wins.any()
    assert not losses.any()


def test_a_submission_costs_its_own_pairs_only(tmp_path):
    ids, found = [f"{k:02}" for k in range(10)], made_means(np.linspace(0.2, 0.8, 10))
    pairs = Pairs(tmp_path / "a.t")
    pairs.update(ids[:8], Means(found.value[:8], found.influence[:8]), "higher")
    assert pairs.computed == 28
    again = Pairs(tmp_path / "a.t")
    again.update(ids, found, "higher")
    assert again.computed == 8 + 9
    third = Pairs(tmp_path / "a.t")
    third.update(ids, found, "higher")
    assert third.computed == 0
    whole = Pairs()
    whole.update(ids, found, "higher")
    assert whole.computed == 45
    assert np.array_equal(whole.rows, third.rows)


def test_one_that_left_is_followed_by_rows_of_their_own(tmp_path):
    ids, found = list("abcd"), made_means([0.2, 0.4, 0.6, 0.8])
    pairs = Pairs(tmp_path / "a.t")
    pairs.update(ids, found, "higher")
    left = Pairs(tmp_path / "a.t")
    left.update(list("acd"), Means(found.value[[0, 2, 3]], found.influence[[0, 2, 3]]), "higher")
    assert left.computed == 3
    whole = Pairs()
    whole.update(list("acd"), Means(found.value[[0, 2, 3]], found.influence[[0, 2, 3]]), "higher")
    assert np.array_equal(left.rows, whole.rows)


@pytest.mark.parametrize("harm", ["cut", "gone", "ids cut", "ids gone"])
def test_rows_that_were_not_written_together_are_computed_anew(tmp_path, harm):
    ids, found = list("abcd"), made_means([0.2, 0.4, 0.6, 0.8])
    Pairs(tmp_path / "a.t").update(ids, found, "higher")
    path = tmp_path / ("a.ids" if "ids" in harm else "a.t")
    if "gone" in harm:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-4])
    pairs = Pairs(tmp_path / "a.t")
    pairs.update(ids, found, "higher")
    whole = Pairs()
    whole.update(ids, found, "higher")
    assert np.array_equal(pairs.rows, whole.rows)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.ids", "a.t"]
