"""The third and fourth tier: what judging or generating again finds, and what it refuses."""

import json

import made_runs
import numpy as np
import pytest

from pluralign.errors import PluralignError, ProblemsFoundError
from pluralign.judge import Score, Usage
from pluralign.judge.samples import Sample
from pluralign.leaderboard.again import DETERMINISTIC, LANGUAGE_MODEL, compared, rejudge, reproduce, sampled
from pluralign.leaderboard.check import check_submission
from pluralign.leaderboard.records import read_record
from pluralign.leaderboard.weights import weights_of


class SameJudge:
    """The judge of the made runs: knows its scores by answer; `shift` moves them, `noise` scatters them."""

    name = made_runs.JUDGE

    def __init__(self, folder, shift=0.0, noise=0.0, identity=None):
        self.usage, self.shift, self.noise = Usage(), shift, noise
        self.own = identity or made_runs.IDENTITY
        found = check_submission(folder).found
        self.known = {one.response: one.judgements for of in found.samples.values() for one in of}

    def identity(self):
        return dict(self.own)

    def provenance(self):
        return {}

    def preflight(self, dimensions, languages):
        return []

    def judge(self, answers, dimensions, progress=None):
        rng = np.random.default_rng(0)

        def again(one):
            return Score(float(np.clip(one.value + 4 * self.shift + 4 * rng.normal(0, self.noise), 1, 5)), self.name)

        return [{d: again(self.known[answer.response][d]) for d in dimensions} for answer in answers]


def test_the_same_judge_agrees_and_the_tier_rises(base_both, tmp_path):
    found = rejudge(base_both, SameJudge(base_both), tmp_path, n=60, seed=3)
    assert found.passed
    assert found.n == 60
    assert all(abs(one["mean"]) < 1e-12 for one in found.dimensions.values())
    record = read_record(
        tmp_path, f"{base_both.parent.name}/{base_both.name}", check_submission(base_both).claim_digest
    )
    assert record.tier == "re-judged"


@pytest.mark.parametrize(("shift", "noise"), [(0.01, 0.0), (0.0, 0.02)], ids=["all a little lower", "each edited"])
def test_scores_that_another_judging_does_not_give_do_not_pass(base_both, tmp_path, shift, noise):
    found = rejudge(base_both, SameJudge(base_both, shift, noise), tmp_path, n=100, seed=3)
    assert not found.passed
    assert max(one["each"] for one in found.dimensions.values()) > DETERMINISTIC.each
    record = read_record(
        tmp_path, f"{base_both.parent.name}/{base_both.name}", check_submission(base_both).claim_digest
    )
    assert record.tier == "recomputed"


def test_another_judge_is_refused_with_what_differs(base_both, tmp_path):
    other = SameJudge(base_both, identity={**made_runs.IDENTITY, "weights": "ffff"})
    with pytest.raises(PluralignError, match="PA111.*weights is 'ffff' here and 'e897ff4b.*' there"):
        rejudge(base_both, other, tmp_path, seed=1)
    assert list(tmp_path.iterdir()) == []


def test_the_sample_follows_from_the_seed(base_both):
    checked = check_submission(base_both)
    first, again, other = (sampled(checked, 50, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert len(sampled(checked, 0, 1)) == 432
    with pytest.raises(PluralignError, match="PA111.*20 answers"):
        sampled(checked, 5, 1)


def test_a_record_of_other_contents_counts_for_nothing(base_both, tmp_path):
    rejudge(base_both, SameJudge(base_both), tmp_path, n=60, seed=3)
    assert read_record(tmp_path, f"{base_both.parent.name}/{base_both.name}", "0" * 64).tier == "recomputed"


def test_local_weights_must_be_the_named_ones_and_safe(base_both, tmp_path):
    checked = check_submission(base_both)
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"x")
    (folder / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(ProblemsFoundError) as refused:
        weights_of(checked, str(folder), None)
    assert {one.code for one in refused.value.problems} == {"PA110"}
    assert "pytorch_model.bin" in str(refused.value)
    with pytest.raises(ProblemsFoundError, match="--model"):
        weights_of(checked, None, None)


def test_a_served_system_is_never_reproduced(tmp_path):
    made = made_runs.made(seed=5, languages=("en",))
    said = made_runs.replace(made_runs.SAID, kind="served", what="an API of May", weights_sha256=None)
    folder = made_runs.new_submission(made.write(tmp_path / "run"), said, tmp_path / "submissions").folder
    with pytest.raises(PluralignError, match="PA112"):
        reproduce(folder, SameJudge(folder), tmp_path / "records", seed=1)


def test_a_broken_submission_is_not_judged(base_en, copy_of, tmp_path):
    broken = copy_of(base_en)
    results = next(broken.glob("results_*.json"))
    held = json.loads(results.read_text())
    held["results"]["pluralign_en"]["toxicity,none"] += 0.01
    results.write_text(json.dumps(held))
    with pytest.raises(ProblemsFoundError):
        rejudge(broken, SameJudge(base_en), tmp_path / "records", seed=1)


@pytest.mark.parametrize("shift", [0.0024, -0.0024])
def test_a_small_shift_of_all_scores_does_not_pass(base_both, tmp_path, shift):
    """It moves ranks, because it has no spread."""
    assert not rejudge(base_both, SameJudge(base_both, shift), tmp_path, n=100, seed=3).passed


def test_a_language_model_may_waver_to_either_side_and_not_to_one():
    samples = [Sample("s", k, {}, f"p{k}", f"t{k // 3}", "en", "", "", False, {}) for k in range(200)]
    rng = np.random.default_rng(0)

    def found(shift, noise):
        first = [{"toxicity": Score(3.0, "m")} for _ in samples]
        second = [{"toxicity": Score(float(np.clip(3 + 4 * rng.normal(shift, noise), 1, 5)), "m")} for _ in samples]
        return compared(samples, first, second, ["toxicity"], LANGUAGE_MODEL, 1, None, {}).passed

    assert found(0.0, 0.05)
    assert not found(0.012, 0.01), "inside the bound of the mean, and certainly to one side"


def test_what_the_judge_is_said_to_have_failed_on_is_scored_again(tmp_path):
    usual = made_runs.scattered(5)

    def failing(dimension, language, k):
        return "timeout" if dimension == "toxicity" and k < 8 else usual(dimension, language, k)

    made = made_runs.made(seed=5, languages=("en",), scores=failing)
    folder = made_runs.new_submission(made.write(tmp_path / "run"), made_runs.SAID, tmp_path / "submissions").folder
    judge = SameJudge(folder)
    judge.known = {
        response: {name: one if isinstance(one, Score) else Score(4.0, judge.name) for name, one in of.items()}
        for response, of in judge.known.items()
    }
    found = rejudge(folder, judge, tmp_path / "records", n=0, seed=1)
    assert found.dimensions["toxicity"]["only_one"] == 8
    assert not found.passed
