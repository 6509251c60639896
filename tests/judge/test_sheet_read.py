"""A sheet goes out, two people fill it in, it comes back: `validation.json` holds what anybody can compute from the same scores."""

import csv
import json

import numpy as np
import pytest
from scipy.stats import spearmanr
from typer.testing import CliRunner

from pluralign.cli.judge import judge
from pluralign.errors import PluralignError, ProblemsFoundError
from pluralign.judge.base import Answer
from pluralign.judge.filled import read_filled
from pluralign.judge.sheet import Key
from pluralign.judge.zero_shot import ZeroShotJudge
from pluralign.schema import LANGUAGES

DIMENSIONS = ("toxicity", "helpfulness")
N = 14
"""Prompts, each answered in both languages."""
UNJUDGED = 3
"""The judge timed out on this prompt's English answer, on helpfulness."""


def run(*words):
    return CliRunner().invoke(judge, list(map(str, words)), catch_exceptions=False)


def machine_score(k, language, dimension):
    """The judge's, in halves from 1 to 5."""
    return 1 + (7 * k + 3 * LANGUAGES.index(language) + 2 * DIMENSIONS.index(dimension)) % 9 / 2


@pytest.fixture
def samples(tmp_path):
    """Judged answers as lm-eval saves them."""
    path = tmp_path / "samples_pluralign_en_2026.jsonl"
    with path.open("w", encoding="utf-8") as stream:
        for k in range(N):
            for language in LANGUAGES:
                judgements = {
                    name: {"score": machine_score(k, language, name), "judge": "machine"} for name in DIMENSIONS
                }
                if (k, language) == (UNJUDGED, "en"):
                    judgements["helpfulness"] = {"failure": "timeout", "judge": "machine"}
                record = {"response": f"Ja, gut. {k} {language}", "judgements": judgements}
                doc = {"prompt_id": f"p{k}", "template_id": f"t{k // 2}", "language": language, "prompt": f"= {k}?"}
                stream.write(json.dumps({"doc": doc, "filtered_resps": [json.dumps(record)]}) + "\n")
    return path


@pytest.fixture
def sheet(samples, tmp_path):
    """The sheet's folder."""
    done = run("validate", "--sheet", samples, "--out", tmp_path / "sheet", "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["n"], told["n_left_out"]) == (0, {"en": N, "de": N}, 0)
    return tmp_path / "sheet"


def agreeing(entry, dimension):
    """Anna: the judge's score, rounded."""
    return int(machine_score(int(entry["prompt_id"][1:]), entry["language"], dimension) + 0.5)


def noisy():
    """Ben: two points up or down of it, at most."""
    rng = np.random.default_rng(0)
    return lambda entry, dimension: int(np.clip(agreeing(entry, dimension) + rng.integers(-2, 3), 1, 5))


def fill(sheet, name, score, left_out=(), change=None):
    """A person fills in the CSV: dictionary of cells -> path. `left_out` are lines that stay empty; `change` is done to the rows."""
    key = Key.open(sheet / "key.json")
    with (sheet / "for-raters/sheet.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    given = {}
    for k, row in enumerate(rows):
        for dimension in DIMENSIONS:
            if (k, dimension) not in left_out:
                row[dimension] = given[row["id"], dimension] = score(key.entries[row["id"]], dimension)
    if change:
        change(rows)
    path = sheet.parent / f"{name}.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return path, given


@pytest.fixture
def two(sheet):
    """Two people's sheets, with cells left empty: person -> path and (id, dimension) -> score."""
    return {
        "anna": fill(sheet, "anna", agreeing, {(0, "toxicity")}),
        "ben": fill(sheet, "ben", noisy(), {(0, "toxicity"), (5, "toxicity"), (5, "helpfulness"), (9, "helpfulness")}),
    }


def expected(key, people, machine, dimension, language):
    """What stands in a row, from the people's scores and the machine's, one loop over the lines of the sheet."""
    pairs, ratings, unscored, raters = [], [], 0, set()
    for name, entry in key.entries.items():
        own = {person: given[name, dimension] for person, given in people.items() if (name, dimension) in given}
        if language not in ("both", entry["language"]) or not own:
            continue
        raters |= set(own)
        if machine.get((name, dimension)) is None:
            unscored += len(own)
            continue
        pairs.append((machine[name, dimension], np.mean(list(own.values()))))
        ratings += [(machine[name, dimension], value) for value in own.values()]
    a, b = np.array(pairs).T
    each, given = np.array(ratings).T
    return (
        {
            "spearman": spearmanr(a, b).statistic,
            "pearson": np.corrcoef(a, b)[0, 1],
            "mean_difference": (a - b).mean(),
            "within_one_mean": (abs(a - b) <= 1 + 1e-9).mean(),
            "within_one_rating": (abs(each - given) <= 1 + 1e-9).mean(),
            "within_one_constant": max((abs(given - point) <= 1).mean() for point in range(1, 6)),
        },
        {"n_items": len(pairs), "n_ratings": len(ratings), "n_unscored": unscored},
        len(raters),
    )


def check_rows(told, key, people, machine):
    assert [(row["dimension"], row["language"]) for row in told["rows"]] == [
        (dimension, language) for dimension in DIMENSIONS for language in (*LANGUAGES, "both")
    ]
    for row in told["rows"]:
        numbers, counts, n_raters = expected(key, people, machine, row["dimension"], row["language"])
        found = row["agreement"]
        assert {name: found[name]["value"] for name in numbers} == pytest.approx(numbers), row
        assert {name: found[name] for name in counts} == counts
        assert row["n_raters"] == n_raters
        assert found["spearman"]["low"] <= found["spearman"]["value"] <= found["spearman"]["high"]


def test_what_two_people_scored_gives_the_numbers_that_scipy_gives(sheet, two):
    done = run(
        "validate", "--read", *(path for path, _ in two.values()), "--key", sheet / "key.json", "--bootstrap", 200
    )
    assert done.exit_code == 0, done.output
    told, key = json.loads((sheet / "validation.json").read_text("utf-8")), Key.open(sheet / "key.json")
    people = {person: given for person, (_, given) in two.items()}
    machine = {
        (name, dimension): entry["judgements"][dimension].get("score")
        for name, entry in key.entries.items()
        for dimension in DIMENSIONS
    }
    check_rows(told, key, people, machine)
    assert (told["judge"], told["raters"], told["n_answers"], told["n_missing"]) == ("machine", ["anna", "ben"], 28, 5)
    assert [told["rows"][k]["agreement"]["n_unscored"] for k in (3, 4, 5)] == [2, 0, 2]
    both = told["rows"][2]["agreement"]
    assert both["spearman"]["value"] > 0.7
    assert both["within_one_constant"]["value"] < both["within_one_rating"]["value"] < 1
    assert f"{both['spearman']['value']:.2f}" in done.stdout


def test_one_who_agrees_with_the_judge_has_the_highest_agreement(sheet, two):
    told = {}
    for person, (path, _) in two.items():
        done = run("validate", "--read", path, "--key", sheet / "key.json", "--bootstrap", 0, "--json")
        told[person] = next(row for row in json.loads(done.stdout)["rows"] if row["language"] == "both")["agreement"]
    assert told["anna"]["within_one_mean"]["value"] == 1
    assert told["ben"]["spearman"]["value"] < told["anna"]["spearman"]["value"]
    assert told["anna"]["ceiling"]["value"] is None
    assert "two raters" in told["anna"]["ceiling"]["note"]


def test_another_judge_is_measured_by_the_same_scores(sheet, two):
    (words, key) = ("validate", "--read", two["anna"][0], "--read", two["ben"][0]), Key.open(sheet / "key.json")
    done = run(*words, "--key", sheet / "key.json", "--judge", "zero-shot", "--bootstrap", 200, "--json")
    told = json.loads(done.stdout)
    answers = [Answer(one["prompt"], one["response"], one["language"]) for one in key.entries.values()]
    machine = {
        (name, "toxicity"): row["toxicity"].value
        for name, row in zip(key.entries, ZeroShotJudge().judge(answers, ["toxicity"]), strict=True)
    }
    assert (told["judge"], told["identity"]["judge"]) == ("zero-shot", "zero-shot")
    for row in told["rows"][:3]:
        people = {person: given for person, (_, given) in two.items()}
        numbers, counts, _ = expected(key, people, machine, "toxicity", row["language"])
        assert {name: row["agreement"][name]["value"] for name in numbers} == pytest.approx(numbers)
        assert counts["n_unscored"] == 0
    for row in told["rows"][3:]:  # It does not judge helpfulness.
        assert row["agreement"]["n_items"] == 0
        assert row["agreement"]["spearman"]["value"] is None
        assert row["agreement"]["spearman"]["note"]


def test_lines_that_were_taken_out_are_missing_as_empty_ones_are(sheet):
    key = Key.open(sheet / "key.json")
    emptied, _ = fill(sheet, "anna", agreeing, {(k, name) for k in (1, 4) for name in DIMENSIONS})
    taken_out, _ = fill(sheet, "ben", agreeing, change=lambda rows: [rows.pop(k) for k in (4, 1)])
    counts = [read_filled([path], key).n_missing for path in (emptied, taken_out)]
    assert counts == [4, 4]
    assert read_filled([emptied, taken_out], key).n_missing == 8


def test_the_order_of_files_and_lines_changes_nothing(sheet, two, tmp_path):
    told = []
    for k, people in enumerate((["anna", "ben"], ["ben", "anna"])):
        paths = []
        for person in people:
            head, *lines = two[person][0].read_text("utf-8").splitlines()
            paths.append(tmp_path / f"{k}/{person}.csv")
            paths[-1].parent.mkdir(exist_ok=True)
            paths[-1].write_text("\n".join([head, *(lines if k == 0 else sorted(lines, reverse=True))]), "utf-8")
        done = run("validate", "--read", *paths, "--key", sheet / "key.json", "--bootstrap", 50, "--json")
        told.append(json.loads(done.stdout))
    assert told[0] == told[1]


def spoiled(rows):
    rows[0]["toxicity"], rows[1]["helpfulness"], rows[2]["toxicity"] = "6", "2.5", "agree"
    rows[3]["id"] = rows[3]["id"][:-1] + "x"
    rows[4]["id"] = rows[5]["id"]
    rows[6]["id"] = "000000-001"
    rows[7]["id"] = ""


def test_wrong_values_and_edited_ids_are_all_told_with_line_and_column(sheet):
    path, _ = fill(sheet, "anna", agreeing, change=spoiled)
    with pytest.raises(ProblemsFoundError) as caught:
        run("validate", "--read", path, "--key", sheet / "key.json")
    problems = caught.value.problems
    assert {one.code for one in problems} == {"PA076"}
    told = [(one.file.removeprefix(f"{path}:"), one.field, one.got) for one in problems]
    assert told[:3] == [
        ("2", "toxicity", "'6'"),
        ("3", "helpfulness", "'2.5'"),
        ("4", "toxicity", "'agree'"),
    ]
    assert [(line, name) for line, name, _ in told[3:]] == [("5", "id"), ("7", "id"), ("8", "id"), ("9", "id")]
    assert "Did you mean" in problems[3].expected
    assert "another sheet" in problems[5].expected
    assert not (sheet / "validation.json").exists()


@pytest.mark.parametrize("column", ["id", "toxicity"])
def test_a_column_that_was_taken_out_is_named(sheet, column):
    def change(rows):
        for row in rows:
            del row[column]

    path, _ = fill(sheet, "anna", agreeing, change=change)
    with pytest.raises(PluralignError, match=f"PA076.*{column}"):
        run("validate", "--read", path, "--key", sheet / "key.json")


def test_a_sheet_that_nobody_filled_in_and_one_of_another_key_are_refused(sheet, samples, tmp_path):
    empty = sheet / "for-raters/sheet.csv"
    with pytest.raises(PluralignError, match=r"PA076.*nothing was scored"):
        run("validate", "--read", empty, "--key", sheet / "key.json")
    run("validate", "--sheet", samples, "--out", tmp_path / "other", "--seed", 1)
    path, _ = fill(tmp_path / "other", "anna", agreeing)
    with pytest.raises(PluralignError, match=r"PA076.*another sheet"):
        run("validate", "--read", path, "--key", sheet / "key.json")
    assert not list(tmp_path.rglob("validation.json"))


def pairs(values):
    return [[{"schema": dimension, "name": str(value)}, str(value)] for dimension, value in values.items()]


def nested(values):
    return {dimension: {"labels": {str(value): "true"}} for dimension, value in values.items()}


@pytest.mark.parametrize("form", [pairs, nested])
def test_what_people_scored_in_potato_gives_the_same_as_their_sheets(sheet, two, form):
    key = Key.open(sheet / "key.json")
    for person, (_, given) in two.items():
        for language in LANGUAGES:  # A project a language, so two states of each person.
            stored = {}
            for (name, dimension), value in given.items():
                if key.entries[name]["language"] == language:
                    stored.setdefault(name, {})[dimension] = value
            state = {"user_id": person, "instance_id_to_label_to_value": {k: form(v) for k, v in stored.items()}}
            path = sheet.parent / f"potato/{language}/annotation_output/{person}/user_state.json"
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(state), "utf-8")
    told = []
    for source in ([path for path, _ in two.values()], [sheet.parent / "potato"]):
        done = run("validate", "--read", *source, "--key", sheet / "key.json", "--bootstrap", 50, "--json")
        told.append(json.loads(done.stdout))
    assert told[0] == told[1]
