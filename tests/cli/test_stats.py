"""`pluralign stats alpha | disagreement | conditional | clmm` through the real app: text, JSON, exit codes."""

import json
import subprocess
import sys
from dataclasses import dataclass

import pytest

from pluralign import cli

from ..views.conftest import COARSE, FIVE, make_ratings, random_ratings

VERBS = ("alpha", "disagreement", "conditional", "clmm")


@dataclass(frozen=True)
class Told:
    """What a call said."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch, capsys):
    """The installed command, without a process of its own."""

    def called(*arguments):
        monkeypatch.setattr(sys, "argv", ["pluralign", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return Told(left.value.code or 0, *capsys.readouterr())

    return called


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A set with a five-point and a binary dimension."""
    return random_ratings(2, n_items=60, share=0.2, dimensions=(FIVE, COARSE)).save(
        tmp_path_factory.mktemp("set") / "ratings"
    )


@pytest.fixture(scope="module")
def unfittable(tmp_path_factory):
    """Two dimensions, of which nobody rated one."""
    whole = random_ratings(2, n_items=40, share=0.2, dimensions=(FIVE,))
    rows = [
        tuple(r[k] for k in ("rater_id", "item_id", "dimension", "value", "position"))
        for r in whole.ratings.to_pylist()
    ]
    people = {person["rater_id"]: person for person in whole.raters.to_pylist()}
    return make_ratings(rows, people, (FIVE, COARSE)).save(tmp_path_factory.mktemp("half") / "ratings")


def strict(text):
    """JSON that has neither NaN nor Infinity."""

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_examples(run, verb):
    told = run("stats", verb, "--help")
    assert told.code == 0
    assert "Examples" in told.out


def test_the_command_works_in_a_process_of_its_own(folder):
    command = [sys.executable, "-m", "pluralign.cli", "stats", "alpha", str(folder), "--group", "nobody"]
    out = subprocess.run(command, capture_output=True, text=True)
    assert out.returncode == 2
    assert "PA020" in out.stderr
    assert "Traceback" not in out.stderr


@pytest.mark.parametrize("verb", VERBS[:3])
def test_text_names_the_ratings_first_and_json_says_the_same(run, folder, verb):
    told = run("stats", verb, folder, "--bootstrap", 20)
    assert (told.code, told.err) == (0, "")
    assert told.out.startswith("SIMULATED: test 0\n")
    as_json = strict(run("stats", verb, folder, "--bootstrap", 20, "--json").out)
    assert as_json["ratings"] == "SIMULATED: test 0"
    for row in as_json[verb]:
        assert str(row.get("dimension", row.get("outcome"))) in told.out


def test_numbers_are_those_of_the_analysis(run, folder):
    from pluralign.analysis.agreement import alpha_rows
    from pluralign.analysis.cells import Coded
    from pluralign.ratings import load

    told = strict(run("stats", "alpha", folder, "--bootstrap", 30, "--seed", 4, "--level", "interval", "--json").out)
    assert told["alpha"] == [
        row.as_dict() for row in alpha_rows(Coded(load(folder)), level="interval", bootstrap=30, seed=4)
    ]


def test_dimensions_and_groups_may_be_repeated(run, folder):
    arguments = (
        "--dimension",
        "stereotypical_bias",
        "--dimension",
        "toxicity",
        "--group",
        "male",
        "--group",
        "everyone",
    )
    told = strict(run("stats", "alpha", folder, *arguments, "--bootstrap", 0, "--json").out)
    assert [(row["dimension"], row["group"]) for row in told["alpha"]] == [
        ("biased", "male"), ("biased", "everyone"), ("toxicity", "male"), ("toxicity", "everyone"),
    ]  # fmt: skip


def test_suppressed_alphas_are_null_with_the_reason(run, unfittable):
    told = strict(run("stats", "alpha", unfittable, "--group", "nonbinary", "--bootstrap", 10, "--json").out)
    assert [row["dimension"] for row in told["alpha"]] == ["toxicity", "biased"]
    for row in told["alpha"]:
        assert row["alpha"] is None
        assert "30 are needed" in row["suppressed"]


def test_the_shipped_release_is_the_default(run):
    told = run("stats", "disagreement", "--scale", "5pt", "--bootstrap", 0)
    assert told.code == 0
    assert told.out.startswith("SIMULATED: pluralign")
    assert "mean of dimensions" in told.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("alpha", "--group", "femal"), "Did you mean 'female'"),
        (("alpha", "--group", "undisclosed"), "PA020"),
        (("alpha", "--dimension", "toxcity"), "PA024"),
        (("alpha", "--scale", "5pt"), "PA022"),
        (("disagreement", "--scale", "5pt"), "PA022"),
        (("conditional", "--group", "femal"), "PA020"),
        (("clmm", "--group", "femal"), "PA020"),
        (("clmm", "--dimension", "toxcity"), "PA024"),
        (("alpha", "--scale", "7pt"), "7pt"),
        (("alpha", "--bootstrap", "-1"), "bootstrap"),
        (("alpha", "--level", "ratio"), "ratio"),
        (("clmm", "--jobs", "0"), "jobs"),
        (("clmm", "--reference", "politics"), "ATTRIBUTE=LEVEL"),
        (("clmm", "--reference", "=moderate"), "ATTRIBUTE=LEVEL"),
        (("clmm", "--reference", "politics="), "ATTRIBUTE=LEVEL"),
    ],
    ids=" ".join,
)
def test_used_wrongly_exits_with_2_and_says_why(run, folder, arguments, said):
    verb, *rest = arguments
    told = run("stats", verb, folder, *rest)
    assert told.code == 2, told
    assert said in told.err
    assert told.out == ""


def test_a_folder_that_is_not_there_is_used_wrongly(run, tmp_path):
    told = run("stats", "alpha", tmp_path / "nothing")
    assert (told.code, "PA001" in told.err) == (2, True)


def test_one_dimension_has_no_conditional_probability(run, folder):
    told = run("stats", "conditional", folder, "--dimension", "toxicity")
    assert told.code > 0
    assert "PA061" in told.err


SHORT = ("--formula", "rating ~ gender + politics + (1|rater) + (1|item)", "--jobs", 1)


def test_clmm_in_text_and_json(run, folder):
    told = run("stats", "clmm", folder, "--dimension", "toxicity", *SHORT)
    assert told.code == 0, told
    assert "toxicity" in told.out
    as_json = strict(run("stats", "clmm", folder, "--dimension", "toxicity", *SHORT, "--json").out)
    assert as_json["ratings"] == "SIMULATED: test 0"
    assert "moderate" in json.dumps(as_json)


def test_a_reference_is_taken(run, folder):
    arguments = ("--dimension", "toxicity", *SHORT, "--reference", "politics=moderate", "--json")
    told = run("stats", "clmm", folder, *arguments)
    assert told.code == 0, told
    found = json.dumps(strict(told.out))
    assert '"politics": "moderate"' in found


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_what_cannot_be_fitted_exits_with_1_and_the_others_are_told(run, unfittable, as_json):
    told = run("stats", "clmm", unfittable, *SHORT, *(["--json"] if as_json else []))
    assert told.code == 1, told
    assert "toxicity" in told.out
    assert "biased" in told.out
    assert "got no rating" in told.out
    if as_json:
        strict(told.out)


def test_one_rating_of_every_item_gives_dashes_and_no_crash(run, tmp_path):
    rows = [(f"r{k}", f"p{k}-0", spec.name, k % 2, 1) for k in range(12) for spec in (COARSE,)]
    where = make_ratings(rows, dimensions=(COARSE,)).save(tmp_path / "single")
    for verb in ("alpha", "disagreement"):
        told = run("stats", verb, where, "--bootstrap", 10)
        assert (told.code, "nan" in told.out.lower().split()) == (0, False)
        assert "–" in told.out
        strict(run("stats", verb, where, "--bootstrap", 10, "--json").out)


def test_a_source_s_name_cannot_steer_the_terminal(run, tmp_path):
    from dataclasses import replace

    ratings = random_ratings(2, dimensions=(FIVE,))
    named = replace(ratings, provenance=replace(ratings.provenance, source="\x1b[2Jtoy\nINJECTED"))
    told = run("stats", "disagreement", named.save(tmp_path / "named"), "--bootstrap", 0)
    assert told.code == 0
    assert "\x1b" not in told.out
    assert not [line for line in told.out.splitlines() if line.startswith("INJECTED")]
