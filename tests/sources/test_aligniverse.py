"""The study's own export, as it would look: hand-made rows for every rule."""

import pytest

from pluralign.errors import PluralignError, ProblemsFoundError
from pluralign.schema import DIMENSIONS
from pluralign.sources import import_source
from pluralign.sources.aligniverse import CHECKS, COLUMNS

ROW = {
    "participant_id": "p1", "country": "US", "pronouns": "she/her", "age": "18-30", "politics": "1", "politics_points": "5",
    "ethnicity": "White", "language": "en", "pair_id": "q1", "prompt_id": "c1", "submitted_at": "2024-05-01T10:00",
    "prompt_en": "Why?", "response_en": "Because.", "prompt_de": "Warum?", "response_de": "Darum.",
    **dict.fromkeys(DIMENSIONS, "3"), **dict.fromkeys(CHECKS, "1"),
}  # fmt: skip


@pytest.fixture
def aligniverse(write_csv):
    def make(*rows, without=(), **options):
        full = [{name: value for name, value in {**ROW, **row}.items() if name not in without} for row in rows]
        return import_source("aligniverse", write_csv("export.csv", full), **options)

    return make


def test_every_field_goes_to_our_vocabulary(aligniverse, rater, values, sound):
    ratings = aligniverse({"country": "Germany", "pronouns": "er/ihm", "age": "over 60", "language": "de"})
    assert rater(ratings, "aligniverse-p1") == {
        "rater_id": "aligniverse-p1", "country": "de", "gender": "male", "age_band": "over-60", "politics": "liberal",
        "ethnicity": ["white"],
    }  # fmt: skip
    assert values(ratings) == [3] * 5
    assert set(ratings.ratings.column("language").to_pylist()) == {"de"}
    assert ratings.items.to_pylist()[0]["prompt_id"] == "c1"
    assert ratings.provenance.dimensions[0].scales == ("5pt", "3pt", "binary")
    sound(ratings)


@pytest.mark.parametrize(
    ("points", "place", "level"),
    [("5", "1", "liberal"), ("5", "2", "liberal"), ("5", "3", "moderate"), ("5", "4", "conservative"), ("5", "5.0", "conservative"),
     ("3", "1", "liberal"), ("3", "2", "moderate"), ("3", "3", "conservative"), ("", "prefer not to say", "undisclosed"), ("3", "", "undisclosed")],
)  # fmt: skip
def test_politics_is_read_on_the_slider_that_was_shown(aligniverse, rater, points, place, level):
    ratings = aligniverse({"politics": place, "politics_points": points})
    assert rater(ratings, "aligniverse-p1")["politics"] == level


@pytest.mark.parametrize(("points", "place"), [("3", "4"), ("7", "1"), ("", "2"), ("5", "left")])
def test_a_place_that_is_not_on_the_slider_is_never_guessed(aligniverse, codes, points, place):
    ratings = aligniverse({}, {"participant_id": "p2", "politics": place, "politics_points": points})
    assert codes(ratings) == {"PA004": 1, "PA007": 5}


def test_several_ethnicities_are_kept_and_what_was_not_said_is_undisclosed(aligniverse, rater, sound):
    unsaid = {
        "ethnicity": "Prefer not to say",
        "pronouns": "",
        "age": "Prefer not to say",
        "politics": "",
        "country": "Keine Angabe",
    }
    ratings = aligniverse(
        {"ethnicity": "Black or African American; White;Prefer not to say"}, {"participant_id": "p2", **unsaid}
    )
    assert rater(ratings, "aligniverse-p1")["ethnicity"] == ["black", "white"]
    assert rater(ratings, "aligniverse-p2") == {
        "rater_id": "aligniverse-p2", "country": "undisclosed", "gender": "undisclosed", "age_band": "undisclosed",
        "politics": "undisclosed", "ethnicity": ["undisclosed"],
    }  # fmt: skip
    assert ratings.groups["black"] == ratings.groups["white"] == 1
    sound(ratings)


def test_a_failed_attention_check_sets_the_rows_ratings_aside_and_an_unreadable_one_too(aligniverse, codes, sound):
    ratings = aligniverse(
        {}, {"participant_id": "p2", "attention_2": "0"}, {"participant_id": "p3", "attention_1": "", "attention_3": ""},
        {"participant_id": "p4", "attention_1": "perhaps"},
    )  # fmt: skip
    assert codes(ratings) == {"PA032": 5, "PA004": 5}
    assert {row["rater_id"][-2:] for row in ratings.ratings.to_pylist()} == {"p1", "p3"}
    sound(ratings)


def test_an_export_without_attention_checks_is_read_all_the_same(aligniverse, codes):
    assert codes(aligniverse({}, without=CHECKS)) == {}


def test_a_pair_shown_twice_counts_with_the_answer_that_was_first_in_time(aligniverse, codes, values, sound):
    ratings = aligniverse(
        {"submitted_at": "when?", "toxicity": "4"},
        {"submitted_at": "2024-05-01T12:00", "toxicity": "5"},
        {"submitted_at": "2024-05-01T13:30+02:00", "toxicity": "1"},
        {"participant_id": "p2", "submitted_at": "2024-05-01T11:00", "toxicity": "2"},
    )
    assert codes(ratings) == {"PA008": 10}
    assert values(ratings, "toxicity") == [2, 1], "11:00, then 11:30 by its offset"
    assert ratings.view(aggregation="first", dimension="toxicity").column("value").to_pylist() == [2]
    sound(ratings)


def test_texts_that_a_row_does_not_show_come_from_the_rows_that_do(aligniverse, codes, sound):
    german = {"participant_id": "p2", "language": "de", "prompt_en": "", "response_en": ""}
    ratings = aligniverse(german, {"prompt_de": "", "response_de": ""})
    item = ratings.items.to_pylist()[0]
    assert [item[name] for name in ("prompt_en", "response_en", "prompt_de", "response_de")] == [
        "Why?",
        "Because.",
        "Warum?",
        "Darum.",
    ]
    assert codes(ratings) == {}
    sound(ratings)


def test_unknown_categories_and_answers_are_set_aside_one_by_one(aligniverse, codes, sound):
    ratings = aligniverse(
        {}, {"participant_id": "p2", "ethnicity": "Martian"}, {"participant_id": "p3", "language": "fr"},
        {"participant_id": "p4", "language": ""}, {"participant_id": "p5", "helpfulness": "n/a"}, {"participant_id": "p6", "helpfulness": "6"},
    )  # fmt: skip
    assert codes(ratings) == {"PA004": 1 + 5, "PA007": 5, "PA010": 5, "PA033": 1, "PA005": 1}
    sound(ratings)


def test_strict_reports_every_problem_at_once(aligniverse):
    rows = {}, {"participant_id": "p2", "attention_1": "0"}, {"participant_id": "p3", "ethnicity": "Martian"}
    with pytest.raises(ProblemsFoundError) as caught:
        aligniverse(*rows, strict=True)
    assert {problem.code for problem in caught.value.problems} == {"PA032", "PA004", "PA007"}
    with pytest.raises(ProblemsFoundError, match="PA032"):
        aligniverse(*rows[:2], strict=True)
    assert aligniverse(rows[0], strict=True).rejected.num_rows == 0


def test_a_missing_column_is_named_with_all_that_are_expected(aligniverse):
    with pytest.raises(
        PluralignError,
        match=r"PA031.*no column 'politics_points'.*Expected aligniverse.csv \(participant_id, .*Not public",
    ):
        aligniverse({}, without=("politics_points",))
    assert set(ROW) == {*COLUMNS, *CHECKS}
