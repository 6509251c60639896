"""Annotators with Attitudes: hand-made rows of both studies, and the real files where this machine has them."""

import csv
from collections import defaultdict

import pytest

from pluralign.errors import PluralignError
from pluralign.sources import import_source
from pluralign.sources.reading import text_id

LARGE = {
    "postId": "1", "tweet": "one", "annId": "7", "annotatorGender": "woman", "annotatorRace": "black", "annotatorPolitics": "-0.5",
    "annotatorAge": "35.0", "dontUnderstand": "", "toany": "1", "toyou": "2", "intent": "3", "racist": "4",
}  # fmt: skip
SMALL = {
    "postId": "1", "tweet": "one", "annID": "7", "annotatorGender": "NB", "annotatorRace": "black, latinx", "annotatorPolitics": "1.0",
    "toany": "1", "toyou": "2", "intent": "3", "racist": "4",
}  # fmt: skip


@pytest.fixture
def awa(write_csv):
    return lambda *rows: import_source("ann_with_attitudes", write_csv("answers.csv", list(rows)))


def test_the_two_studies_are_told_apart_by_their_columns_whatever_the_file_is_called(awa, rater, sound):
    large, small = awa(LARGE), awa(SMALL)
    assert rater(large, "awa-large-7") == {
        "rater_id": "awa-large-7", "country": "undisclosed", "gender": "female", "age_band": "31-40", "politics": "liberal",
        "ethnicity": ["black"],
    }  # fmt: skip
    assert rater(small, "awa-small-7") == {
        "rater_id": "awa-small-7", "country": "undisclosed", "gender": "nonbinary", "age_band": "undisclosed",
        "politics": "conservative", "ethnicity": ["black", "hispanic"],
    }  # fmt: skip
    sound(large)


def test_a_folder_with_both_studies_must_be_named_more_closely(write_csv, tmp_path):
    write_csv("largeScale.csv", [LARGE])
    assert import_source("ann_with_attitudes", tmp_path).raters.num_rows == 1
    write_csv("smallScale.csv", [SMALL])
    with pytest.raises(PluralignError, match=r"PA031.*largeScale.csv, smallScale.csv.*name one of them"):
        import_source("ann_with_attitudes", tmp_path)


def test_the_four_questions_keep_their_names(awa):
    got = {row["dimension"]: row["value"] for row in awa(LARGE).ratings.to_pylist()}
    assert got == {"toany": 1, "toyou": 2, "intent": 3, "racist": 4}
    assert awa(LARGE).view(dimension="stereotypical_bias").column("value").to_pylist() == [4]


def test_items_are_texts_and_not_post_ids(awa, sound):
    ratings = awa(SMALL, {**SMALL, "tweet": "two"}, {**SMALL, "postId": "2", "annID": "8"})
    assert ratings.items.column("item_id").to_pylist() == [f"awa-{text_id('one')}", f"awa-{text_id('two')}"]
    assert ratings.items.column("prompt_id").equals(ratings.items.column("item_id"))
    sound(ratings)


def test_a_rater_whose_rows_cross_our_levels_is_kept_undisclosed_and_one_whose_rows_do_not_is_as_said(
    awa, rater, codes, sound
):
    ratings = awa(
        LARGE, {**LARGE, "tweet": "two", "annotatorPolitics": "0.0"},
        {**LARGE, "annId": "8"}, {**LARGE, "annId": "8", "tweet": "two", "annotatorPolitics": "-1.0"},
        {**LARGE, "annId": "9", "annotatorGender": "na"}, {**LARGE, "annId": "9", "tweet": "two"},
    )  # fmt: skip
    assert rater(ratings, "awa-large-7")["politics"] == "undisclosed"
    assert rater(ratings, "awa-large-8")["politics"] == "liberal"
    assert rater(ratings, "awa-large-9")["gender"] == "female", "missing in one row, given in the other"
    assert codes(ratings) == {"PA011": 1}
    assert ratings.rejected.to_pylist()[0]["table"] == "raters"
    assert ratings.ratings.num_rows == 6 * 4, "no rating is lost over it"
    sound(ratings)


@pytest.mark.parametrize(
    ("field", "answer", "attribute", "ours"),
    [("annotatorRace", "hisp", "ethnicity", ["hispanic"]), ("annotatorRace", "middleEastern", "ethnicity", ["middle-eastern"]),
     ("annotatorRace", "white, pacisland", "ethnicity", ["white", "pacific-islander"]), ("annotatorRace", "native", "ethnicity", ["indigenous"]),
     ("annotatorRace", "na", "ethnicity", ["undisclosed"]), ("annotatorGender", "nonBinary", "gender", "nonbinary"),
     ("annotatorGender", "man", "gender", "male"), ("annotatorPolitics", "0.0", "politics", "moderate"),
     ("annotatorPolitics", "0.5", "politics", "conservative"), ("annotatorPolitics", "", "politics", "undisclosed"),
     ("annotatorAge", "30.0", "age_band", "18-30"), ("annotatorAge", "65.0", "age_band", "over-60")],
)  # fmt: skip
def test_every_answer_has_one_place(awa, rater, field, answer, attribute, ours):
    assert rater(awa({**LARGE, field: answer}), "awa-large-7")[attribute] == ours


@pytest.mark.parametrize("place", ["2", "-1.5", "left", "inf"])
def test_politics_off_the_line_is_set_aside_and_never_guessed(awa, codes, place):
    assert codes(awa(LARGE, {**LARGE, "annId": "8", "annotatorPolitics": place})) == {"PA004": 1, "PA007": 4}


def test_missing_answers_are_set_aside_one_by_one(awa, codes, values, sound):
    ratings = awa({**LARGE, "toyou": "", "racist": "NaN", "intent": "3.5", "toany": "6"}, {**LARGE, "annId": "8"})
    assert codes(ratings) == {"PA033": 3, "PA005": 1}
    assert values(ratings) == [1, 2, 3, 4]
    sound(ratings)


def test_the_real_large_study_has_its_known_size_and_repeats(real, codes, sound):
    ratings = import_source("ann_with_attitudes", real("ann_with_attitudes", "largeScale.csv"))
    assert ratings.provenance.details["n_rows_read"] == 3463
    assert ratings.raters.num_rows == 184
    assert ratings.items.num_rows == 626, "627 post ids, two of them of one text"
    assert codes(ratings)["PA008"] == 8 * 4, "8 repeated rows"
    assert ratings.ratings.num_rows == (3463 - 8) * 4
    sound(ratings)


def test_of_the_five_real_raters_whose_politics_differs_three_cross_our_levels(real, rater, codes):
    path = real("ann_with_attitudes", "largeScale.csv")
    places = defaultdict(set)
    with path.open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            places[row["annId"]].add(float(row["annotatorPolitics"]))
    differing = {name: seen for name, seen in places.items() if len(seen) > 1}
    assert len(differing) == 5
    across = {name for name, seen in differing.items() if len({(place > 0) - (place < 0) for place in seen}) > 1}
    assert len(across) == 3
    ratings = import_source("ann_with_attitudes", path)
    undisclosed = {row["rater_id"] for row in ratings.raters.to_pylist() if row["politics"] == "undisclosed"}
    assert undisclosed == {f"awa-large-{name}" for name in across}
    assert codes(ratings)["PA011"] == 4, "three on politics, one of them on age too"


def test_the_real_small_study_is_fully_crossed(real, sound):
    ratings = import_source("ann_with_attitudes", real("ann_with_attitudes", "smallScale.csv"))
    assert (ratings.raters.num_rows, ratings.items.num_rows) == (641, 12)
    assert (ratings.ratings.num_rows, ratings.rejected.num_rows) == (641 * 12 * 4, 0)
    assert len({(row["rater_id"], row["item_id"]) for row in ratings.ratings.to_pylist()}) == 641 * 12
    assert sum(len(row["ethnicity"]) > 1 for row in ratings.raters.to_pylist()) == 11
    sound(ratings)


def test_views_of_the_real_large_study_have_a_groups_ratings(real):
    ratings = import_source("ann_with_attitudes", real("ann_with_attitudes", "largeScale.csv"))
    view = ratings.view(group="black", scale="3pt", aggregation="majority", dimension="toany")
    assert view.num_rows > 100
    assert set(view.column("value").to_pylist()) <= {1, 2, 3}
