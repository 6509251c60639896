"""CREHate: hand-made rows, and the real files where this machine has them."""

from collections import Counter

import pytest

from pluralign.errors import PluralignError
from pluralign.sources import import_source

ROW = {
    "ID": "P-1", "annotator_id": "7", "nationality": "South Africa", "age": "42.0", "education": "3.0", "ethnicity": "Middle_Eastern",
    "gender": "non-binary", "politic": "Moderate_conservative", "religion": "None", "annotation": "1",
}  # fmt: skip
TEXTS = [{"ID": f"P-{k}", "Text": f"post {k}"} for k in range(1, 5)]


@pytest.fixture
def crehate(write_csv, tmp_path):
    def make(*rows):
        write_csv("CREHate_final_annotations.csv", TEXTS)
        write_csv("CREHate_raw_annotations.csv", [{**ROW, **row} for row in rows])
        return import_source("crehate", tmp_path)

    return make


def test_every_field_goes_to_our_vocabulary(crehate, rater, sound):
    ratings = crehate({})
    assert rater(ratings, "crehate-7") == {
        "rater_id": "crehate-7", "country": "za", "gender": "nonbinary", "age_band": "41-50", "politics": "conservative",
        "ethnicity": ["middle-eastern"],
    }  # fmt: skip
    item = next(row for row in ratings.items.to_pylist() if row["item_id"] == "P-1")
    assert (item["prompt_id"], item["prompt_en"], item["response_en"]) == ("P-1", None, "post 1")
    sound(ratings)


def test_a_dont_know_is_no_rating_and_neither_is_anything_off_the_scale(crehate, codes, values, sound):
    ratings = crehate(
        {"annotation": "2"}, {"ID": "P-2"}, {"ID": "P-3", "annotation": ""}, {"ID": "P-4", "annotation": "3"}
    )
    assert codes(ratings) == {"PA033": 2, "PA005": 1}
    assert "I don't know" in ratings.rejected.to_pylist()[0]["reason"]
    assert values(ratings) == [1]
    sound(ratings)


def test_of_repeated_annotations_the_first_label_counts_and_a_dont_know_is_none(crehate, codes, values, sound):
    ratings = crehate({"annotation": "2"}, {"annotation": "0"}, {"annotation": "1"})
    assert (codes(ratings), values(ratings)) == ({"PA033": 1, "PA008": 1}, [0])
    sound(ratings)


def test_free_text_answers_are_other_or_undisclosed_and_missing_ones_come_from_the_raters_other_rows(crehate, rater):
    blank = dict.fromkeys(("age", "gender", "politic", "ethnicity"), "")
    ratings = crehate({"ethnicity": "OtherSomething", "politic": "OtherSomething"}, {"ID": "P-2", **blank},
                      {"ID": "P-3", "annotator_id": "8", **blank})  # fmt: skip
    known, unknown = rater(ratings, "crehate-7"), rater(ratings, "crehate-8")
    assert (known["ethnicity"], known["politics"], known["age_band"]) == (["other"], "undisclosed", "41-50")
    assert [unknown[name] for name in ("gender", "age_band", "politics")] == ["undisclosed"] * 3


@pytest.mark.parametrize(
    ("field", "answer", "attribute", "ours"),
    [("politic", "Liberal/Progressive", "politics", "liberal"), ("politic", "Moderate_liberal", "politics", "liberal"),
     ("politic", "Independent", "politics", "moderate"), ("politic", "Conservative", "politics", "conservative"),
     ("ethnicity", "White", "ethnicity", ["white"]), ("ethnicity", "Black", "ethnicity", ["black"]),
     ("ethnicity", "WhiteMixed r", "ethnicity", ["white", "other"]), ("age", "17.0", "age_band", "undisclosed"),
     ("nationality", "United Kingdom", "country", "gb"), ("nationality", "Singapore", "country", "sg"), ("gender", "male", "gender", "male")],
)  # fmt: skip
def test_every_answer_has_one_place(crehate, rater, field, answer, attribute, ours):
    assert rater(crehate({field: answer}), "crehate-7")[attribute] == ours


def test_an_answer_that_the_importer_does_not_know_is_set_aside_with_the_ratings_that_rest_on_it(crehate, codes, sound):
    ratings = crehate({}, {"annotator_id": "8", "gender": "unheard-of"}, {"ID": "P-9", "annotator_id": "9"})
    assert codes(ratings) == {"PA004": 1, "PA007": 1, "PA006": 1}
    sound(ratings)


def test_positions_are_the_order_of_appearance_on_each_post(crehate):
    ratings = crehate(
        {}, {"annotator_id": "8"}, {"ID": "P-2"}, {"annotator_id": "9", "annotation": "2"}, {"annotator_id": "10"}
    )
    rows = [(row["item_id"], row["position"]) for row in ratings.ratings.to_pylist()]
    assert rows == [("P-1", 1), ("P-1", 2), ("P-2", 1), ("P-1", 3)]


def test_one_of_the_two_files_finds_the_other_beside_it(crehate, tmp_path):
    folder = crehate({})
    file = import_source("crehate", tmp_path / "CREHate_raw_annotations.csv")
    assert file.provenance == folder.provenance
    (tmp_path / "CREHate_final_annotations.csv").unlink()
    with pytest.raises(PluralignError, match=r"PA031.*no CREHate_final_annotations.csv"):
        import_source("crehate", tmp_path)


def test_the_real_files_have_their_known_size_and_lose_no_label(real, codes, sound):
    ratings = import_source("crehate", real("crehate"))
    assert ratings.provenance.details["n_rows_read"] == 42_546
    assert (ratings.raters.num_rows, ratings.items.num_rows) == (1064, 1580)
    assert codes(ratings) == {"PA033": 3060, "PA008": 18}, "of 19 repeated labels one repeats a 'don't know'"
    assert ratings.ratings.num_rows == 42_546 - 3060 - 18
    assert ratings.provenance.dimensions[0].scales == ("binary",)
    countries = Counter(row["country"] for row in ratings.raters.to_pylist())
    assert countries == {"us": 167, "au": 216, "gb": 406, "sg": 102, "za": 173}
    sound(ratings)


def test_of_the_real_raters_without_demographics_one_gave_them_in_other_rows(real, rater):
    ratings = import_source("crehate", real("crehate"))
    assert rater(ratings, "crehate-647")["gender"] == "male", "75 rows without, 106 with"
    assert rater(ratings, "crehate-855")["gender"] == "undisclosed", "75 rows, all without"
    assert sum(row["gender"] == "undisclosed" for row in ratings.raters.to_pylist()) == 1
