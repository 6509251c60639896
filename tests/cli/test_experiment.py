"""`pluralign experiment`: what it lists, and how it refuses."""

import json

import pytest
from typer.testing import CliRunner

from pluralign.cli import app
from pluralign.errors import PluralignError

run = CliRunner().invoke


def test_a_dry_run_lists_every_cell_and_trains_nothing(tmp_path):
    asked = ["experiment", "run", "exp2", "--seeds", "0-1", "--results", str(tmp_path / "r"), "--dry-run", "--json"]
    cells = json.loads(run(app, asked).stdout)
    assert len(cells) == 1 + 3 * 2 * 2 * 3  # base; protocols × seeds × tie rules × scales
    assert {cell["protocol"] for cell in cells} == {"steps", "epochs", "kl"}
    assert {cell["finished"] for cell in cells} == {False}
    assert not (tmp_path / "r").exists()


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
        (["--seeds", "a"], "expected numbers such as"),
        (["--languages", "fr"], "got language 'fr'"),
        (["--set", "steps"], "expected key=value"),
        (["--engine", "slurm"], "expected local or ray"),
    ],
)
def test_what_is_wrong_is_said(words, says, tmp_path):
    result = run(app, ["experiment", "run", *words, "--results", str(tmp_path / "r")])
    assert isinstance(result.exception, PluralignError)
    assert says in str(result.exception)


def test_a_report_of_nothing_says_so(tmp_path):
    result = run(app, ["experiment", "report", str(tmp_path), "--out", str(tmp_path / "out")])
    assert isinstance(result.exception, PluralignError)
    assert not (tmp_path / "out").exists()
