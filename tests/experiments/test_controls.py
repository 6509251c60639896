"""The controls are beside whatever experiment is named, unless they are declined."""

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from pluralign.cli import app
from pluralign.errors import PluralignError


@pytest.fixture
def listed(tmp_path):
    """`listed(...)` is the folders of the cells that a command would make, model and seed left out."""

    def of(*words):
        asked = (
            "--models",
            "m",
            "--seeds",
            "0",
            "--protocols",
            "steps",
            "--results",
            str(tmp_path),
            "--dry-run",
            "--json",
        )
        told = CliRunner().invoke(app, ["experiment", "run", *words, *asked])
        assert told.exit_code == 0, told.output
        return json.loads(told.stdout)

    return of


def kinds(cells):
    """Controls, methods and experiments that are there."""
    return {one["control"] for one in cells} - {"none"} | {one["method"] for one in cells if one["method"] == "sft"}


@pytest.mark.parametrize(
    "named", [("exp3",), ("exp1", "exp2", "exp3", "exp4"), ("controls",), ("exp2", "controls"), ()]
)
def test_the_controls_are_run_beside_what_is_named(listed, named):
    cells = listed(*named)
    assert kinds(cells) == {"shuffled", "null", "sft"}
    assert len([one for one in cells if one["control"] == "null"]) == 6
    if not named:
        assert cells == listed("exp1", "exp2", "exp3", "exp4")


def test_controls_are_declined_for_named_experiments_and_for_all(listed):
    assert kinds(listed("exp3", "--no-controls")) == set()
    every = listed("--no-controls")
    assert kinds(every) == set()
    assert {one["condition"].split("-")[0] for one in every} == {"base", "exp1", "exp2", "exp3", "exp4"}
    assert [one for one in listed("exp3") if one in listed("exp3", "--no-controls")] == listed("exp3", "--no-controls")


def test_controls_that_are_named_cannot_be_declined(tmp_path):
    asked = ["experiment", "run", "controls", "--no-controls", "--results", str(tmp_path / "r"), "--dry-run"]
    told = CliRunner().invoke(app, asked)
    assert isinstance(told.exception, PluralignError)
    assert "PA097" in str(told.exception)
    assert not (tmp_path / "r").exists()


def test_ratings_by_people_have_no_null_and_that_is_said(few, tmp_path):
    people = replace(few, provenance=replace(few.provenance, kind="imported", details={}))
    for ratings, null in ((few, 6), (people, 0)):
        folder = tmp_path / str(null)
        ratings.save(folder)
        asked = [
            "exp3",
            "--models",
            "m",
            "--seeds",
            "0",
            "--protocols",
            "steps",
            "--ratings",
            str(folder),
            "--dry-run",
            "--json",
        ]
        told = CliRunner().invoke(app, ["experiment", "run", *asked, "--results", str(tmp_path / "r")])
        cells = json.loads(told.stdout)
        assert len([one for one in cells if one["control"] == "null"]) == null
        assert {one["control"] for one in cells} >= {"none", "shuffled"}
        assert ("6 cells of the null control are left out" in told.stderr) == (null == 0)
