"""A judge against people: what it must find where the answer is known."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from pluralign.errors import PluralignError
from pluralign.judge.people import Paired, people_agreement
from pluralign.judge.report import validation_lines
from pluralign.judge.validate import validate
from pluralign.schema import split_of

spec = importlib.util.spec_from_file_location("fake_judges", Path(__file__).with_name("fake_judges.py"))
fakes = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fakes)
FakeJudge = fakes.FakeJudge


def crowd(seed=0, n=800, raters=4):
    rng = np.random.default_rng(seed)
    truth = rng.normal(3, 0.8, n)
    item = np.repeat(np.arange(n), raters)
    rating = np.clip(np.round(truth[item] + rng.normal(0, 0.9, len(item))), 1, 5)
    another = np.clip(np.round(truth + rng.normal(0, 0.9, n)), 1, 5)
    return item, rating, truth, another


def test_a_judge_like_another_rater_has_the_raters_own_alpha():
    item, rating, _, another = crowd()
    found = people_agreement(Paired(item, rating, another[item], np.arange(800)), bootstrap=0)
    for level in ("ordinal", "interval"):
        of_judge, of_raters = (getattr(found, f"alpha_{who}_{level}").value for who in ("judge", "raters"))
        assert of_judge == pytest.approx(of_raters, abs=0.05)


def test_a_judge_that_knows_the_truth_reaches_the_ceiling_and_does_not_pass_it():
    item, rating, truth, _ = crowd()
    found = people_agreement(Paired(item, rating, np.clip(truth, 1, 5)[item], np.arange(800)), bootstrap=0)
    assert found.pearson.value == pytest.approx(found.ceiling.value, abs=0.03)


def test_a_constant_judge_has_no_correlation_and_the_constants_share_within_one():
    item, rating, *_ = crowd(n=50)
    found = people_agreement(Paired(item, rating, np.full(len(item), 3.0), np.arange(50)))
    assert np.isnan(found.spearman.value)
    assert found.spearman.note
    assert found.within_one_rating.value <= found.within_one_constant.value


def test_within_one_point_means_nothing_on_a_coarse_scale():
    item, rating, *_ = crowd(n=50)
    found = people_agreement(Paired(item, rating, rating, np.arange(50), fine=False), bootstrap=0)
    assert "fewer than five points" in found.within_one_rating.note


def test_order_of_ratings_changes_nothing_but_the_random_halves():
    item, rating, _, another = crowd(n=60)
    order = np.random.default_rng(1).permutation(len(item))
    one, other = (people_agreement(Paired(item[k], rating[k], another[item[k]], np.arange(60)), bootstrap=20)
                  for k in (np.arange(len(item)), order))  # fmt: skip
    assert one.spearman == other.spearman
    assert one.alpha_judge_ordinal == other.alpha_judge_ordinal


def test_the_shipped_release_says_simulated_and_only_held_out_items_are_judged(shipped):
    seen = []
    judge = FakeJudge(lambda answer, _: seen.append(answer) or 1 + len(answer.response) % 5)
    found = validate(judge, shipped, ["toxicity"], ["female", "male"], limit=60, bootstrap=20)
    assert found.n_items == 60
    assert {row.group for row in found.rows} == {"female", "male"}
    text = validation_lines(found)
    assert "SIMULATED" in text
    assert "85 %" in text
    split = {(item[f"prompt_{lang}"], item[f"response_{lang}"]): split_of(item["prompt_id"])
             for item in shipped.items.to_pylist() for lang in ("en", "de")}  # fmt: skip
    assert {split[answer.prompt, answer.response] for answer in seen} == {"test"}


@pytest.mark.parametrize("split", ["all", "test"])
def test_a_judge_fitted_to_these_items_is_refused(shipped, split):
    fitted = {"fitted_to": [{"source": "pluralign", "checksum": shipped.provenance.checksum, "split": split}]}
    with pytest.raises(PluralignError, match="PA071"):
        validate(FakeJudge(lambda *_: 3, provenance=fitted), shipped)


def test_a_judge_fitted_to_the_training_prompts_may_be_validated_on_the_others(shipped):
    fitted = {"fitted_to": [{"source": "pluralign", "checksum": shipped.provenance.checksum, "split": "train"}]}
    judge = FakeJudge(lambda *_: 3, provenance=fitted)
    assert validate(judge, shipped, ["toxicity"], ["everyone"], limit=20, bootstrap=0).n_items == 20
    with pytest.raises(PluralignError, match="PA071"):
        validate(judge, shipped, split="all")
