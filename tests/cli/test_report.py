"""`pluralign report`: the folder it writes, and what it does not touch."""

import json
import sys

import pytest

from pluralign import cli

from ..views.conftest import FIVE, make_ratings, random_ratings

QUICK = ("--bootstrap", 10)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small set without attributes that a model could use, so that no process is started."""
    whole = random_ratings(2, n_items=35, share=0.2, dimensions=(FIVE,))
    rows = [
        tuple(r[k] for k in ("rater_id", "item_id", "dimension", "value", "position"))
        for r in whole.ratings.to_pylist()
    ]
    return make_ratings(rows).save(tmp_path_factory.mktemp("set") / "ratings")


@pytest.fixture
def report(monkeypatch, capsys):
    """Runs the command; returns its exit code and what it said."""

    def called(*arguments):
        monkeypatch.setattr(sys, "argv", ["pluralign", "report", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        said = capsys.readouterr()
        return left.value.code or 0, said.out, said.err

    return called


@pytest.fixture
def sketched(monkeypatch):
    """Figures that take no time to draw."""
    from matplotlib.figure import Figure

    from pluralign.report import figures

    for name in (name for name in vars(figures) if name.endswith("_figure")):
        monkeypatch.setattr(figures, name, lambda *_: Figure(figsize=(0.2, 0.2)))


def contents_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_help_has_examples(report):
    code, out, _ = report("--help")
    assert code == 0
    assert "Examples" in out


def test_a_report_is_written_where_it_says(report, folder, tmp_path):
    out = tmp_path / "new" / "report"
    code, said, _ = report(folder, "--out", out, *QUICK, "--seed", 3)
    assert code == 0
    assert said.startswith("SIMULATED: test 0\n")
    assert str(out / "report.html") in said
    record = json.loads((out / "report.json").read_text("utf-8"))
    assert (record["bootstrap"], record["seed"]) == (10, 3)
    assert record["command"] == f"pluralign report {folder} --out {out} --bootstrap 10 --seed 3"
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["report"]


def test_a_former_report_is_replaced_as_a_whole(report, sketched, folder, tmp_path):
    out = tmp_path / "report"
    assert report(folder, "--out", out, *QUICK)[0] == 0
    (out / "figures" / "old.svg").write_text("<svg/>")
    assert report(folder, "--out", out, *QUICK, "--seed", 1)[0] == 0
    assert not (out / "figures" / "old.svg").exists()
    assert json.loads((out / "report.json").read_text("utf-8"))["seed"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


@pytest.mark.parametrize("name", ["thesis.tex", "report.json", "report.html", ".git"])
def test_a_folder_that_holds_something_else_is_not_touched(report, folder, tmp_path, name):
    out = tmp_path / "mine"
    out.mkdir()
    (out / name).write_text("mine")
    code, said, err = report(folder, "--out", out, *QUICK)
    assert (code, said) == (2, "")
    assert "PA052" in err
    assert repr(name) in err
    assert contents_of(out) == {name: b"mine"}


def test_a_report_with_one_s_own_notes_beside_is_not_touched_either(report, sketched, folder, tmp_path):
    out = tmp_path / "report"
    assert report(folder, "--out", out, *QUICK)[0] == 0
    (out / "notes.md").write_text("mine")
    before = contents_of(out)
    code, _, err = report(folder, "--out", out, *QUICK, "--seed", 1)
    assert (code, "notes.md" in err) == (2, True)
    assert contents_of(out) == before


def test_a_file_in_the_way_is_not_touched(report, folder, tmp_path):
    (tmp_path / "file").write_text("mine")
    code, _, err = report(folder, "--out", tmp_path / "file", *QUICK)
    assert (code, "PA052" in err) == (2, True)
    assert (tmp_path / "file").read_text() == "mine"


def test_the_folder_is_refused_before_anything_is_computed(report, tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    code, _, err = report(tmp_path / "no ratings here", "--out", tmp_path, *QUICK)
    assert (code, "PA052" in err) == (2, True)


def test_ratings_that_are_not_there_are_used_wrongly(report, tmp_path):
    code, _, err = report(tmp_path / "nothing", "--out", tmp_path / "report")
    assert (code, "PA001" in err) == (2, True)
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(
    ("error", "code"),
    [(OSError(28, "No space left on device"), 1), (KeyboardInterrupt(), 130)],
    ids=["full disk", "stopped"],
)
def test_failing_half_way_leaves_the_former_report_whole_and_nothing_beside(
    report, sketched, folder, tmp_path, monkeypatch, error, code
):
    from pluralign.report import figures

    out = tmp_path / "report"
    assert report(folder, "--out", out, *QUICK)[0] == 0
    before = contents_of(out)

    def failing(*_):
        raise error

    monkeypatch.setattr(figures, "alpha_figure", failing)
    assert report(folder, "--out", out, *QUICK, "--seed", 1)[0] == code
    assert contents_of(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_a_rename_that_fails_puts_the_former_report_back(report, sketched, folder, tmp_path, monkeypatch):
    from pathlib import Path

    out = tmp_path / "report"
    assert report(folder, "--out", out, *QUICK)[0] == 0
    before = contents_of(out)
    rename = Path.rename

    def failing(self, target):
        if self.name.endswith(".part"):
            raise OSError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    assert report(folder, "--out", out, *QUICK, "--seed", 1)[0] == 1
    assert contents_of(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_what_a_killed_run_left_beside_is_taken_away(report, sketched, folder, tmp_path):
    (tmp_path / ".report.part" / "figures").mkdir(parents=True)
    (tmp_path / ".report.part" / "figures" / "half.svg").write_text("<sv")
    assert report(folder, "--out", tmp_path / "report", *QUICK)[0] == 0
    assert not (tmp_path / "report" / "figures" / "half.svg").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


@pytest.mark.parametrize(
    "arguments", [("--bootstrap", "-1"), ("--bootstrap", "1"), ("--seed", "-1"), ("--bootstrap", "x")]
)
def test_wrong_options_exit_with_2(report, arguments):
    assert report(*arguments)[0] == 2
