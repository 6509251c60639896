"""Conditions, draws, languages, splits, and what is refused."""

import numpy as np
import pytest

from pluralign.errors import PluralignError
from pluralign.preferences import (
    ALIASES,
    CONDITIONS,
    condition,
    condition_of,
    pairs,
    rewards,
    settings_of,
    true_values,
    unpaired,
)
from pluralign.preferences.draws import drawn
from pluralign.ratings.tables import PROVENANCE_KEY
from pluralign.schema import split_of

from .conftest import item, made, shuffled


def test_the_names_are_those_of_the_experiments():
    assert len(CONDITIONS) == 16
    assert {condition(alias).name for alias in ALIASES} == {"exp3-individual-toxicity"}
    assert condition("exp1-black-emotional_awareness").balanced_with == "white"


def test_an_unknown_condition_is_told_the_nearest():
    with pytest.raises(PluralignError, match=r"PA090.*Did you mean 'exp3-majority-toxicity'"):
        condition("exp3-majorty-toxicity")


@pytest.mark.parametrize(
    ("kwargs", "code"),
    [
        ({"form": "votes", "ties": "half"}, "PA093"),
        ({"ties": "keep"}, "PA093"),
        ({"form": "vote"}, "PA093"),
        ({"combine": "both"}, "PA093"),
        ({"split": "validation"}, "PA093"),
        ({"language": "fr"}, "PA093"),
        ({"language": "de"}, "PA094"),
        ({"draw": -1}, "PA093"),
        ({"draws": 0}, "PA093"),
    ],
    ids=str,
)
def test_settings_that_do_not_exist_or_exclude_each_other_are_refused(hand, kwargs, code):
    with pytest.raises(PluralignError, match=code):
        pairs(hand, condition_of("toxicity"), **{"split": None, **kwargs})


@pytest.mark.parametrize(
    ("args", "code"),
    [(("toxicity", "males"), "PA020"), (("toxicity", "everyone", "7pt"), "PA021"), (("toxicity", "male", "5pt", "median"), "PA023"),
     (("toxicty",), "PA024"), (([],), "PA024"), (("toxicity", "black"), "PA020")],
    ids=str,
)  # fmt: skip
def test_what_a_view_refuses_pairs_refuse(hand, args, code):
    with pytest.raises(PluralignError, match=code):
        pairs(hand, condition_of(*args), split=None)


def test_a_condition_without_rows_says_so(hand):
    with pytest.raises(PluralignError, match=r"PA091.*consensus"):
        pairs(hand, "exp3-consensus-toxicity", split=None)
    people = {"a0": {"gender": "male"}}
    one_man = made(
        [("a0", "p-1", "toxicity", 1), ("b", "p-2", "toxicity", 2), ("c", "p-1", "toxicity", 2)], people=people
    )
    with pytest.raises(PluralignError, match=r"PA091.*'male'"):
        pairs(one_man, condition_of("toxicity", "male"), split=None)


def test_a_source_with_one_response_a_prompt_gives_single_responses_only(coarse):
    cond = condition_of("hate", scale="binary")
    with pytest.raises(PluralignError, match=r"PA092.*unpaired.*confound"):
        pairs(coarse, cond, split=None)
    assert unpaired(coarse, cond, split=None).num_rows == 24
    assert rewards(coarse, cond, split=None).num_rows == 6


def test_single_texts_without_a_prompt_train_nothing():
    texts = made([("a", "p-1", "toxicity", 1)], [item("p-1", prompt_en=None)])
    for make in (pairs, unpaired, rewards):
        with pytest.raises(PluralignError, match=r"PA094.*single texts"):
            make(texts, condition_of("toxicity"), split=None)


def test_rewards_conditions_have_no_pairs(small):
    with pytest.raises(PluralignError, match=r"PA093.*rewards"):
        pairs(small, "exp4-both-reward")


def test_train_and_test_share_no_prompt_and_lose_none(small):
    found = {split: pairs(small, "exp4-both", split=split) for split in ("train", "test", None)}
    for split in ("train", "test"):
        assert {split_of(prompt) for prompt in found[split]["prompt_id"].to_pylist()} == {split}
    assert found["train"].num_rows + found["test"].num_rows == found[None].num_rows


def test_both_languages_have_the_same_rows_and_other_texts(small):
    en, de = (pairs(small, "exp4-both", language=language) for language in ("en", "de"))
    texts = ["prompt", "chosen", "rejected", "language"]
    assert en.drop_columns(texts).equals(de.drop_columns(texts))
    items = {row["item_id"]: row for row in small.items.to_pylist()}
    for row in de.slice(0, 20).to_pylist():
        assert row["prompt"] == [{"role": "user", "content": items[row["chosen_id"]]["prompt_de"]}]
        assert row["chosen"] == [{"role": "assistant", "content": items[row["chosen_id"]]["response_de"]}]
        assert row["rejected"] == [{"role": "assistant", "content": items[row["rejected_id"]]["response_de"]}]


def test_a_contrast_takes_as_many_ratings_from_both_groups(small):
    sizes = {
        (group, draw): drawn(small, condition(f"exp1-{group}-toxicity"), "toxicity", "individual", "train", draw).num_rows
        for group in ("female", "male") for draw in range(3)
    }  # fmt: skip
    assert set(sizes.values()) == {min(_train(small, group) for group in ("female", "male"))}


def _train(ratings, group):
    return sum(split_of(p) == "train" for p in ratings.view(group, dimension="toxicity")["prompt_id"].to_pylist())


def larger(ratings):
    return max(("female", "male"), key=lambda group: _train(ratings, group))


def test_a_named_draw_is_the_same_whatever_the_order_and_draws_differ(small):
    name = f"exp1-{larger(small)}-toxicity"
    draws = [pairs(small, name, draw=k) for k in range(2)]
    assert draws[0].equals(pairs(shuffled(small, 3), name, draw=0))
    assert not draws[0].equals(draws[1])


def test_without_a_named_draw_votes_are_averaged(small):
    name = f"exp1-{larger(small)}-toxicity"
    mean = pairs(small, name, draws=4)
    single = [pairs(small, name, draw=k) for k in range(4)]
    assert sum(mean["weight"].to_pylist()) == pytest.approx(np.mean([sum(t["weight"].to_pylist()) for t in single]))
    key = ("chosen_id", "rejected_id")
    votes = {}
    for row in (row for table in single for row in table.to_pylist()):
        forward = row["p_chosen"] * row["weight"]
        for pair, n in ((row[key[0]], row[key[1]]), forward), ((row[key[1]], row[key[0]]), row["weight"] - forward):
            votes[pair] = votes.get(pair, 0) + n
    for row in mean.to_pylist():
        won, lost = votes[row["chosen_id"], row["rejected_id"]], votes[row["rejected_id"], row["chosen_id"]]
        assert (row["p_chosen"], row["weight"]) == (pytest.approx(won / (won + lost)), pytest.approx((won + lost) / 4))


def test_vote_rows_of_a_balanced_group_need_a_draw(small):
    name = f"exp1-{larger(small)}-toxicity"
    with pytest.raises(PluralignError, match=r"PA093.*draw=0"):
        pairs(small, name, form="votes")
    assert pairs(small, name, form="votes", draw=0).num_rows == sum(pairs(small, name, draw=0)["weight"].to_pylist())


def test_balanced_groups_can_be_aggregated_too(small):
    cond = condition_of(
        "toxicity", larger(small), aggregation="mean", balanced_with="male" if larger(small) == "female" else "female"
    )
    one, mean = pairs(small, cond, draw=1), pairs(small, cond)
    assert set(one["weight"].to_pylist()) == {1.0}
    assert 0.2 <= min(mean["weight"].to_pylist()) < max(mean["weight"].to_pylist()) <= 1


def test_metadata_tells_provenance_and_settings(small):
    table = pairs(small, "exp4-toxicity", ties="half")
    assert b'"simulated"' in table.schema.metadata[PROVENANCE_KEY]
    told = settings_of(table)
    assert (told["condition"], told["ties"], told["split"]) == ("exp3-individual-toxicity", "half", "train")
    assert told["shrinkage"]["toxicity"]["c"] > 0


def test_single_responses_have_a_label_off_the_middle_and_a_score_everywhere(hand):
    rows = made([(f"r{v}", "p-1", "toxicity", v) for v in (1, 2, 3, 4, 5)])
    got = unpaired(rows, condition_of("toxicity"), split=None).to_pylist()
    assert [(r["label"], r["score"]) for r in got] == [(True, 1), (True, 0.75), (False, 0.25), (False, 0)]
    assert {(r["weight"], r["n_raters"]) for r in got} == {(1, 5)}
    kept = unpaired(rows, condition_of("toxicity"), split=None, neutral="keep").to_pylist()
    assert [(r["label"], r["score"]) for r in kept] == [(True, 1), (True, 0.75), (None, 0.5), (False, 0.25), (False, 0)]
    user, assistant = {"role": "user", "content": "ask p"}, {"role": "assistant", "content": "say p-1"}
    assert all((row["prompt"], row["completion"]) == ([user], [assistant]) for row in kept)
    with pytest.raises(PluralignError, match="PA093"):
        unpaired(rows, condition_of("toxicity"), neutral="half")


def test_single_aggregated_responses_have_a_row_an_item(hand):
    rows = unpaired(hand, condition_of("toxicity", aggregation="mean"), split=None).to_pylist()
    assert [(r["item_id"], r["score"], r["label"], r["n_raters"]) for r in rows] == [
        ("p-1", 0.75, True, 3),
        ("p-2", 0.25, False, 2),
    ]


def test_single_responses_of_a_balanced_group_weigh_what_draws_hold(small):
    cond = condition(f"exp1-{larger(small)}-toxicity")
    table = unpaired(small, cond, neutral="keep")
    one = unpaired(small, cond, neutral="keep", draw=0)
    assert sum(table["weight"].to_pylist()) == pytest.approx(one.num_rows)
    assert set(one["weight"].to_pylist()) == {1.0}
    assert table.equals(unpaired(shuffled(small, 2), cond, neutral="keep"))


def test_rewards_have_a_row_a_prompt(small):
    table = rewards(small, "exp4-both-reward")
    assert table["prompt_id"].to_pylist() == sorted(
        {p for p in small.items["prompt_id"].to_pylist() if split_of(p) == "train"}
    )
    assert table["dimensions"][0].as_py() == ["toxicity", "emotional_awareness"]


def test_true_values_point_in_the_good_direction_and_groups_add_their_contrast(small):
    row = {(r["item_id"], r["dimension"]): r for r in small.truth.to_pylist()}
    everyone, male = true_values(small, "toxicity"), true_values(small, "toxicity", "male")
    kappa = small.provenance.details["parameters"]["toxicity.kappa"]["value"]["male"]
    name = next(iter(everyone))
    effect, contrast = row[name, "toxicity"]["effect"], row[name, "toxicity"]["contrast"]
    assert everyone[name] == -effect
    assert male[name] == pytest.approx(-(effect + kappa * contrast) / np.sqrt(1 + kappa**2))
    assert true_values(small, "toxicity", "female") == everyone
    assert true_values(small, "toxicity", {"gender": "male", "politics": "liberal"}) == male
    assert true_values(small, "helpfulness")[name] == row[name, "helpfulness"]["effect"]


def test_only_simulated_items_have_true_values(hand):
    with pytest.raises(PluralignError, match="PA091"):
        true_values(hand, "toxicity")
