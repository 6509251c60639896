"""From an lm-eval run to a submission's folder."""

import gzip
import json
from dataclasses import replace

import pytest
from made_runs import BEGAN, DATE, SAID, made

from pluralign.errors import PluralignError, ProblemsFoundError
from pluralign.leaderboard.check import check_submission
from pluralign.leaderboard.new import Said, new_submission


@pytest.fixture
def run(tmp_path):
    return made(languages=("en",)).write(tmp_path / "run")


@pytest.fixture
def out(tmp_path):
    (tmp_path / "submissions").mkdir()
    return tmp_path / "submissions"


def nothing_left(out):
    return list(out.rglob("*")) == []


def test_a_run_becomes_a_folder_that_passes_and_whose_name_follows_from_its_contents(run, out):
    checked = new_submission(run, SAID, out)
    assert checked.is_accepted
    assert sorted(one.name for one in checked.folder.iterdir()) == [
        "manifest.yaml",
        f"results_{DATE}.json",
        f"samples_pluralign_en_{DATE}.jsonl.gz",
    ]
    assert checked.folder == out / "acme__model-1B" / f"{DATE[:10]}-{checked.digest[:8]}"
    assert (checked.folder / f"results_{DATE}.json").read_bytes() == (run / f"results_{DATE}.json").read_bytes()
    assert sorted(out.iterdir()) == [out / "acme__model-1B"]


def test_the_same_run_gives_the_same_bytes(run, out, tmp_path):
    one, other = new_submission(run, SAID, out), new_submission(run, SAID, tmp_path / "others")
    for path in one.folder.iterdir():
        assert path.read_bytes() == (other.folder / path.name).read_bytes()


def test_compressed_samples_give_the_same_submission(run, out, tmp_path):
    one = new_submission(run, SAID, out)
    path = next(run.glob("samples_*"))
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 1))
    path.unlink()
    other = new_submission(run, SAID, tmp_path / "others")
    assert other.folder.name == one.folder.name


def test_a_deeper_folder_and_the_newest_run_in_it_are_found(out, tmp_path):
    made(seed=1, languages=("en",), date="2025-05-01T00-03-51.044831", began=BEGAN - 31 * 86_400).write(
        tmp_path / "run/org__m"
    )
    newer = made(seed=2, languages=("en",)).write(tmp_path / "run/org__m")
    assert new_submission(tmp_path / "run", SAID, out).folder.name.startswith("2025-06-01-")
    assert newer.is_dir()


def test_all_that_nobody_said_is_asked_for_at_once_and_nothing_is_left_behind(run, out):
    with pytest.raises(ProblemsFoundError) as raised:
        new_submission(run, Said(), out)
    assert {one.field for one in raised.value.problems} == {
        "model.id", "model.weights_sha256", "base", "method", "data", "licence", "contact", "command", "not_trained_on_test_prompts",
    }  # fmt: skip
    assert all("--" in one.expected for one in raised.value.problems)
    assert nothing_left(out)


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"method": "DPO"}, {"method"}),
        ({"licence": "", "contact": "a\nb"}, {"licence", "contact"}),
        ({"model": "no-slash"}, {"model.id"}),
        ({"weights_sha256": "abc"}, {"model.weights_sha256"}),
        ({"kind": "cloud"}, {"model.kind"}),
        ({"kind": "served"}, {"model.what"}),
        ({"kind": "hub"}, {"model.revision"}),
        ({"configs": ("../x",)}, {"training.pluralign_configs.0"}),
        ({"base": "no-slash"}, {"base_model.id"}),
    ],
)
def test_what_was_said_wrongly_is_named_and_nothing_is_left_behind(run, out, change, fields):
    with pytest.raises(ProblemsFoundError) as raised:
        new_submission(run, replace(SAID, **change), out)
    assert {one.field for one in raised.value.problems} == fields
    assert all(one.code == "PA103" for one in raised.value.problems)
    assert nothing_left(out)


def test_a_submission_that_exists_is_not_written_over(run, out):
    one = new_submission(run, SAID, out)
    before = {path: path.read_bytes() for path in one.folder.iterdir()}
    with pytest.raises(PluralignError, match="PA052"):
        new_submission(run, SAID, out)
    assert {path: path.read_bytes() for path in one.folder.iterdir()} == before
    assert sorted(out.iterdir()) == [one.folder.parent]


def test_a_key_in_the_command_is_refused_before_it_is_written_anywhere(run, out):
    with pytest.raises(ProblemsFoundError) as raised:
        new_submission(run, replace(SAID, command="HF_TOKEN=hf_" + "aB3" * 11 + " lm_eval run"), out)
    assert [one.code for one in raised.value.problems] == ["PA100"]
    assert nothing_left(out)


@pytest.mark.parametrize("name", ["acme/risk-averse-language-model-1B", "acme/task-adapted-to-the-household-2B"])
def test_a_name_with_a_part_like_a_key_is_none(run, out, name):
    assert new_submission(run, replace(SAID, model=name), out).is_accepted


@pytest.mark.parametrize(
    "harm", ["no folder", "a file", "empty", "no results", "no samples", "half a gzip", "no gzip", "generations"]
)
def test_what_is_no_run_is_said_with_pa076(run, out, tmp_path, harm):
    samples = next(run.glob("samples_*"))
    given = {"no folder": tmp_path / "nowhere", "a file": samples, "empty": out}.get(harm, run)
    if harm == "no results":
        next(run.glob("results_*")).unlink()
    elif harm == "no samples":
        samples.unlink()
    elif harm == "generations":
        samples.rename(samples.with_name(samples.name.replace("samples_", "generations_")))
    elif harm in ("half a gzip", "no gzip"):
        data = gzip.compress(samples.read_bytes())[:-20] if harm == "half a gzip" else b"plain"
        samples.with_name(f"{samples.name}.gz").write_bytes(data)
        samples.unlink()
    with pytest.raises(PluralignError, match="PA076"):
        new_submission(given, SAID, out)
    assert nothing_left(out)


def test_a_run_of_some_prompts_or_of_other_settings_is_refused_and_all_of_it_told(out, tmp_path):
    one = made(languages=("en",))
    one.rows["en"] = one.rows["en"][:20]
    one.settle().results["config"]["limit"] = 20
    one.results["n-shot"]["pluralign_en"] = 3
    with pytest.raises(ProblemsFoundError) as raised:
        new_submission(one.write(tmp_path / "run"), SAID, out)
    assert {(item.code, item.field) for item in raised.value.problems} >= {
        ("PA105", "config.limit"), ("PA104", "n-shot.pluralign_en"), ("PA105", None),
    }  # fmt: skip
    assert nothing_left(out)


def test_a_run_that_was_not_judged_says_what_to_do(out, tmp_path):
    one = made(languages=("en",))
    for name in ("judge", "judge_identity", "judge_provenance"):
        del one.results["configs"]["pluralign_en"]["metadata"][name]
    with pytest.raises(ProblemsFoundError, match="run with a judge"):
        new_submission(one.write(tmp_path / "run"), SAID, out)
    assert nothing_left(out)


def test_a_model_that_never_answers_has_no_scores_and_is_refused_plainly(out, tmp_path):
    with pytest.raises(ProblemsFoundError) as raised:
        new_submission(made(languages=("en",), answers=lambda *_: "").write(tmp_path / "run"), SAID, out)
    assert raised.value.problems
    assert nothing_left(out)


@pytest.mark.parametrize("written", ["text", "mapping"])
def test_what_the_run_knows_of_a_model_on_the_hub_is_filled_in(out, tmp_path, written):
    one = made(languages=("en",))
    given = {"pretrained": "acme/model-1B", "revision": "a" * 40, "dtype": "bfloat16"}
    text = ",".join(f"{name}={value}" for name, value in given.items())
    one.results["config"] |= {"model_args": text if written == "text" else given, "model_sha": "a" * 40}
    run = one.write(tmp_path / "run")
    checked = new_submission(run, replace(SAID, model=None, weights_sha256=None, quantisation=None), out)
    assert checked.manifest.model.model_dump() == {"kind": "hub", "id": "acme/model-1B", "revision": "a" * 40}


def as_served(one, **arguments):
    """The run of a server, whatever it says that it is."""
    one.results["config"] |= {
        "model": "local-chat-completions",
        "model_args": {"model": "m", **arguments},
        "model_sha": "a" * 40,
    }
    return one


def test_a_run_of_an_api_is_told_how_it_is_named(out, tmp_path):
    run = as_served(made(languages=("en",))).write(tmp_path / "run")
    with pytest.raises(ProblemsFoundError) as raised:
        new_submission(run, replace(SAID, weights_sha256=None), out)
    (problem,) = raised.value.problems
    assert problem.field == "model.weights_sha256"
    assert "--kind served --what" in problem.expected


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "hub", "model": "meta-llama/Llama-3.1-8B-Instruct", "revision": "a" * 40},
        {"kind": "adapter", "model": "acme/adapter", "revision": "b" * 40},
    ],
    ids=["hub", "adapter"],
)
@pytest.mark.parametrize(
    "arguments", [{}, {"pretrained": "meta-llama/Llama-3.1-8B-Instruct"}], ids=["no name", "the name"]
)
def test_a_server_is_no_weights_of_the_hub_whatever_it_is_called(out, tmp_path, change, arguments):
    run = as_served(made(languages=("en",)), **arguments).write(tmp_path / "run")
    with pytest.raises(ProblemsFoundError) as raised:
        new_submission(run, replace(SAID, **change), out)
    assert {one.code for one in raised.value.problems} <= {"PA103", "PA104"}
    assert nothing_left(out)


@pytest.mark.parametrize(
    ("arguments", "sha"),
    [({"pretrained": "/models/x"}, ""), ({"pretrained": "acme/other"}, "a" * 40), ({"pretrained": "acme/model-1B"}, "c" * 40),
     ({"pretrained": "acme/model-1B", "revision": "c" * 40}, ""), ({"pretrained": "acme/model-1B", "peft": "acme/adapter"}, "a" * 40), ({}, "")],
)  # fmt: skip
def test_weights_of_the_hub_are_those_that_the_run_opened(out, tmp_path, arguments, sha):
    one = made(languages=("en",))
    one.results["config"] |= {"model_args": arguments, "model_sha": sha}
    said = replace(SAID, kind="hub", model="acme/model-1B", revision="a" * 40)
    with pytest.raises(ProblemsFoundError) as raised:
        new_submission(one.write(tmp_path / "run"), said, out)
    assert {one.code for one in raised.value.problems} == {"PA104"}


def test_an_adapter_names_its_base(out, tmp_path):
    one = made(languages=("en",))
    one.results["config"] |= {"model_args": {"pretrained": "acme/base", "peft": "acme/adapter"}, "model_sha": "a" * 40}
    said = replace(SAID, model=None, weights_sha256=None, revision="b" * 40, base="acme/base")
    held = new_submission(one.write(tmp_path / "run"), said, out).manifest
    assert held.model.kind == "adapter"
    assert (held.model.id, held.model.base.id, held.model.base.revision) == ("acme/adapter", "acme/base", "a" * 40)


def test_lines_that_several_devices_wrote_in_turn_are_taken(out, tmp_path):
    one = made(languages=("en",))
    one.rows["en"] = one.rows["en"][::2] + one.rows["en"][1::2]
    run = one.settle().write(tmp_path / "run")
    checked = new_submission(run, SAID, out)
    assert [one.prompt_id for one in checked.found.samples["en"]] == [
        row["doc"]["prompt_id"] for row in made().rows["en"]
    ]


def test_thinking_is_taken_out_and_an_umlaut_in_it_moves_nothing(out, tmp_path):
    said = lambda language, k, prompt: f"<think>Groß, süß, {k}.</think>Answer number {k} to the question."  # noqa: E731
    checked = new_submission(made(languages=("en",), answers=said).write(tmp_path / "run"), SAID, out)
    assert checked.found.samples["en"][3].response == "Answer number 3 to the question."


def test_what_new_makes_can_be_checked_from_anywhere(run, out, monkeypatch):
    folder = new_submission(run, SAID, out).folder
    monkeypatch.chdir(folder.parent)
    from pathlib import Path

    assert check_submission(Path(folder.name)).is_accepted
    monkeypatch.chdir(folder)
    assert check_submission(Path()).is_accepted
    assert json.dumps(check_submission(Path()).to_json())
