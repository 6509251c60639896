"""DICES: hand-made rows of both sets, by their published schema."""

import pytest

from pluralign.errors import PluralignError
from pluralign.sources import import_source

ROW = {
    "rater_id": "1", "item_id": "7", "rater_gender": "Woman", "rater_race": "LatinX, Latino, Hispanic or Spanish Origin",
    "rater_age": "gen z", "context": "Hi", "response": "Ho", "Q_overall": "Unsure", "Q2_harmful_content_overall": "Yes",
    "Q3_bias_overall": "No",
}  # fmt: skip
LARGE = {name: value for name, value in ROW.items() if name not in ("Q3_bias_overall", "rater_race", "rater_age")} | {
    "rater_locale": "IN", "Q3_unfair_bias_overall": "No",
}  # fmt: skip


@pytest.fixture
def dices(write_csv):
    return lambda *rows: import_source("dices", write_csv("dialogs.csv", list(rows)))


def test_three_answers_offer_the_three_point_and_the_binary_scale(dices, values, sound):
    ratings = dices(ROW, {**ROW, "rater_id": "2", "Q_overall": "Yes"}, {**ROW, "rater_id": "3", "Q_overall": "No"})
    assert values(ratings, "Q_overall") == [2, 3, 1]
    assert ratings.provenance.dimension("Q_overall").scales == ("3pt", "binary")
    assert ratings.view(scale="3pt", dimension="Q_overall").column("value").to_pylist() == [2, 3, 1]
    assert ratings.view(scale="binary", dimension="Q_overall").column("value").to_pylist() == [1, 0], (
        "Unsure is neutral"
    )
    sound(ratings)


@pytest.mark.parametrize(
    ("field", "answer", "attribute", "ours"),
    [("rater_age", "gen z", "age_band", "18-30"), ("rater_age", "millenial", "age_band", "31-40"),
     ("rater_age", "gen x+", "age_band", "undisclosed"), ("rater_gender", "Self-describe (below)", "gender", "undisclosed"),
     ("rater_gender", "Nonbinary", "gender", "nonbinary"), ("rater_race", "Multiracial", "ethnicity", ["other"]),
     ("rater_race", "Asian/Asian subcontinent", "ethnicity", ["asian"]), ("rater_race", ROW["rater_race"], "ethnicity", ["hispanic"])],
)  # fmt: skip
def test_every_field_goes_to_our_vocabulary(dices, rater, field, answer, attribute, ours):
    ratings = dices({**ROW, field: answer})
    assert rater(ratings, "dices-350-1")[attribute] == ours
    assert rater(ratings, "dices-350-1")["country"] == "us"


def test_the_larger_set_is_told_by_its_locale_and_its_own_spelling_of_bias_is_read(dices, rater, values, sound):
    ratings = dices(LARGE, {**LARGE, "rater_id": "2", "rater_locale": "India", "Q3_unfair_bias_overall": "Yes"})
    assert rater(ratings, "dices-990-1")["country"] == rater(ratings, "dices-990-2")["country"] == "in"
    assert rater(ratings, "dices-990-1")["ethnicity"] == ["undisclosed"]
    assert values(ratings, "Q3_bias_overall") == [1, 3]
    assert ratings.items.column("item_id").to_pylist() == ["dices-990-7"]
    sound(ratings)


def test_an_answer_that_is_none_of_the_three_is_set_aside(dices, codes, sound):
    ratings = dices(
        ROW,
        {**ROW, "rater_id": "2", "Q3_bias_overall": "", "Q_overall": "Maybe"},
        {**ROW, "rater_id": "3", "rater_race": "Elf"},
    )
    assert codes(ratings) == {"PA033": 2, "PA004": 1, "PA007": 3}
    sound(ratings)


def test_the_conversation_is_the_prompt(dices):
    item = dices(ROW).items.to_pylist()[0]
    assert (item["prompt_en"], item["response_en"]) == ("Hi", "Ho")


def test_a_larger_set_without_any_bias_question_is_not_recognised(dices):
    with pytest.raises(PluralignError, match=r"PA031.*Q3_bias_overall or Q3_unfair_bias_overall"):
        dices({name: value for name, value in LARGE.items() if "Q3" not in name})
