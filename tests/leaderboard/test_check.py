"""What a check refuses besides the corpus: days to come, keys anywhere, judgements that say too little; and what a record is about."""

import gzip
import io
import struct
from dataclasses import replace
from datetime import UTC, datetime

import broken
import pytest
from made_runs import BEGAN, DATE, SAID, made

from pluralign.errors import ProblemsFoundError
from pluralign.leaderboard.check import CLAIMED, check_submission, claim_digest
from pluralign.leaderboard.new import new_submission

NAMED = datetime.strptime(DATE, "%Y-%m-%dT%H-%M-%S.%f").replace(tzinfo=UTC).timestamp()


def codes(checked):
    return {one.code for one in checked.problems}


@pytest.mark.parametrize(
    ("now", "found"), [(NAMED, set()), (NAMED - 80_000, set()), (NAMED - 2 * 86_400, {"PA104"}), (BEGAN - 30 * 86_400, {"PA104"})]
)  # fmt: skip
def test_a_submission_of_a_day_to_come_is_refused(base_en, now, found):
    assert codes(check_submission(base_en, now=now)) == found


def test_a_name_weeks_after_its_run_is_refused_while_those_weeks_are_to_come(copy_of, base_en):
    one = broken.Copy(copy_of(base_en))
    for path in list(one.folder.iterdir()):
        path.rename(path.with_name(path.name.replace(DATE, "2025-07-20T00-03-51.044831")))
    assert codes(check_submission(one.folder, placed=False, now=BEGAN + 3600)) == {"PA104"}
    assert check_submission(one.folder, placed=False).is_accepted


@pytest.mark.parametrize(
    "provenance",
    [
        {"parts": [1, 2]}, {"parts": {"a": None}}, {"parts": {"a": 1}}, [], "x", 3, None, {"kind": "jury"}, {"kind": "jury", "judges": []},
        {"kind": "jury", "judges": {"a": 1}, "agreement": {}, "partial": {}}, {"agreement": {}, "sources": [1]}, {"agreement": {"people": {"x": "y"}}},
        {"agreement": {"truth": {"x": {}}}}, {"agreement": {"people": 3}}, {"agreement": {}, "sources": [{}]},
    ],
    ids=repr,
)  # fmt: skip
def test_a_provenance_that_cannot_be_told_is_refused(copy_of, base_en, provenance):
    one = broken.Copy(copy_of(base_en))
    broken.results_with("configs.pluralign_en.metadata.judge_provenance", provenance)(one)
    assert codes(check_submission(one.folder, placed=False)) == {"PA107"}


KEYS = [
    "github_pat_" + "aB3" * 10, "ghp_" + "x1" * 18, "AKIA" + "ABCD1234" * 2, "AIza" + "Sy3_-" * 7, "glpat-" + "aB3" * 7, "hf_" + "aB3" * 11,
    "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG", "AWS_SECRET_ACCESS_KEY: abc",
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key[:8])
@pytest.mark.parametrize("where", ["command", "results", "answer"])
def test_a_key_is_found_wherever_it_stands(tmp_path, key, where):
    one, said = made(languages=("en",)), SAID
    if where == "command":
        said = replace(SAID, command=f"env\n{key} lm_eval run")
    elif where == "results":
        one.results["pretty_env_info"] = f"first line\n{key}"
    else:
        one = made(
            languages=("en",),
            answers=lambda language, k, prompt: f"Answer {k}.\n{key}" if k == 9 else f"Answer {k} of many.",
        )
    with pytest.raises(ProblemsFoundError) as raised:
        new_submission(one.write(tmp_path / "run"), said, tmp_path / "s")
    assert {problem.code for problem in raised.value.problems} == {"PA100"}


def test_words_that_are_no_keys_are_none(tmp_path):
    said = "a risk-averse-and-very-careful-assistant and task-adapted-to-the-household; AKIA and AIza and glpat- and hf_hub"
    one = made(languages=("en",), answers=lambda language, k, prompt: f"{said} {k}")
    assert new_submission(one.write(tmp_path / "run"), SAID, tmp_path / "s").is_accepted


def failing(dimension, every, kind):
    """A judge that fails on one dimension, or on German only."""

    def score(name, language, k):
        return kind if name == dimension and k % every == 0 else 2.0 + (k % 7) / 5

    return score


def test_failures_are_bounded_in_every_dimension(tmp_path):
    """Every tenth of one of two dimensions is a twentieth of all."""
    one = made(languages=("en",), scores=failing("toxicity", 11, "refused"))
    with pytest.raises(ProblemsFoundError) as raised:
        new_submission(one.write(tmp_path / "run"), SAID, tmp_path / "s")
    assert [(p.code, p.field) for p in raised.value.problems] == [("PA107", "judgements.toxicity")]
    few = made(languages=("en",), scores=failing("toxicity", 25, "refused"))
    assert new_submission(few.write(tmp_path / "few"), SAID, tmp_path / "s").is_accepted


def test_answers_that_are_left_out_are_bounded_in_every_language(tmp_path):
    def silent(every):
        return lambda language, k, prompt: "" if language == "de" and k % every == 0 else f"An answer, number {k}."

    with pytest.raises(ProblemsFoundError) as raised:
        new_submission(made(answers=silent(4)).write(tmp_path / "run"), SAID, tmp_path / "s")
    assert [(p.code, p.file) for p in raised.value.problems] == [("PA107", "samples_pluralign_de")]
    found = new_submission(made(answers=silent(6)).write(tmp_path / "few"), SAID, tmp_path / "s")
    assert found.left_out == {"de": 36 / 216, "en": 0.0}


@pytest.mark.parametrize("dimensions", [("toxicity",), ("emotional_awareness", "helpfulness")])
def test_both_dimensions_are_judged(tmp_path, dimensions):
    with pytest.raises(ProblemsFoundError) as raised:
        new_submission(made(languages=("en",), dimensions=dimensions).write(tmp_path / "run"), SAID, tmp_path / "s")
    assert {p.code for p in raised.value.problems} == {"PA107"}


@pytest.mark.parametrize("shots", [0.0, False, "0", None, 1])
def test_no_shots_are_a_whole_zero(copy_of, base_en, shots):
    one = broken.Copy(copy_of(base_en))
    broken.results_with("n-shot.pluralign_en", shots)(one)
    assert codes(check_submission(one.folder, placed=False)) == {"PA104"}


@pytest.mark.parametrize("option", ["--trust-remote-code", "--trust-remote-code true", "trust-remote_code=True"])
def test_remote_code_is_found_with_dashes(tmp_path, option):
    said = replace(SAID, command=f"vllm serve a/b {option}")
    with pytest.raises(ProblemsFoundError) as raised:
        new_submission(made(languages=("en",)).write(tmp_path / "run"), said, tmp_path / "s")
    assert {p.code for p in raised.value.problems} == {"PA110"}


@pytest.mark.parametrize("option", ["--no-trust-remote-code", "--trust-remote-code=false"])
def test_remote_code_that_is_off_is_none(tmp_path, option):
    said = replace(SAID, command=f"vllm serve a/b {option}")
    assert new_submission(made(languages=("en",)).write(tmp_path / "run"), said, tmp_path / "s").is_accepted


def with_header(data, flag, field):
    """A gzip file with one more part in its header."""
    plain = gzip.compress(data, 1, mtime=0)
    return plain[:3] + bytes([flag]) + plain[4:10] + field + plain[10:]


@pytest.mark.parametrize("size", [10, 1000, 1025, 5000, 60_000])
@pytest.mark.parametrize("what", ["extra", "name", "comment"])
def test_a_gzip_header_holds_no_more_than_a_name(copy_of, base_en, what, size):
    one = broken.Copy(copy_of(base_en))
    flag = {"extra": 4, "name": 8, "comment": 16}[what]
    field = struct.pack("<H", size) + b"x" * size if what == "extra" else b"x" * size + b"\0"
    one.samples_path().write_bytes(with_header(one.text(), flag, field))
    assert gzip.GzipFile(fileobj=io.BytesIO(one.samples_path().read_bytes())).read() == one.text()
    assert codes(check_submission(one.folder, placed=False)) == (set() if size <= 1024 else {"PA101"})


@pytest.mark.parametrize("field", CLAIMED)
def test_a_record_is_about_what_the_manifest_says_too(base_en, field):
    checked = check_submission(base_en)
    assert checked.claim_digest == claim_digest(checked.digest, checked.manifest)
    other = {
        "model": checked.manifest.model.model_copy(update={"weights_sha256": "2" * 64}), "base_model": None, "method": "dpo",
        "training": checked.manifest.training.model_copy(update={"data": "x"}), "licence": "mit",
        "judge": checked.manifest.judge.model_copy(update={"name": "x"}), "prompts": checked.manifest.prompts.model_copy(update={"version": "2.0.0"}),
    }  # fmt: skip
    if field == "base_model":
        from pluralign.leaderboard.manifest import BaseModelRef

        other["base_model"] = BaseModelRef(id="acme/base")
    assert (
        claim_digest(checked.digest, checked.manifest.model_copy(update={field: other[field]})) != checked.claim_digest
    )
    assert (
        claim_digest(checked.digest, checked.manifest.model_copy(update={"contact": "another"})) == checked.claim_digest
    )
