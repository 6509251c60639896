"""`pluralign stats power`, called directly: output, files, exit codes."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import typer
from typer.testing import CliRunner

from pluralign.cli.power import register
from pluralign.errors import PluralignError

SMALL = (
    "--raters",
    "30,60",
    "--items",
    "20",
    "--items-per-rater",
    "6",
    "--odds-ratio",
    "3",
    "--replicates",
    "4",
    "--jobs",
    "1",
)
QUICK = ("--raters", "30,600", "--items", "20", "--items-per-rater", "6", "--odds-ratio", "1.5", "--approximate")


@pytest.fixture(scope="module")
def app():
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    return app


def run(app, *arguments):
    return CliRunner().invoke(app, ["power", *map(str, arguments)])


def refused(app, *arguments):
    error = run(app, *arguments).exception
    assert isinstance(error, PluralignError), error
    return error


def test_help_has_examples_and_says_what_is_left_out(app):
    told = run(app, "--help").stdout
    assert "Examples" in told
    assert "within raters" in told


def test_json_alone_is_on_stdout(app):
    told = json.loads(run(app, *SMALL, "--type-i-error", "--json").stdout)
    assert told["method"] == "simulation"
    assert (told["odds_ratio"], told["alpha"], told["target"], told["seed"], told["replicates"]) == (3, 0.05, 0.8, 0, 4)
    assert told["model"]["source"] == "calibrated simulation, toxicity"
    assert [design["n_raters"] for design in told["designs"]] == [30, 60]
    first = told["designs"][0]
    assert (first["n_ratings"], first["n_group"], first["n_replicates"]) == (180, 15, 4)
    assert first["n_fitted"] + first["n_failed"] == 4
    assert set(first["power"]) == {"value", "low", "high", "k", "n"}
    assert first["type_i_error"]["n"] + sum(first["type_i_failures"].values()) == 4
    (curve,) = told["curves"]
    assert curve["n_raters"] == [30, 60]
    assert all((curve[name] is None) == (name in curve["reasons"]) for name in ("needed", "low", "high"))


def test_people_get_a_table_and_the_number_of_raters(app):
    told = run(app, *QUICK).stdout
    assert "raters/item" in told
    assert "raters for 80%" in told


def test_files_hold_the_same_numbers(app, tmp_path):
    out = run(app, *SMALL, "--out", tmp_path / "plan", "--json")
    told = json.loads(out.stdout)
    assert json.loads((tmp_path / "plan/power.json").read_text("utf-8")) == told
    with (tmp_path / "plan/power.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["power"]) for row in rows] == [design["power"]["value"] for design in told["designs"]]
    assert (tmp_path / "plan/power.md").read_text("utf-8").count("\n| ") == 4


def test_sds_and_thresholds_can_be_given(app):
    told = json.loads(run(app, *QUICK, "--rater-sd", 0, "--item-sd", 0, "--thresholds=-1,0,1", "--json").stdout)
    assert told["model"] == {"thresholds": [-1, 0, 1], "rater_sd": 0, "item_sd": 0, "source": "given"}
    told = json.loads(run(app, *QUICK, "--rater-sd", 0.5, "--json").stdout)
    assert told["model"]["source"] == "calibrated simulation, toxicity, rater_sd given"


def test_sds_and_thresholds_come_from_ratings_of_ones_own(app, tmp_path):
    from dataclasses import replace

    from pluralign.ratings import load

    whole = load()
    few = set(whole.items.column("item_id").to_pylist()[:150])
    kept = [item in few for item in whole.ratings.column("item_id").to_pylist()]
    replace(whole, ratings=whole.ratings.filter(kept), truth=None).save(tmp_path)
    told = json.loads(run(app, tmp_path, *QUICK, "--dimension", "helpfulness", "--json").stdout)
    assert told["model"]["source"].startswith("fitted to SIMULATED")
    assert len(told["model"]["thresholds"]) == 4


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        ("PA041", ("--raters-per-item", "5", "--items-per-rater", "5")),
        ("PA041", ()),
        ("PA041", ("--raters-per-item", "five")),
        ("PA041", ("--raters-per-item", "5,")),
        ("PA041", ("--raters-per-item", "2.5")),
        ("PA041", ("--raters-per-item", "5", "--share", "0")),
        ("PA041", ("--raters-per-item", "5", "--raters", "100,2000")),
        ("PA041", ("--raters-per-item", "5", "--odds-ratio", "1")),
        ("PA041", ("--raters-per-item", "5", "--alpha", "5")),
        ("PA041", ("--raters-per-item", "5", "--target", "80")),
        ("PA041", ("--raters-per-item", "5", "--replicates", "0")),
        ("PA041", ("--raters-per-item", "5", "--jobs", "0")),
        ("PA041", ("--raters-per-item", "5", "--seed", "-1")),
        ("PA041", ("--raters-per-item", "5", "--rater-sd", "-1")),
        ("PA041", ("--raters-per-item", "5", "--thresholds", "2,1")),
        ("PA041", ("--raters-per-item", "5", "--approximate", "--type-i-error")),
        ("PA041", ("--raters-per-item", "5", "--approximate", "--seed", "-1")),
        ("PA024", ("--raters-per-item", "5", "--dimension", "toxicty")),
        ("PA001", ("nowhere", "--raters-per-item", "5")),
    ],
    ids=str,
)
def test_wrong_use_gets_the_projects_error(app, code, arguments):
    assert refused(app, *arguments).code == code


def test_all_designs_that_cannot_be_done_are_named_at_once(app):
    error = refused(app, "--raters", "100,2000", "--items", "100", "--raters-per-item", "5,300")
    assert "2 of 4 designs cannot be done" in str(error)
    assert "100 raters × 100 items, 300 raters an item" in str(error)
    assert "2000 raters × 100 items" in str(error)


def test_ctrl_c_ends_cleanly_with_its_processes(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import typer\nfrom pluralign.cli.power import register\n"
        "app = typer.Typer()\napp.callback()(lambda: None)\nregister(app)\n"
        "if __name__ == '__main__':\n    print('started', flush=True)\n    app()\n",
        encoding="utf-8",
    )
    arguments = (
        "power",
        "--raters",
        "100",
        "--items",
        "100",
        "--items-per-rater",
        "10",
        "--replicates",
        "5000",
        "--jobs",
        "2",
    )
    process = subprocess.Popen(
        [sys.executable, script, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    process.stdout.readline()
    time.sleep(6)
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode in (1, 130)
    assert stdout == ""
    assert "Traceback" not in stderr
    assert gone(process.pid)


def gone(group):
    """Whether a process group has nobody left, within ten seconds: multiprocessing's own tracker leaves a moment later."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False
