"""The command line: exit codes, messages, JSON."""

import json
import subprocess
import sys

import pytest

from pluralign.ratings.tables import file_checksum


def run(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "pluralign.cli", *map(str, arguments)], capture_output=True, text=True, cwd=cwd
    )


def test_help_lists_the_commands_and_every_command_has_examples():
    out = run("data", "--help")
    assert out.returncode == 0
    for command in ("simulate", "import", "build", "check", "describe", "push"):
        assert command in out.stdout
        assert "Examples" in run("data", command, "--help").stdout


def test_describe_answers_a_program_in_json():
    told = json.loads(run("data", "describe", "--json").stdout)
    assert told["n_ratings"] == 27375
    assert told["provenance"].startswith("SIMULATED")


def test_describe_says_simulated_first():
    assert run("data", "describe").stdout.startswith("SIMULATED")


def test_a_folder_that_is_not_there_is_used_wrongly(tmp_path):
    out = run("data", "describe", tmp_path / "nothing")
    assert out.returncode == 2
    assert "PA001" in out.stderr
    assert "Traceback" not in out.stderr


def test_an_unknown_source_gets_a_suggestion_and_exit_code_2(tmp_path):
    out = run("data", "import", "crehat", tmp_path)
    assert out.returncode == 2
    assert "Did you mean 'crehate'" in out.stderr


def test_import_sources_lists_them():
    out = run("data", "import", "sources")
    assert out.returncode == 0
    for source in ("crehate", "ann_with_attitudes", "popquorn", "aligniverse", "dices", "prism", "d3code"):
        assert source in out.stdout


@pytest.mark.slow
def test_simulate_writes_the_shipped_release(root, tmp_path):
    out = run("data", "simulate", "--seed", 0, "--out", tmp_path / "release")
    assert out.returncode == 0, out.stderr
    for name in ("raters", "items", "ratings", "truth"):
        assert file_checksum(tmp_path / f"release/{name}.parquet") == file_checksum(
            root / f"datasets/ratings/{name}.parquet"
        )


def test_simulate_does_not_replace_imported_ratings(tmp_path, shipped):
    from dataclasses import replace

    replace(shipped, provenance=replace(shipped.provenance, kind="imported")).save(tmp_path)
    out = run("data", "simulate", "--out", tmp_path)
    assert out.returncode == 2
    assert "PA052" in out.stderr
    assert "--force" in out.stderr


@pytest.mark.slow
def test_a_small_population_release_of_another_seed_is_simulated(tmp_path):
    out = run(
        "data",
        "simulate",
        "--mode",
        "population",
        "--seed",
        4,
        "--raters",
        240,
        "--prompts",
        100,
        "--lexicon",
        "e",
        "--out",
        tmp_path,
        "--json",
    )
    assert out.returncode == 0, out.stderr
    assert json.loads(out.stdout)["n_items"] == 300


def test_check_reports_a_changed_table_with_exit_code_1(tmp_path, shipped):
    import pyarrow as pa
    import pyarrow.parquet as pq

    shipped.save(tmp_path)
    table = shipped.ratings
    value = [5 - v + 1 for v in table.column("value").to_pylist()]
    pq.write_table(
        table.set_column(3, table.schema.field("value"), pa.array(value, pa.int16())), tmp_path / "ratings.parquet"
    )
    out = run("data", "check", tmp_path, "--json")
    assert out.returncode == 1
    assert "PA016" in {problem["code"] for problem in json.loads(out.stdout)["problems"]}


@pytest.mark.parametrize(
    "arguments",
    [
        ("data", "simulate", "--seed", "-1"),
        ("data", "simulate", "--mode", "x"),
        ("data", "push", "models"),
        ("nothing",),
    ],
)
def test_wrong_options_exit_with_2(arguments):
    assert run(*arguments).returncode == 2


def test_import_does_not_replace_another_set(tmp_path, shipped):
    shipped.save(tmp_path / "kept")
    (tmp_path / "offensiveness.csv").write_text(
        "instance_id,user_id,text,offensiveness,gender,race,age\n1,9,t,2.0,Man,White,25-29\n", encoding="utf-8"
    )
    out = run("data", "import", "popquorn", tmp_path / "offensiveness.csv", "--out", tmp_path / "kept")
    assert out.returncode == 2
    assert "PA052" in out.stderr


@pytest.mark.parametrize("damaged", ["raters.parquet", "provenance.json"])
def test_check_reports_unreadable_files_as_problems(tmp_path, shipped, damaged):
    shipped.save(tmp_path)
    content = (tmp_path / damaged).read_bytes()
    (tmp_path / damaged).write_bytes(content[:40] + b"\xff\xfe" + content[42:200])
    out = run("data", "check", tmp_path)
    assert out.returncode == 1
    assert "PA0" in out.stdout + out.stderr
    assert "Traceback" not in out.stderr


def test_a_place_that_cannot_be_written_to_is_said(tmp_path):
    (tmp_path / "file").write_text("in the way")
    out = run("data", "simulate", "--out", tmp_path / "file" / "inside")
    assert out.returncode == 1
    assert "PA055" in out.stderr
    assert "Traceback" not in out.stderr


def test_matched_statistics_are_of_the_study_s_size_only(tmp_path):
    out = run("data", "simulate", "--raters", "2000", "--out", tmp_path)
    assert out.returncode == 2
    assert "--mode population" in out.stderr


def test_a_tiny_simulated_set_is_built_and_checked(tmp_path):
    made = run(
        "data", "simulate", "--mode", "population", "--raters", "10", "--prompts", "5", "--out", tmp_path / "tiny"
    )
    assert made.returncode == 0, made.stderr
    assert run("data", "build", tmp_path / "tiny").returncode == 0
    checked = run("data", "check", tmp_path / "tiny")
    assert checked.returncode == 0, checked.stdout
    assert "do not apply" in (tmp_path / "tiny/README.md").read_text("utf-8")
