"""PRISM: hand-made rows by its code book."""

import pytest

from pluralign.errors import PluralignError
from pluralign.sources import import_source

PERSON = {
    "user_id": "u1", "age": "25-34 years old", "gender": "Non-binary / third gender",
    "ethnicity": {"categorised": "Indigenous / First Peoples", "simplified": "Other"}, "location": {"reside_countryISO": "GBR"},
}  # fmt: skip
SAID = {
    "utterance_id": "x0", "user_id": "u1", "interaction_id": "t1", "user_prompt": "Hi", "model_response": "Ho", "score": 50,
}  # fmt: skip


@pytest.fixture
def prism(write_jsonl, tmp_path):
    def make(people, *said):
        write_jsonl("survey.jsonl", people)
        write_jsonl("utterances.jsonl", [{**SAID, "utterance_id": f"x{k}", **row} for k, row in enumerate(said)])
        return import_source("prism", tmp_path)

    return make


def test_every_field_goes_to_our_vocabulary(prism, rater, sound):
    ratings = prism([PERSON], {})
    assert rater(ratings, "prism-u1") == {
        "rater_id": "prism-u1", "country": "gb", "gender": "nonbinary", "age_band": "18-30", "politics": "undisclosed",
        "ethnicity": ["indigenous"],
    }  # fmt: skip
    sound(ratings)


@pytest.mark.parametrize(
    "unsaid", [{"location": {"reside_countryISO": "Prefer not to say"}}, {"location": None, "ethnicity": None}]
)
def test_what_was_not_said_is_undisclosed(prism, rater, unsaid):
    ratings = prism([PERSON | {"age": "Prefer not to say", "gender": "Prefer not to say"} | unsaid], {})
    person = rater(ratings, "prism-u1")
    assert [person["country"], person["age_band"], person["gender"]] == ["undisclosed"] * 3


def test_a_hundred_points_are_kept_and_cut_in_views(prism, codes, values, sound):
    ratings = prism([PERSON], *({"score": score} for score in (1, 20, 21, 100, None, 0, 55.5)))
    assert codes(ratings) == {"PA033": 2, "PA005": 1}
    assert values(ratings) == [1, 20, 21, 100]
    assert ratings.view(aggregation="individual").column("value").to_pylist() == [1, 1, 2, 5]
    sound(ratings)


def test_the_answers_of_one_turn_share_its_prompt(prism):
    ratings = prism([PERSON], {}, {"model_response": "Hm"}, {"interaction_id": "t2"})
    assert ratings.items.column("prompt_id").to_pylist() == ["prism-t1", "prism-t1", "prism-t2"]
    assert ratings.items.column("prompt_en").to_pylist() == ["Hi"] * 3


def test_an_empty_answer_is_set_aside_with_its_rating(prism, codes, sound):
    ratings = prism([PERSON], {}, {"model_response": "EMPTY STRING"})
    assert codes(ratings) == {"PA009": 1, "PA006": 1}
    sound(ratings)


def test_who_only_took_the_survey_is_no_rater_and_who_only_rated_is_unknown(prism, codes, sound):
    ratings = prism([PERSON, {**PERSON, "user_id": "u2"}], {}, {"user_id": "u3"})
    assert ratings.raters.column("rater_id").to_pylist() == ["prism-u1"]
    assert codes(ratings) == {"PA007": 1}
    sound(ratings)


@pytest.mark.parametrize("line", ["{", "3", '{"user_id": "u1"}', '"user_id age gender ethnicity location"'])
def test_a_line_that_is_no_row_of_the_survey_is_named(prism, tmp_path, line):
    prism([PERSON], {})
    with (tmp_path / "survey.jsonl").open("a") as stream:
        stream.write(f"\n{line}\n")
    with pytest.raises(PluralignError, match=r"PA031.*survey.jsonl.*How to get the files"):
        import_source("prism", tmp_path)
