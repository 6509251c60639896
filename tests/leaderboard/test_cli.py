"""`pluralign submission …` and `pluralign leaderboard build`: what they say, their exit codes, and what they leave behind."""

import json
import re
import shutil
import socket
import sys

import made_runs
import pytest
import yaml

from pluralign import cli
from pluralign.leaderboard.again import own_judge
from pluralign.leaderboard.check import check_submission
from pluralign.leaderboard.records import read_record

from ..cases import cases
from .test_again import SameJudge

HASH = "1" * 64
SAID = (
    "--model", "acme/model-1B", "--weights", HASH, "--quantisation", "Q4_1", "--base", "none", "--method", "none", "--data", "none",
    "--licence", "apache-2.0", "--hardware", "one CPU", "--contact", "team@example.org", "--command", "lm_eval run", "--not-trained-on-test-prompts",
)  # fmt: skip
COMMANDS = ("new", "check", "send", "rejudge", "reproduce", "export")


@pytest.fixture
def pluralign(monkeypatch, capsys, own_cache):
    """Runs the command line; returns its exit code, what it printed, and what it complained of, which is never a traceback."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)

    def called(*arguments):
        monkeypatch.setattr(sys, "argv", ["pluralign", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        said = capsys.readouterr()
        assert "Traceback" not in said.err + said.out
        return left.value.code or 0, said.out, said.err

    return called


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """An lm-eval output folder; not to be changed."""
    return made_runs.make_run(tmp_path_factory.mktemp("run") / "acme__model", languages=("en",))


@pytest.fixture
def place(tmp_path, base_en, run, monkeypatch):
    """A folder to work in: submissions with one in it, a run, and things that are none of these."""
    submissions = tmp_path / "work/submissions"
    shutil.copytree(base_en, submissions / base_en.parent.name / base_en.name)
    shutil.copytree(run, tmp_path / "work/run")
    (tmp_path / "work/empty").mkdir()
    (tmp_path / "work/file").write_text("x")
    (tmp_path / "work/broken").mkdir()
    (tmp_path / "work/broken/results_2025-06-01T00-03-51.044831.json").write_text("{")
    (tmp_path / "work/broken/manifest.yaml").write_text("model: [")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def folder(place):
    (found,) = (place / "submissions").glob("*/*")
    return found


def tree(place):
    return {one.relative_to(place).as_posix(): one.is_file() and one.read_bytes() for one in place.rglob("*")}


@pytest.mark.parametrize("command", [("submission", one) for one in COMMANDS] + [("leaderboard", one) for one in ("build", "serve")])  # fmt: skip
def test_every_command_has_examples(pluralign, command):
    code, out, _ = pluralign(*command, "--help")
    assert code == 0
    assert "Examples" in out
    assert f"pluralign {' '.join(command)}" in out


# ---- from a run to a submission


def test_new_makes_a_folder_that_check_accepts(pluralign, place):
    code, out, _ = pluralign("submission", "new", "run", *SAID, "--out", "made")
    folder = place / out.splitlines()[0]
    assert code == 0
    assert "will be public" in out
    code, out, err = pluralign("submission", "check", folder)
    first, *scores, board = out.splitlines()
    assert (code, first, err) == (0, "accepted: scores, intervals and lengths recomputed from the samples", "")
    (reported,) = folder.glob("results_*.json")
    for task, result in json.loads(reported.read_text())["results"].items():
        value, language = result["toxicity,none"], task.removeprefix("pluralign_")
        assert any(
            line.startswith("toxicity") and f" {language} " in line and f"{value:.3f}" in line for line in scores
        )
    assert board.startswith("board: ")
    assert sorted(one.name for one in (place / "made").iterdir()) == ["acme__model-1B"]


def test_new_and_check_tell_a_program_the_same(pluralign, place):
    code, out, _ = pluralign("submission", "new", "run", *SAID, "--out", "made", "--json")
    made = json.loads(out)
    (folder,) = (place / "made").glob("*/*")
    code_of_check, out, _ = pluralign("submission", "check", folder, "--json")
    found = json.loads(out)
    assert (code, code_of_check, found["problems"]) == (0, 0, [])
    assert found["scores"] == made["scores"]


def test_new_takes_the_hash_of_a_file_of_weights(pluralign, place):
    (place / "model.safetensors").write_bytes(b"weights")
    said = [made_runs.sha256("weights") if one == HASH else one for one in SAID]
    pluralign("submission", "new", "run", *("model.safetensors" if one == HASH else one for one in SAID), "--out", "a")
    pluralign("submission", "new", "run", *said, "--out", "b")
    assert {k.removeprefix("a/"): v for k, v in tree(place).items() if k.startswith("a/")} == {
        k.removeprefix("b/"): v for k, v in tree(place).items() if k.startswith("b/")
    }


def test_new_asks_for_all_that_is_missing_at_once(pluralign, place):
    before = tree(place)
    code, _, err = pluralign("submission", "new", "run", "--out", "submissions")
    assert code == 1
    for option in ("--model", "--weights", "--base", "--method", "--data", "--licence", "--contact", "--command"):
        assert option in err
    assert tree(place) == before


def test_new_twice_is_said_and_changes_nothing(pluralign, place):
    pluralign("submission", "new", "run", *SAID, "--out", "made")
    before = tree(place)
    code, _, err = pluralign("submission", "new", "run", *SAID, "--out", "made")
    assert (code, err.startswith("PA052")) == (2, True)
    assert tree(place) == before


def test_check_tells_everything_and_exits_with_1(pluralign, folder):
    (folder / "notes.txt").write_text("x")
    code, out, _ = pluralign("submission", "check", folder)
    assert code == 1
    assert "PA100" in out
    assert "notes.txt" in out
    assert out.endswith("1 problem(s)\n")


@pytest.mark.parametrize("above", ["submissions", "submissions/acme__model-1B"])
def test_check_of_a_folder_above_says_once_which_to_give(pluralign, place, folder, above):
    code, out, _ = pluralign("submission", "check", above)
    assert code == 1
    assert "give one <date>-<short> folder" in out
    assert out.endswith("1 problem(s)\n")


def test_check_looks_at_a_folder_of_any_name_when_asked(pluralign, place, folder):
    shutil.copytree(folder, place / "anywhere")
    assert pluralign("submission", "check", "anywhere")[0] == 1
    assert pluralign("submission", "check", "anywhere", "--unplaced")[0] == 0


def test_send_says_what_would_be_sent(pluralign, folder):
    code, out, _ = pluralign("submission", "send", folder, "--dry-run", "--endpoint", "http://127.0.0.1:9")
    assert code == 0
    assert "3 files to spaces/pluralign/leaderboard, would be sent (dry run)" in out
    assert "HF_TOKEN" in out.splitlines()[-1], "what the real one needs"
    for one in folder.iterdir():
        assert f"{one.stat().st_size:>12,}  submissions/{folder.parent.name}/{folder.name}/{one.name}" in out


# ---- judged and generated again


@pytest.fixture
def same_judge(monkeypatch, folder):
    """Whatever is asked for, the judge of the made runs is opened; the names that were asked for."""
    asked = []
    monkeypatch.setattr("pluralign.judge.names.open_judge", lambda name: asked.append(name) or SameJudge(folder))
    return asked


def test_rejudge_records_the_tier(pluralign, place, folder, same_judge):
    code, out, _ = pluralign("submission", "rejudge", folder, "--seed", 3, "--n", 30, "--records", "records")
    assert code == 0
    assert "toxicity: mean difference" in out
    assert out.endswith("passed\n")
    assert same_judge == ["rater-model"], "by the name that opens it here"
    record = read_record(
        place / "records", f"{folder.parent.name}/{folder.name}", check_submission(folder).claim_digest
    )
    assert record.tier == "re-judged"
    assert record.seen == record.rejudged["details"]["date"]
    told = json.loads(pluralign("submission", "rejudge", folder, "--seed", 3, "--n", 0, "--records", "records", "--json")[1])  # fmt: skip
    assert (told["n"], told["seed"], told["passed"]) == (216, 3, True)


def test_rejudge_exits_with_1_where_the_judgings_differ(pluralign, folder, monkeypatch):
    monkeypatch.setattr("pluralign.judge.names.open_judge", lambda name: SameJudge(folder, shift=0.1))
    code, out, _ = pluralign("submission", "rejudge", folder, "--seed", 3, "--records", "records")
    assert code == 1
    assert out.endswith("NOT passed\n")


def test_rejudge_keeps_what_the_record_says_already(pluralign, place, folder, same_judge):
    path = place / f"records/{folder.parent.name}/{folder.name}.json"
    path.parent.mkdir(parents=True)
    digest = check_submission(folder).claim_digest
    path.write_text(json.dumps({"digest": digest, "received": "2025-06-03", "cleared": {"length": "short by nature"}}))
    pluralign("submission", "rejudge", folder, "--seed", 3, "--records", "records")
    record = read_record(place / "records", f"{folder.parent.name}/{folder.name}", digest)
    assert (record.received, record.cleared, record.tier) == ("2025-06-03", {"length": "short by nature"}, "re-judged")


@pytest.mark.parametrize(
    ("judge", "opened"),
    cases([
        ("rater-model-simulated", "rater-model"),
        ("zero-shot", "zero-shot"),
        ("offline(toxicity: zero-shot, rest: rater-model-simulated)", "offline"),
        ("openai:gpt-4o-mini", "openai:gpt-4o-mini"),
        ("openai:gpt-4o-mini,offline(toxicity: zero-shot, rest: rater-model-simulated)", "openai:gpt-4o-mini,offline"),
        ("openai:org/model-8B:free", "openai:org/model-8B:free"),
        *((name, None) for name in (
            "openai:gpt-4o-mini@http://127.0.0.1:{port}/v1", "rater-model:/etc", "openai:gpt-4o-mini,openai:m@http://127.0.0.1:{port}/v1",
        )),
    ], slow=[(name, None) for name in (
        "openai:m@https://evil.example/v1", "rater-model:crehate", "offline(x)@http://127.0.0.1:{port}", "openai:", ",", "a judge",
    )]),
)  # fmt: skip
def test_only_judges_that_are_no_stranger_s_are_opened_by_a_submission_s_word(pluralign, tmp_path, judge, opened):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(0.2)
        name = judge.format(port=server.getsockname()[1])
        checked = made_runs.make_submission(tmp_path, languages=("en",), judge=name)
        if opened:
            assert own_judge(checked) == opened
            return
        for command in ("rejudge", "reproduce"):
            code, _, err = pluralign("submission", command, checked.folder, "--seed", 1, "--records", tmp_path / "r")
            assert code == 2
            assert err.startswith("PA070")
            assert "--judge" in err
        with pytest.raises(TimeoutError):
            server.accept()
    assert not (tmp_path / "r").exists()


def test_a_model_that_asks_money_is_asked_by_the_keepers_word_only(pluralign, place, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("pluralign.judge.names.open_judge", lambda name: asked.append(name) or SameJudge(folder))
    folder = made_runs.make_submission(tmp_path, languages=("en",), judge="openai:gpt-4o-mini").folder
    code, _, err = pluralign("submission", "rejudge", folder, "--seed", 1, "--records", tmp_path / "r")
    assert (code, asked) == (2, [])
    assert "PA070" in err
    assert "--judge openai:gpt-4o-mini" in err
    pluralign(
        "submission", "rejudge", folder, "--seed", 1, "--records", tmp_path / "r", "--judge", "openai:gpt-4o-mini"
    )
    assert asked == ["openai:gpt-4o-mini"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ([], 1, "PA110.*--model"),
        (["--model", "nowhere"], 1, "PA110.*no safetensors"),
        (["--model", "file"], 1, "PA110.*no safetensors"),
        (["--model", "empty"], 1, "PA110.*no safetensors"),
        (["--model", "pickled"], 1, "PA110.*model.bin"),
    ],
)
def test_reproduce_opens_no_weights_but_the_named_ones(
    pluralign, place, folder, same_judge, arguments, code, told, monkeypatch
):
    monkeypatch.setattr("pluralign.leaderboard.generate.generate_again", None)
    (place / "pickled").mkdir()
    (place / "pickled/model.bin").write_bytes(b"x")
    before = tree(place)
    got, _, err = pluralign("submission", "reproduce", folder, "--seed", 1, *arguments)
    assert got == code
    assert re.search(told, err, re.DOTALL)
    assert tree(place) == before


# ---- elsewhere


def test_export_prints_what_each_place_takes(pluralign, folder):
    results = pluralign("submission", "export", folder)
    index = pluralign("submission", "export", folder, "--as", "model-index")
    badge = pluralign("submission", "export", folder, "--as", "badge")
    assert (results[0], index[0], badge[0]) == (0, 0, 0)
    assert {one["dataset"]["task_id"] for one in yaml.safe_load(results[1])} == {"non_toxicity_en", "emotional_awareness_en"}  # fmt: skip
    assert yaml.safe_load(index[1])["model-index"][0]["name"] == "model-1B"
    assert badge[1].startswith("<svg")
    assert "one of 1 · recomputed" in badge[1]


def test_build_writes_the_page_and_says_what_it_holds(pluralign, place):
    code, out, _ = pluralign("leaderboard", "build", "--submissions", "submissions", "--out", "page")
    assert code == 0
    assert out.splitlines()[0].strip().startswith("1  Demonstration: judge rater-model-simulated")
    assert out.splitlines()[-1] == "page/index.html"
    told = json.loads(pluralign("leaderboard", "build", "--submissions", "submissions", "--out", "page", "--json")[1])
    assert (told["n_accepted"], told["n_refused"], told["page"]) == (1, 0, "page/index.html")


def test_build_lists_the_refused_and_exits_with_1(pluralign, place):
    (place / "submissions/evil__x/2025-06-01-00000000").mkdir(parents=True)
    (place / "submissions/evil__x/2025-06-01-00000000/manifest.yaml").write_text("model: [")
    code, out, _ = pluralign("leaderboard", "build", "--submissions", "submissions", "--out", "page")
    assert code == 1
    assert "refused: evil__x/2025-06-01-00000000: PA100" in out
    assert (place / "page/index.html").is_file()


def test_build_with_a_jury_names_it(pluralign, place):
    from pluralign.judge.fit import fit_judge, save_judge
    from pluralign.rater_model import Penalties

    from .test_groups import people

    save_judge(fit_judge([people()], penalties=Penalties()), place / "jury")
    code, out, _ = pluralign("leaderboard", "build", "--submissions", "submissions", "--out", "page", "--jury", "jury", "--json")  # fmt: skip
    (key,) = json.loads(out)["boards"]
    assert code == 0
    assert '"jury":"rater-model:toyland"' in (place / f"page/boards/{key}.js").read_text()
    assert "rater-model:toyland" in (place / f"page/boards/{key}.csv").read_text()


# ---- used wrongly

SUBMISSION = "{submission}"
BAD = {
    "new, no folder": (["submission", "new", "nowhere", *SAID], 2, "PA076"),
    "new, a file": (["submission", "new", "file", *SAID], 2, "PA076"),
    "new, an empty folder": (["submission", "new", "empty", *SAID], 2, "PA076"),
    "new, results without samples": (["submission", "new", "broken", *SAID], 2, "PA076"),
    "new, into a file": (["submission", "new", "run", *SAID, "--out", "file"], 2, "PA052.*is a file"),
    "new, weights that are not there": (["submission", "new", "run", *SAID, "--weights", "nowhere"], 1, "PA103.*no file"),
    "new, weights that are a folder": (["submission", "new", "run", *SAID, "--weights", "empty"], 1, "PA103.*no file"),
    "new, another kind": (["submission", "new", "run", *SAID, "--kind", "cloud"], 1, "PA103.*hub, adapter, local or served"),
    "new, a place for a name": (["submission", "new", "run", *SAID, "--model", "../../etc/passwd"], 1, "PA103.*model.id"),
    "new, a long text": (["submission", "new", "run", *SAID, "--contact", "x" * 5000], 1, "PA103.*contact"),
    "new, no text": (["submission", "new", "run", *SAID, "--licence", ""], 1, "PA103.*licence"),
    "check, no folder": (["submission", "check", "nowhere"], 1, "PA100.*no folder"),
    "check, a file": (["submission", "check", "file"], 1, "PA100.*no folder"),
    "check, an empty folder": (["submission", "check", "empty", "--unplaced"], 1, "PA100.*no manifest"),
    "check, broken files": (["submission", "check", "broken"], 1, "PA100"),
    "send, no folder": (["submission", "send", "nowhere", "--dry-run"], 2, "PA114.*PA100"),
    "send, a file": (["submission", "send", "file", "--dry-run"], 2, "PA114.*PA100"),
    "send, an empty folder": (["submission", "send", "empty", "--dry-run"], 2, "PA114.*PA100"),
    "send, no repository": (["submission", "send", SUBMISSION, "--dry-run", "--repository", ""], 2, "PA114.*namespace/name"),
    "send, a place for a repository": (["submission", "send", SUBMISSION, "--dry-run", "--repository", "../x"], 2, "PA114.*namespace/name"),
    "send, no endpoint": (["submission", "send", SUBMISSION, "--dry-run", "--endpoint", "nonsense"], 2, "PA114.*endpoint"),
    "send, no token": (["submission", "send", SUBMISSION, "--endpoint", "http://127.0.0.1:9"], 2, "PA114.*no token"),
    "rejudge, no seed": (["submission", "rejudge", SUBMISSION], 2, "--seed"),
    "rejudge, a seed below 0": (["submission", "rejudge", SUBMISSION, "--seed", "-1"], 2, "--seed"),
    "rejudge, a seed that is no number": (["submission", "rejudge", SUBMISSION, "--seed", "inf"], 2, "--seed"),
    "rejudge, a sample below 0": (["submission", "rejudge", SUBMISSION, "--seed", "1", "--n", "-5"], 2, "--n"),
    "rejudge, a sample without end": (["submission", "rejudge", SUBMISSION, "--seed", "1", "--n", "inf"], 2, "--n"),
    "rejudge, a small sample": (["submission", "rejudge", SUBMISSION, "--seed", "1", "--n", "3"], 1, "PA111.*20 answers"),
    "rejudge, another judge": (["submission", "rejudge", SUBMISSION, "--seed", "1", "--judge", "zero-shot"], 1, "PA111.*is not the judge"),
    "rejudge, no judge": (["submission", "rejudge", SUBMISSION, "--seed", "1", "--judge", "zeroshot"], 2, "PA070.*Did you mean 'zero-shot'"),
    "rejudge, no folder": (["submission", "rejudge", "nowhere", "--seed", "1"], 1, "PA100"),
    "rejudge, a file": (["submission", "rejudge", "file", "--seed", "1"], 1, "PA100"),
    "rejudge, an empty folder": (["submission", "rejudge", "empty", "--seed", "1"], 1, "PA100"),
    "reproduce, a seed below 0": (["submission", "reproduce", SUBMISSION, "--seed", "-1"], 2, "--seed"),
    "reproduce, no batch": (["submission", "reproduce", SUBMISSION, "--seed", "1", "--batch-size", "0"], 2, "--batch-size"),
    "reproduce, a sample below 0": (["submission", "reproduce", SUBMISSION, "--seed", "1", "--n", "-1"], 2, "--n"),
    "reproduce, no folder": (["submission", "reproduce", "nowhere", "--seed", "1"], 1, "PA100"),
    "export, no folder": (["submission", "export", "nowhere"], 1, "PA100"),
    "export, a badge of no folder": (["submission", "export", "nowhere", "--as", "badge"], 1, "PA100"),
    "export, a badge of the root": (["submission", "export", "/", "--as", "badge"], 1, "PA10[01]"),
    "export, a file": (["submission", "export", "file"], 1, "PA100"),
    "export, another form": (["submission", "export", SUBMISSION, "--as", "bagde"], 2, "PA113.*Did you mean 'badge'"),
    "export, another dimension": (["submission", "export", SUBMISSION, "--as", "badge", "--dimension", "toxcity"], 2, "PA024.*Did you mean 'toxicity'"),
    "export, a dimension that was not judged": (["submission", "export", SUBMISSION, "--as", "badge", "--dimension", "helpfulness"], 2, "PA113.*is on no board"),
    "export, another language": (["submission", "export", SUBMISSION, "--as", "badge", "--language", "fr"], 2, "PA113.*expected one of 'en', 'de', 'both'"),
    "export, submissions that are none": (["submission", "export", SUBMISSION, "--as", "badge", "--submissions", "file"], 2, "PA113.*is no folder"),
    "export, another folder of submissions": (["submission", "export", SUBMISSION, "--as", "badge", "--submissions", "empty"], 2, "PA113.*is on no board"),
    "export, records that are none": (["submission", "export", SUBMISSION, "--as", "badge", "--records", "file"], 2, "PA113.*file is no folder"),
    "build, no folder": (["leaderboard", "build", "--submissions", "nowhere", "--out", "page"], 2, "PA113.*is no folder"),
    "build, a file": (["leaderboard", "build", "--submissions", "file", "--out", "page"], 2, "PA113.*is no folder"),
    "build, into a file": (["leaderboard", "build", "--submissions", "submissions", "--out", "file"], 2, "PA052"),
    "build, over the submissions": (["leaderboard", "build", "--submissions", "submissions", "--out", "submissions"], 2, "PA052"),
    "build, over all": (["leaderboard", "build", "--submissions", "submissions", "--out", "."], 2, "PA052"),
    "build, records that are none": (["leaderboard", "build", "--submissions", "submissions", "--out", "page", "--records", "file"], 2, "PA113.*file is no folder"),
    "build, no jury": (["leaderboard", "build", "--submissions", "submissions", "--out", "page", "--jury", "nowhere"], 2, "PA077"),
    "build, a jury that is a file": (["leaderboard", "build", "--submissions", "submissions", "--out", "page", "--jury", "file"], 2, "PA077"),
    "build, a jury that is empty": (["leaderboard", "build", "--submissions", "submissions", "--out", "page", "--jury", "empty"], 2, "PA077"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_was_asked_wrongly_is_said_and_nothing_is_left(pluralign, place, folder, case):
    arguments, code, told = BAD[case]
    before = tree(place)
    got, out, err = pluralign(*(str(folder) if one == SUBMISSION else one for one in arguments))
    assert got == code, out + err
    assert re.search(told, out + err, re.DOTALL), out + err
    assert tree(place) == before


@pytest.mark.parametrize("records", ["a folder in its place", "no JSON", "another key"])
@pytest.mark.parametrize("command", ["rejudge", "build"])
def test_a_record_that_cannot_be_read_is_said_before_anything_is_judged_or_written(
    pluralign, place, folder, monkeypatch, records, command
):
    path = place / f"records/{folder.parent.name}/{folder.name}.json"
    path.parent.mkdir(parents=True)
    if records == "a folder in its place":
        path.mkdir()
    else:
        path.write_text("{" if records == "no JSON" else '{"digest": "x", "recieved": "2025-06-03"}')
    judge = SameJudge(folder)
    monkeypatch.setattr(judge, "judge", None)
    monkeypatch.setattr("pluralign.judge.names.open_judge", lambda name: judge)
    before = tree(place)
    words = {"rejudge": ["submission", "rejudge", folder, "--seed", 1], "build": ["leaderboard", "build", "--submissions", "submissions", "--out", "page"]}  # fmt: skip
    code, _, err = pluralign(*words[command], "--records", "records")
    assert code == 2
    assert re.search("PA113.*is no record", err)
    assert tree(place) == before


def spoilt(place, harm):
    """The run with one of its files harmed."""
    run = place / "run"
    results, samples = next(run.glob("results_*")), next(run.glob("samples_*"))
    match harm:
        case "results that are no JSON":
            results.write_text("{")
        case "results that are a list":
            results.write_text("[]")
        case "results in another encoding":
            results.write_bytes(b"\xff\xfe{}")
        case "results with NaN":
            results.write_text('{"results": NaN}')
        case "results without anything":
            results.write_text("{}")
        case "results that are a folder":
            results.unlink()
            results.mkdir()
        case "samples that end in a line":
            samples.write_bytes(samples.read_bytes()[:5000])
        case "samples that are empty":
            samples.write_text("")
        case "samples in another encoding":
            samples.write_bytes(b"\xff\xff\n" * 216)
        case "samples without a date":
            samples.rename(run / "samples_pluralign_en.jsonl")
        case "samples of never":
            samples.rename(run / "samples_pluralign_en_never.jsonl")
            results.rename(run / "results_never.json")
        case "samples in another language":
            samples.rename(run / samples.name.replace("_en_", "_fr_"))
        case "samples that are a folder":
            samples.unlink()
            samples.mkdir()


@pytest.mark.parametrize(
    "harm",
    [
        "results that are no JSON", "results that are a list", "results in another encoding", "results with NaN", "results without anything",
        "results that are a folder", "samples that end in a line", "samples that are empty", "samples in another encoding", "samples without a date",
        "samples of never", "samples in another language", "samples that are a folder",
    ],
)  # fmt: skip
def test_new_refuses_a_run_that_cannot_be_read_and_leaves_nothing(pluralign, place, harm):
    spoilt(place, harm)
    before = tree(place)
    code, _, err = pluralign("submission", "new", "run", *SAID, "--out", "submissions")
    assert code in (1, 2)
    assert re.match(r"PA(076|10[0-7])", err)
    assert tree(place) == before
