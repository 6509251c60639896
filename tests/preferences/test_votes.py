"""Votes, tie rules and forms, worked out by hand."""

from itertools import product

import numpy as np
import pytest

from pluralign.errors import PluralignError
from pluralign.preferences import CONDITIONS, condition_of, pairs
from pluralign.preferences.votes import votes, within
from pluralign.schema import PREFERENCE_FIELDS

from .conftest import HAND, item, made, shuffled


def one(ratings, *args, **kwargs):
    (row,) = pairs(ratings, condition_of("toxicity", *args), split=None, **kwargs).to_pylist()
    return row


def test_of_six_votes_four_are_won_one_is_lost_and_one_is_a_tie(hand):
    row = one(hand)
    assert (row["chosen_id"], row["rejected_id"]) == ("p-1", "p-2")
    assert (row["p_chosen"], row["weight"], row["n_raters"]) == (4 / 5, 5, 5)
    assert row["margin"] == pytest.approx(3.5 - 7 / 3)


def test_half_a_tie_counts_for_each_side(hand):
    row = one(hand, ties="half")
    assert (row["p_chosen"], row["weight"]) == (4.5 / 6, 6)


@pytest.mark.parametrize("scale", ["3pt", "binary"])
def test_a_coarser_scale_turns_votes_into_ties(hand, scale):
    # agree or not: (no, no, yes) against (no, yes): 2 won, 1 lost, 3 ties
    dropped, half = one(hand, "everyone", scale), one(hand, "everyone", scale, ties="half")
    assert (dropped["p_chosen"], dropped["weight"]) == (pytest.approx(2 / 3), 3)
    assert (half["p_chosen"], half["weight"]) == (3.5 / 6, 6)


def test_vote_rows_keep_opposing_votes_as_opposing_rows(hand):
    rows = pairs(hand, condition_of("toxicity"), split=None, form="votes").to_pylist()
    assert [row["chosen_id"] for row in rows] == ["p-1"] * 4 + ["p-2"]
    assert all((row["p_chosen"], row["weight"], row["p_chosen_shrunk"]) == (1, 1, None) for row in rows)
    assert rows[0]["margin"] == -rows[4]["margin"] == pytest.approx(7 / 6)


def test_aggregated_values_are_compared_once(hand):
    row = one(hand, "everyone", "5pt", "mean")  # 2.33 -> 2 and 3.5 -> 4
    assert (row["chosen_id"], row["margin"], row["p_chosen"], row["weight"], row["n_raters"]) == ("p-1", 2, 1, 1, 5)
    assert row["p_chosen_shrunk"] is None
    first = one(hand, "everyone", "5pt", "first")  # 1 and 2
    assert (first["chosen_id"], first["margin"]) == ("p-1", 1)


def test_equal_values_are_dropped_or_half_by_the_same_rule_as_votes():
    equal = made([("a", "p-1", "toxicity", 3), ("b", "p-2", "toxicity", 3)])
    for aggregation in ("individual", "mean", "majority", "first"):
        with pytest.raises(PluralignError, match="PA091"):
            one(equal, "everyone", "5pt", aggregation)
        row = one(equal, "everyone", "5pt", aggregation, ties="half")
        assert (row["p_chosen"], row["weight"], row["margin"]) == (0.5, 1, 0)


def test_a_pair_at_exactly_half_is_kept_and_its_orientation_carries_no_cue():
    rows = [
        (r, f"p{k}-{i}", "toxicity", v)
        for k in range(400)
        for i, r, v in ((1, "a", 1), (1, "b", 5), (2, "c", 1), (2, "d", 5))
    ]
    table = pairs(made(rows), condition_of("toxicity"), split=None)
    assert table.num_rows == 400
    assert set(table["p_chosen"].to_pylist()) == {0.5}
    ahead = sum(name.endswith("-1") for name in table["chosen_id"].to_pylist())
    assert 160 < ahead < 240  # two in 100,000 would be outside by chance; the hash is fixed


def test_higher_is_better_where_the_dimension_says_so():
    ratings = made([("a", "p-1", "helpfulness", 2), ("b", "p-2", "helpfulness", 5)])
    row = pairs(ratings, condition_of("helpfulness"), split=None).to_pylist()[0]
    assert (row["chosen_id"], row["margin"]) == ("p-2", 3)


def test_whoever_rated_both_items_is_counted_once():
    same = made([("a", "p-1", "toxicity", 1), ("b", "p-1", "toxicity", 2), ("a", "p-2", "toxicity", 5)])
    assert one(same)["n_raters"] == 2


def test_only_answers_to_the_same_prompt_are_compared():
    items = [item("p-1"), item("p-2"), item("p-3", prompt_en="ask otherwise"), item("q-1")]
    rows = [(f"r{k}", name, "toxicity", k + 1) for k, name in enumerate(("p-1", "p-2", "p-3", "q-1"))]
    assert one(made(rows, items))["rejected_id"] == "p-2"


def test_permuting_rows_and_tables_changes_nothing(small):
    for cond in ("exp4-both", "exp1-female-toxicity", "exp3-majority-toxicity"):
        assert pairs(shuffled(small), cond, ties="half").equals(pairs(small, cond, ties="half"))


def test_renaming_raters_changes_nothing_without_draws(hand):
    renamed = made([(f"x{k}", i, d, v) for k, (_, i, d, v) in enumerate(HAND)])
    assert pairs(renamed, condition_of("toxicity"), split=None).equals(
        pairs(hand, condition_of("toxicity"), split=None)
    )


def test_votes_equal_a_slow_count(small):
    view = small.view("everyone", "5pt", "individual", "toxicity").to_pylist()
    of = {}
    for row in view:
        of.setdefault(row["item_id"], []).append(row["value"])
    for row in pairs(small, condition_of("toxicity"), split=None, ties="half").to_pylist():
        sides = of[row["chosen_id"]], of[row["rejected_id"]]
        count = [(a < b) + (a == b) / 2 for a, b in product(*sides)]
        assert (row["p_chosen"], row["weight"]) == (pytest.approx(np.mean(count)), len(count))
        assert row["margin"] == pytest.approx(np.mean(sides[1]) - np.mean(sides[0]))


@pytest.mark.parametrize("name", ["exp4-both", "exp2-3pt-toxicity", "exp3-mean-toxicity"])
def test_vote_rows_and_soft_labels_have_the_same_full_batch_gradient(small, name):
    rng = np.random.default_rng(1)
    tables = {form: pairs(small, name, form=form) for form in ("votes", "collapsed")}
    ids = sorted({name for t in tables.values() for c in ("chosen_id", "rejected_id") for name in t[c].to_pylist()})
    reward = rng.normal(size=len(ids))

    def gradient(table):
        """Of Σ w (−p log σ(r_c − r_r) − (1 − p) log σ(r_r − r_c)) over the rewards r."""
        chosen, rejected = (
            np.array([ids.index(n) for n in table[c].to_pylist()]) for c in ("chosen_id", "rejected_id")
        )
        p, w = table["p_chosen"].to_numpy(), table["weight"].to_numpy()
        slope = w * (1 / (1 + np.exp(reward[rejected] - reward[chosen])) - p)
        return np.bincount(chosen, slope, len(ids)) - np.bincount(rejected, slope, len(ids))

    assert tables["votes"].num_rows >= tables["collapsed"].num_rows
    np.testing.assert_allclose(gradient(tables["votes"]), gradient(tables["collapsed"]), atol=1e-9)


def test_combined_dimensions_average_each_rater_before_voting():
    # a: toxicity 1 (4 steps good) and awareness 2 (1 step): mean 2.5 points; b: 3 (2) and 3 (2): 2; c left awareness out.
    rows = [("a", "p-1", "toxicity", 1), ("a", "p-1", "emotional_awareness", 2), ("c", "p-1", "toxicity", 5),
            ("b", "p-2", "toxicity", 3), ("b", "p-2", "emotional_awareness", 3)]  # fmt: skip
    (row,) = pairs(made(rows), "exp4-both", split=None, combine="scalarised").to_pylist()
    assert (row["chosen_id"], row["margin"], row["weight"], row["n_raters"]) == ("p-1", 0.5, 1, 2)
    assert row["dimension"] == "toxicity+emotional_awareness"
    pooled = pairs(made(rows), "exp4-both", split=None).to_pylist()
    assert [(r["dimension"], r["p_chosen"], r["weight"]) for r in pooled] == [
        ("toxicity", 0.5, 2), ("emotional_awareness", 1, 1)
    ]  # fmt: skip
    assert pooled[1]["chosen_id"] == "p-2"


def test_votes_between_histograms_add_up(small):
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 4, (2, 50, 5))
    tally, other = votes(a, b), votes(b, a)
    np.testing.assert_array_equal(tally.wins + tally.losses + tally.ties, a.sum(1) * b.sum(1))
    np.testing.assert_array_equal(tally.wins, other.losses)


def test_pairs_within_groups_are_those_of_a_double_loop():
    codes = np.random.default_rng(0).integers(0, 6, 30)
    slow = [(i, j) for i in range(30) for j in range(i + 1, 30) if codes[i] == codes[j]]
    assert list(zip(*(places.tolist() for places in within(codes)), strict=True)) == slow


def test_every_table_has_the_declared_columns(small):
    for name, cond in CONDITIONS.items():
        if cond.kind == "pairs" and name != "exp3-consensus-toxicity":
            table = pairs(small, name, ties="half")
            assert table.column_names == [field.name for field in PREFERENCE_FIELDS]
            assert all(
                column.null_count == 0
                for column, field in zip(table.columns, PREFERENCE_FIELDS, strict=True)
                if not field.nullable
            )
