"""The card of a run by rewards says how good its reward is; no other card speaks of one."""

import pytest

pytest.importorskip("trl", reason="needs pluralign[train]")

from pluralign.training.card import model_card
from pluralign.training.recipe import read_recipe

INFO = {
    "model": "m", "condition": "exp4-both-reward", "method": "grpo", "seed": 0, "weights": "w", "dtype": "bfloat16", "data_sha256": "d",
    "device": "cpu", "versions": {"torch": "2"}, "steps": 3, "n_examples": 4, "n_votes": 0.0,
}  # fmt: skip
ESTIMATE = {"value": 0.426, "low": 0.327, "high": 0.523}


def card(root, shipped, held_out, **more):
    recipe = read_recipe(root / "baselines/recipes/exp4/both-reward.yaml")
    return model_card({**INFO, "reward": {"name": "the reward", "held_out": held_out}, **more}, recipe, shipped, "")


def test_the_rewards_agreement_with_raters_and_truth_stands_in_a_sentence(root, shipped):
    held_out = {
        "toxicity": {"n_items": 297, "spearman": ESTIMATE, "pair_order": {**ESTIMATE, "value": 0.65}},
        "emotional_awareness": {"n_items": 9, "spearman": {**ESTIMATE, "value": None}, "pair_order": None},
    }
    text = card(root, shipped, held_out)
    assert (
        "measured on ratings of the other: toxicity, on 297 held-out items Spearman 0.43 [0.33, 0.52] with their mean ratings, pairs in the "
        "true order 0.65 [0.33, 0.52]; emotional_awareness, on 9 held-out items Spearman – with their mean ratings, pairs in the true order –. What"
    ) in text


@pytest.mark.parametrize("held_out", [None, {}])
def test_of_a_judge_that_rewards_it_is_said_that_nothing_was_measured(root, shipped, held_out):
    assert "How far the reward, `the reward`, agrees with people was not measured" in card(root, shipped, held_out)


def test_the_card_of_pairs_says_nothing_of_a_reward(root, shipped):
    recipe = read_recipe(root / "baselines/recipes/exp3/majority-toxicity.yaml")
    text = model_card({**INFO, "condition": recipe.condition, "method": "dpo"}, recipe, shipped, "")
    assert "reward" not in text
    assert "```\nEvery setting" in text


def test_the_card_of_kto_says_what_its_two_sides_weigh(root, shipped):
    recipe = read_recipe(
        root / "baselines/recipes/exp3/majority-toxicity.yaml", ["method=kto", "kto.desirable_weight=0.5"]
    )
    text = model_card({**INFO, "condition": recipe.condition, "method": "kto"}, recipe, shipped, "")
    assert "| method | kto, β = 0.1; good answers weigh 0.5, bad ones 1 |" in text


@pytest.mark.parametrize(
    ("processes", "told"),
    [
        ({}, "| device | cpu |"),
        ({"processes": 1}, "| device | cpu |"),
        ({"processes": 4}, "| device | cpu, 4 processes |"),
    ],
)
def test_the_card_says_how_many_processes_trained(root, shipped, processes, told):
    assert told in card(root, shipped, None, **processes)
