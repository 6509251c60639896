"""The command line of preferences."""

import json
import subprocess
import sys
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from pluralign.cli.preferences import group_of
from pluralign.errors import PluralignError
from pluralign.simulate import load_parameters, simulate

from ..cases import cases


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "pluralign.cli", "preferences", *map(str, arguments)], capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    ratings = simulate(replace(load_parameters("population"), n_raters=120, n_prompts=30), seed=2)
    return ratings.save(tmp_path_factory.mktemp("tables") / "ratings")


def test_help_has_examples():
    for command in ("build", "conditions"):
        assert "Examples" in run(command, "--help").stdout


def test_conditions_are_listed_for_people_and_programs():
    assert "exp1-male-toxicity: toxicity by male, against female, 5pt, individual" in run("conditions").stdout
    told = {entry["name"]: entry for entry in json.loads(run("conditions", "--json").stdout)}
    assert told["exp3-individual-toxicity"]["aliases"] == ["exp2-5pt-toxicity", "exp4-toxicity"]


def test_a_named_condition_is_built(tables, tmp_path):
    out = run("build", "exp4-toxicity", "--ratings", tables, "--ties", "half", "--out", tmp_path / "x", "--json")
    assert out.returncode == 0, out.stderr
    told = json.loads(out.stdout)
    assert told["condition"] == "exp3-individual-toxicity"
    assert pq.read_table(tmp_path / "x/train.parquet").num_rows == told["rows"]["train"]


def test_any_other_condition_is_built(tables, tmp_path):
    out = run("build", "--ratings", tables, "--group", "gender=female,gender=male", "--scale", "3pt", "--dimension", "helpfulness",
              "--dimension", "toxicity", "--combine", "scalarised", "--language", "de", "--form", "votes", "--out", tmp_path / "x")  # fmt: skip
    assert out.returncode == 0, out.stderr
    row = pq.read_table(tmp_path / "x/train.parquet").slice(0, 1).to_pylist()[0]
    assert (row["group"], row["dimension"], row["language"]) == ("female_male", "helpfulness+toxicity", "de")


@pytest.mark.parametrize("form", ["unpaired", "rewards"])
def test_single_responses_and_prompts_are_built(tables, tmp_path, form):
    out = run("build", "exp4-both", "--ratings", tables, "--form", form, "--out", tmp_path / "x")
    assert out.returncode == 0, out.stderr
    assert ("completion" in pq.read_schema(tmp_path / "x/train.parquet").names) == (form == "unpaired")


@pytest.mark.slow
def test_the_repository_is_built(tables, tmp_path):
    out = run("build", "--ratings", tables, "--out", tmp_path / "preferences", "--json")
    assert out.returncode == 0, out.stderr
    assert json.loads(out.stdout)["configs"][0] == "exp3-individual-toxicity"


@pytest.mark.parametrize(
    ("arguments", "code"),
    cases(
        [
            (("build", "exp3-majorty-toxicity", "--out", "x"), "PA090"),
            (("build", "--group", "female", "--out", "x"), "PA024"),
        ],
        slow=[
            (("build", "exp4-both"), "PA093"),
            (("build", "exp4-both", "--scale", "3pt", "--out", "x"), "PA093"),
            (("build", "--dimension", "toxicity", "--group", "gender=", "--out", "x"), "PA020"),
            (("build", "exp4-both", "--ties", "half", "--form", "votes", "--out", "x"), "PA093"),
        ],
    ),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_used_wrongly_is_told_and_writes_nothing(arguments, code, tmp_path):
    where = [str(tmp_path / "x") if argument == "x" else argument for argument in arguments]
    out = run(*where)
    assert (out.returncode, code in out.stderr, "Traceback" in out.stderr) == (2, True, False)
    assert not (tmp_path / "x").exists()


def test_a_group_of_several_attributes():
    assert group_of("gender=female,politics=liberal") == {"gender": ["female"], "politics": ["liberal"]}
    with pytest.raises(PluralignError, match="PA020"):
        group_of("gender=female,politics")
