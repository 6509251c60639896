"""The offline judges: the one that ships, those that users fit, and which of them is the default."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pluralign.errors import PluralignError
from pluralign.judge.base import Answer, Judge
from pluralign.judge.fit import fit_judge, judge_name
from pluralign.judge.fit_shipped import FIT_SEED, REAL, TEST_SEED, agreement_with_people, scores
from pluralign.judge.offline import (
    COMPOSITE,
    SHORT,
    CompositeJudge,
    RaterModelJudge,
    measured_agreement,
    offline_judge,
    shipped_judge,
)
from pluralign.judge.zero_shot import WITHIN, ZeroShotJudge
from pluralign.rater_model import Penalties
from pluralign.schema import DIMENSIONS
from pluralign.simulate import load_parameters, simulate

HELLO = [Answer("How are you?", "I am well, thank you.", "en"), Answer("Wie geht's?", "Mir geht es gut, danke.", "de")]


@pytest.fixture(scope="module")
def judge():
    return RaterModelJudge.open()


@pytest.fixture(scope="module")
def parallel():
    """Items of lexicon E in both languages, none of whose phrases the shipped judge was fitted to."""
    return simulate(replace(load_parameters("population"), n_prompts=30, responses_per_prompt=3), seed=77, lexicon="e")


def test_the_shipped_judge_says_that_its_raters_were_simulated(judge):
    assert isinstance(judge, Judge)
    assert judge.name == "rater-model-simulated"
    (source,) = judge.provenance()["sources"]
    assert source["kind"] == "simulated"
    assert "lexicon-j" in source["version"]
    assert FIT_SEED not in (0, TEST_SEED)


def test_the_shipped_judge_is_small():
    assert sum(file.stat().st_size for file in shipped_judge().iterdir()) < 2_000_000


def test_it_scores_every_dimension_in_both_languages(judge):
    for row in judge.judge(HELLO, list(DIMENSIONS)):
        assert list(row) == list(DIMENSIONS)
        assert all(1 <= score.value <= 5 and score.mode == "model" for score in row.values())


def test_empty_answers_unknown_dimensions_and_languages_are_failures(judge):
    rows = judge.judge([Answer("Hi?", "", "en"), Answer("Hi?", "Salut.", "fr"), HELLO[0]], ["toxicity", "wit"])
    assert [(r["toxicity"].kind, r["wit"].kind) for r in rows[:2]] == [
        ("empty_answer", "empty_answer"),
        ("unsupported", "unsupported"),
    ]
    assert rows[2]["wit"].kind == "unsupported"
    assert rows[2]["toxicity"].value
    assert judge.preflight(["toxicity", "wit"], ["en", "fr"])[0].startswith("rater-model-simulated does not judge wit")


def test_the_same_answer_is_scored_alike_in_english_and_german(judge, parallel):
    for dimension in DIMENSIONS:
        en, de = (
            scores(judge, parallel.items.column(f"response_{lang}").to_pylist(), dimension, lang)
            for lang in ("en", "de")
        )
        assert np.abs(en - de).mean() <= 0.3
        assert np.corrcoef(en, de)[0, 1] > 0.5


def test_it_orders_texts_whose_phrases_it_has_not_seen(judge, parallel):
    effects = {(r["item_id"], r["dimension"]): r["effect"] for r in parallel.truth.to_pylist()}
    items = parallel.items.column("item_id").to_pylist()
    found = []
    for dimension in DIMENSIONS:
        got = scores(judge, parallel.items.column("response_en").to_pylist(), dimension, "en")
        found.append(np.corrcoef(got, [effects[i, dimension] for i in items])[0, 1])
    assert np.mean(found) > 0.15


def test_the_jury_gives_each_groups_distribution_and_nothing_for_an_empty_answer(judge):
    shares = judge.jury([*HELLO, Answer("Hi?", "", "en")], ["toxicity"], ["everyone", "female", "male"])
    assert set(shares["toxicity"]) == {"everyone", "female", "male"}
    np.testing.assert_allclose(shares["toxicity"]["female"][:2].sum(1), 1)
    assert np.isnan(shares["toxicity"]["female"][2]).all()
    assert np.abs(shares["toxicity"]["female"][0] - shares["toxicity"]["male"][0]).max() > 0
    with pytest.raises(PluralignError, match="PA020"):
        judge.jury(HELLO, ["toxicity"], ["martian"])


def test_toxicitys_default_is_what_agrees_better_with_people(judge):
    known = measured_agreement()
    mean = {name: np.mean(list(known[name]["people"].values())) for name in ("rater-model-simulated", "zero-shot")}
    assert known["toxicity_default"] == max(mean, key=mean.get)


def test_the_default_judge_says_who_judges_what():
    default = offline_judge()
    assert isinstance(default, CompositeJudge)
    assert default.name == COMPOSITE == "offline(toxicity: zero-shot, rest: rater-model-simulated)"
    assert SHORT[default.name] == "offline"
    (row, _) = default.judge(HELLO, ["helpfulness", "toxicity"])
    assert list(row) == ["helpfulness", "toxicity"]
    assert {d: j.judge for d, j in row.items()} == {"helpfulness": "rater-model-simulated", "toxicity": "zero-shot"}
    assert default.preflight(list(DIMENSIONS), ["en"]) == []
    assert default.preflight(list(DIMENSIONS), ["en", "de"]) == [f"zero-shot: {WITHIN}"]
    assert set(default.identity()["parts"]) == {"zero-shot", "rater-model-simulated"}
    json.dumps([default.identity(), default.provenance()])


def test_progress_counts_every_judgement_once():
    steps = []
    offline_judge().judge(HELLO, list(DIMENSIONS), steps.append)
    assert sum(steps) == len(HELLO) * len(DIMENSIONS)


def test_simulated_and_real_ratings_are_never_pooled(parallel):
    real = replace(parallel, provenance=replace(parallel.provenance, kind="imported", source="people"))
    assert judge_name([real]) == "rater-model:people"
    assert judge_name([parallel, parallel]) == "rater-model-simulated"
    with pytest.raises(PluralignError, match="PA060"):
        fit_judge([real, parallel])
    with pytest.raises(PluralignError, match="PA060"):
        fit_judge([])


def test_a_fitted_judge_carries_the_name_of_its_set(parallel, tmp_path):
    real = replace(parallel, provenance=replace(parallel.provenance, kind="imported", source="people"))
    folder = fit_judge([real], penalties=Penalties(contrast=np.inf), dimensions=["toxicity"]).save(tmp_path / "mine")
    mine = RaterModelJudge.open(folder)
    assert mine.name == "rater-model:people"
    assert mine.judge(HELLO, ["helpfulness"])[0]["helpfulness"].kind == "unsupported"
    assert mine.identity()["weights"] != RaterModelJudge.open().identity()["weights"]


@pytest.mark.slow
def test_agreement_with_people_is_as_it_was_written_down(shared, judge):
    for one in (judge, ZeroShotJudge()):
        assert agreement_with_people(one, shared) == pytest.approx(measured_agreement()[one.name]["people"], abs=0.01)


@pytest.mark.slow
def test_a_judge_fitted_to_two_real_sets_orders_the_third(shared):
    from pluralign.sources import import_source

    sets = {name: import_source(name, shared / "data" / path) for name, path in REAL.items()}
    for held in sets:
        fitted = fit_judge([r for name, r in sets.items() if name != held], "use+profanity", penalties=Penalties(contrast=np.inf),
                           dimensions=["toxicity"])  # fmt: skip
        assert agreement_with_people(RaterModelJudge(fitted), shared)[held] > 0.45


@pytest.mark.parametrize("invisible", ["", "  \n", "\u200b", "\u202e\u2066"], ids=ascii)
def test_an_answer_without_a_visible_character_is_empty(invisible):
    from pluralign.judge.zero_shot import ZeroShotJudge

    [row] = ZeroShotJudge().judge([Answer("Hi?", invisible, "en")], ["toxicity"])
    assert row["toxicity"].kind == "empty_answer"
