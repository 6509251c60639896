"""The importers on small hand-made files: every mapping rule, every reason to set a row aside."""

import csv
import json
from collections import Counter

import pycountry
import pytest

from pluralign.errors import PluralignError, ProblemsFoundError
from pluralign.schema import COUNTRIES, DIMENSIONS
from pluralign.sources import SOURCES, import_source, sources_page
from pluralign.sources.base import band_of_age
from pluralign.sources.countries import ALPHA_3


def write_csv(path, rows):
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def codes(ratings):
    return Counter(row["code"] for row in ratings.rejected.to_pylist())


def rater(ratings, rater_id):
    return next(row for row in ratings.raters.to_pylist() if row["rater_id"] == rater_id)


def aligniverse_row(**changes):
    row = {
        "participant_id": "p1", "country": "US", "pronouns": "she/her", "age": "18-30", "politics": "1", "politics_points": "5",
        "ethnicity": "White", "language": "en", "pair_id": "q1", "prompt_id": "c1", "submitted_at": "2024-05-01T10:00",
        "prompt_en": "Why?", "response_en": "Because.", "prompt_de": "Warum?", "response_de": "Darum.",
        "attention_1": "1", "attention_2": "1", "attention_3": "1", **dict.fromkeys(DIMENSIONS, "3"),
    }  # fmt: skip
    return {**row, **changes}


def aligniverse(tmp_path, *rows, **options):
    write_csv(tmp_path / "aligniverse.csv", [aligniverse_row(**row) for row in rows])
    return import_source("aligniverse", tmp_path, **options)


def test_aligniverse_reads_both_politics_scales(tmp_path):
    rows = [
        {"participant_id": f"a{k}", "politics": p, "politics_points": n}
        for k, (p, n) in enumerate(["15", "25", "35", "45", "13", "23", "33"])
    ]
    got = [rater(aligniverse(tmp_path, *rows), f"a{k}")["politics"] for k in range(7)]
    assert got == ["liberal", "liberal", "moderate", "conservative", "liberal", "moderate", "conservative"]


def test_aligniverse_keeps_several_ethnicities_and_undisclosed_answers(tmp_path):
    ratings = aligniverse(
        tmp_path,
        {"ethnicity": "Black or African American; White;Prefer not to say"},
        {
            "participant_id": "p2",
            "ethnicity": "Prefer not to say",
            "pronouns": "",
            "age": "Prefer not to say",
            "politics": "",
        },
    )
    assert rater(ratings, "p1")["ethnicity"] == ["black", "white"]
    unsaid = rater(ratings, "p2")
    assert [unsaid["gender"], unsaid["age_band"], unsaid["politics"], unsaid["ethnicity"]] == ["undisclosed"] * 3 + [
        ["undisclosed"]
    ]


def test_aligniverse_sets_failed_attention_checks_and_the_later_of_two_answers_aside(tmp_path):
    ratings = aligniverse(
        tmp_path,
        {"submitted_at": "2024-05-01T12:00", "toxicity": "5"},
        {"submitted_at": "2024-05-01T09:00", "toxicity": "1"},
        {"participant_id": "p2", "attention_2": "0"},
    )
    assert codes(ratings) == {"PA008": 5, "PA032": 5}
    kept = [row["value"] for row in ratings.ratings.to_pylist() if row["dimension"] == "toxicity"]
    assert kept == [1], "the first answer, by its time, counts"


def test_aligniverse_never_guesses_an_unknown_category_or_answer(tmp_path):
    ratings = aligniverse(
        tmp_path, {}, {"participant_id": "p2", "ethnicity": "Martian"}, {"participant_id": "p3", "language": "fr"},
        {"participant_id": "p4", "helpfulness": "n/a"}, {"participant_id": "p5", "helpfulness": "6"}, {"participant_id": "p6", "politics": "4", "politics_points": "3"},
    )  # fmt: skip
    assert codes(ratings)["PA004"] == 1 + 5 + 1, "a rater, five ratings in an unknown language, a rater off the slider"
    assert codes(ratings)["PA033"] == 1
    assert codes(ratings)["PA005"] == 1
    assert ratings.check() == []


def test_strict_stops_at_the_first_row_that_does_not_pass(tmp_path):
    with pytest.raises(ProblemsFoundError, match="PA004"):
        aligniverse(tmp_path, {"ethnicity": "Martian"}, strict=True)
    with pytest.raises(PluralignError, match=r"PA032.*rejected\.parquet"):
        aligniverse(tmp_path, {}, {"participant_id": "p2", "attention_1": "0"}, strict=True)


def test_dices_offers_three_points_and_reads_generations(tmp_path):
    row = {
        "rater_id": "1", "item_id": "7", "rater_gender": "Woman", "rater_race": "Multiracial", "rater_age": "gen z", "context": "Hi", "response": "Ho",
        "Q_overall": "Unsure", "Q2_harmful_content_overall": "Yes", "Q3_bias_overall": "",
    }  # fmt: skip
    write_csv(
        tmp_path / "diverse_safety_adversarial_dialog_350.csv",
        [row, {**row, "rater_id": "2", "rater_age": "gen x+", "Q3_bias_overall": "No"}],
    )
    ratings = import_source("dices", tmp_path)
    assert codes(ratings) == {"PA033": 1}
    assert [row["value"] for row in ratings.ratings.to_pylist()] == [2, 3, 2, 3, 1]
    assert rater(ratings, "dices-1")["age_band"] == "18-30"
    assert rater(ratings, "dices-2")["age_band"] == "undisclosed"
    assert ratings.provenance.dimensions[0].scales == ("3pt", "binary")
    assert ratings.view(scale="3pt", aggregation="mean", dimension="Q_overall").column("value").to_pylist() == [2]


def test_prism_keeps_hundred_points_and_cuts_them_in_views(tmp_path):
    survey = {
        "user_id": "u1", "age": "25-34 years old", "gender": "Non-binary / third gender", "ethnicity": {"simplified": "Mixed"},
        "location": {"reside_countryISO": "GBR"},
    }  # fmt: skip
    said = {"user_id": "u1", "interaction_id": "t1", "user_prompt": "Hi", "model_response": "Ho"}
    write_jsonl(tmp_path / "survey.jsonl", [survey])
    write_jsonl(
        tmp_path / "utterances.jsonl",
        [{**said, "utterance_id": f"x{k}", "score": s} for k, s in enumerate([1, 20, 21, 100, None])],
    )
    ratings = import_source("prism", tmp_path)
    assert codes(ratings) == {"PA033": 1}
    assert rater(ratings, "prism-u1") | {"rater_id": ""} == {
        "rater_id": "", "country": "gb", "gender": "nonbinary", "age_band": "18-30", "politics": "undisclosed", "ethnicity": ["other"],
    }  # fmt: skip
    assert [row["value"] for row in ratings.ratings.to_pylist()] == [1, 20, 21, 100]
    assert ratings.view(aggregation="individual").column("value").to_pylist() == [1, 1, 2, 5]
    assert len({row["prompt_id"] for row in ratings.items.to_pylist()}) == 1


@pytest.mark.parametrize("column", ["raw_rating", "rating"])
def test_d3code_reads_five_points_from_zero(tmp_path, column):
    write_csv(tmp_path / "d3-raters.csv", [{"rater_id": "a", "Age": "30-50", "Gender": "Other", "Country": "Ghana"}])
    write_csv(tmp_path / "d3-items.csv", [{"item_id": str(k), "text": f"text {k}"} for k in range(3)])
    write_csv(
        tmp_path / "d3-ratings.csv",
        [{"rater_id": "a", "item_id": str(k), column: v} for k, v in enumerate(["0", "4.0", "-1"])],
    )
    ratings = import_source("d3code", tmp_path)
    assert codes(ratings) == {"PA033": 1}
    assert [row["value"] for row in ratings.ratings.to_pylist()] == [0, 4]
    assert ratings.view(aggregation="individual").column("value").to_pylist() == [1, 5]
    assert rater(ratings, "d3code-a")["country"] == "gh"


def test_a_rater_whose_rows_differ_is_kept_with_the_attribute_undisclosed(tmp_path):
    row = {
        "instance_id": "1",
        "user_id": "9",
        "text": "t",
        "offensiveness": "2.0",
        "gender": "Man",
        "race": "White",
        "age": "25-29",
    }
    write_csv(
        tmp_path / "offensiveness.csv",
        [row, {**row, "instance_id": "2", "gender": "Woman"}, {**row, "instance_id": "3", "offensiveness": "2.5"}],
    )
    ratings = import_source("popquorn", tmp_path)
    assert rater(ratings, "popquorn-9")["gender"] == "undisclosed"
    assert codes(ratings) == {"PA011": 1, "PA033": 1}
    assert ratings.ratings.num_rows == 2


@pytest.mark.parametrize("source", SOURCES)
def test_a_folder_or_file_that_is_something_else_says_what_is_expected_and_how_to_get_it(source, tmp_path):
    with pytest.raises(PluralignError, match=r"PA031.*does not exist.*How to get"):
        import_source(source, tmp_path / "nowhere")
    with pytest.raises(PluralignError, match=r"PA031.*How to get"):
        import_source(source, tmp_path)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(PluralignError, match=r"PA031.*How to get"):
        import_source(source, tmp_path / "other.csv")


def test_an_unknown_source_gets_a_suggestion(tmp_path):
    with pytest.raises(PluralignError, match=r"PA030.*Did you mean 'popquorn'"):
        import_source("popcorn", tmp_path)


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_every_source_declares_what_it_maps_drops_and_where_it_comes_from(source):
    assert source.maps
    assert source.drops
    assert source.licence
    assert source.how_to_get
    assert all(dimension.scales for dimension in source.dimensions)


def test_the_page_of_sources_has_not_drifted(root):
    assert (root / "docs/sources.md").read_text("utf-8") == sources_page(), "run: make docs"


def test_country_codes_are_those_of_a_maintained_list():
    assert {c.alpha_3.lower(): c.alpha_2.lower() for c in pycountry.countries} == ALPHA_3
    assert set(COUNTRIES) == {c.alpha_2.lower() for c in pycountry.countries}


@pytest.mark.parametrize(
    ("age", "band"),
    [
        ("17", "undisclosed"),
        ("18", "18-30"),
        ("30", "18-30"),
        ("31", "31-40"),
        ("60", "51-60"),
        ("61", "over-60"),
        ("", "undisclosed"),
        ("old", "old"),
    ],
)
def test_ages_fall_into_the_study_s_bands(age, band):
    assert band_of_age(age) == band
