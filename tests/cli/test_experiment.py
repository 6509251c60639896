"""`pluralign experiment`: what it lists, and how it refuses."""

import json

import pytest
from typer.testing import CliRunner

from pluralign.cli import app
from pluralign.errors import PluralignError
from pluralign.experiments.settings import Settings

run = CliRunner().invoke


def test_a_dry_run_lists_every_cell_and_trains_nothing(tmp_path):
    asked = [
        "experiment",
        "run",
        "exp2",
        "--no-controls",
        "--seeds",
        "0-1",
        "--results",
        str(tmp_path / "r"),
        "--dry-run",
        "--json",
    ]
    cells = json.loads(run(app, asked).stdout)
    assert len(cells) == 1 + 3 * 2 * 2 * 3  # base; protocols × seeds × tie rules × scales
    assert {cell["protocol"] for cell in cells} == {"steps", "epochs", "kl"}
    assert {cell["finished"] for cell in cells} == {False}
    assert not (tmp_path / "r").exists()


def test_cells_can_be_chosen_by_name(tmp_path):
    asked = ["exp1", "--seeds", "2", "--ties", "drop", "--protocols", "steps", "--only", "exp1-white*, *black*null"]
    result = run(app, ["experiment", "run", *asked, "--results", str(tmp_path / "r"), "--dry-run", "--json"])
    chosen = [(cell["condition"], cell["control"]) for cell in json.loads(result.stdout)]
    assert chosen == [
        ("base", "none"),
        ("exp1-white-emotional_awareness", "none"),
        ("exp1-white-emotional_awareness", "null"),
        ("exp1-black-emotional_awareness", "null"),
    ]


def test_families_are_the_seven_that_are_named():
    cells = json.loads(
        run(app, ["experiment", "run", "exp2", "--models", "families", "--seeds", "0", "--dry-run", "--json"]).stdout
    )
    assert len({cell["model"] for cell in cells}) == 7


def test_recipes_are_listed_with_what_they_are():
    said = run(app, ["experiment", "recipes"]).stdout
    assert "exp3/majority-toxicity.yaml  What becomes of disagreement: the majority's value." in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["exp9"], "expected one of 'exp1'"),
        (["--seeds", "a"], "expected numbers from 0"),
        (["--seeds", "2-0"], "got '2-0'"),
        (["--seeds", "\u00b2"], "expected numbers from 0"),
        (["--seeds", "0-4294967295"], "at most 1000 in a range"),
        (["--models", " ,"], "expected a folder or a name on the Hub"),
        (["--models", "a/x,b/x"], "would share the folder 'x'"),
        (["--ties", "drop,halves"], "--ties: got 'halves'"),
        (["--protocols", ""], "--protocols: got ''"),
        (["--set", "seed=3"], "every cell of the grid says its own"),
        (["--set", "bta=3"], "unknown key 'bta'"),
        (["--judge", "nobody"], "nobody"),
        (["--languages", "fr"], "--languages: got 'fr'"),
        (["--set", "steps"], "expected key=value"),
        (["exp2", "--only", "exp2-binary*,exp2-6pt*"], "--only: got 'exp2-6pt*'"),
        (["exp2", "--only", ""], "--only: got ''"),
        (["--engine", "slurm"], "expected local or ray"),
    ],
)
def test_what_is_wrong_is_said(words, says, tmp_path):
    result = run(app, ["experiment", "run", *words, "--results", str(tmp_path / "r")])
    assert isinstance(result.exception, PluralignError)
    assert says in str(result.exception)


@pytest.mark.parametrize("words", [["--limit", "-1"], ["--held-out", "-1"], ["--batch-size", "0"]])
def test_a_number_out_of_range_is_refused(words, tmp_path):
    result = run(app, ["experiment", "run", *words, "--results", str(tmp_path / "r"), "--dry-run"])
    assert result.exit_code == 2
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("words", [["--bootstrap", "-5"], ["--bootstrap", "0"], ["--seed", "-1"]])
def test_a_report_refuses_a_bootstrap_of_nothing(words, tmp_path):
    assert run(app, ["experiment", "report", str(tmp_path), *words]).exit_code == 2


def test_a_dry_run_refuses_what_the_run_would(tmp_path):
    for words, says in ((["--set", "bta=3"], "unknown key 'bta'"), (["--judge", "nobody"], "nobody")):
        result = run(app, ["experiment", "run", *words, "--results", str(tmp_path / "r"), "--dry-run"])
        assert says in str(result.exception)
    (tmp_path / "grid.json").write_text(json.dumps(Settings(limit=3).to_json()))
    result = run(app, ["experiment", "run", "--results", str(tmp_path), "--dry-run"])
    assert "limit: 3 there, None now" in str(result.exception)


def test_spaces_between_names_do_not_matter(tmp_path):
    asked = [
        "--ties",
        "drop, half",
        "--protocols",
        " steps",
        "--seeds",
        "0, 1",
        "--results",
        str(tmp_path),
        "--dry-run",
        "--json",
    ]
    cells = json.loads(run(app, ["experiment", "run", "exp2", "--no-controls", *asked]).stdout)
    assert len(cells) == 1 + 2 * 2 * 3


def test_a_report_of_nothing_says_so(tmp_path):
    result = run(app, ["experiment", "report", str(tmp_path), "--out", str(tmp_path / "out")])
    assert isinstance(result.exception, PluralignError)
    assert not (tmp_path / "out").exists()
