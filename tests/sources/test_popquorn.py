"""POPQUORN: hand-made rows, and the real file where this machine has it."""

import pytest

from pluralign.errors import PluralignError
from pluralign.sources import import_source

ROW = {
    "instance_id": "1", "user_id": "9", "text": "t", "offensiveness": "2.0", "gender": "Man", "race": "Arab American", "age": "25-29",
}  # fmt: skip


@pytest.fixture
def popquorn(write_csv):
    return lambda *rows: import_source("popquorn", write_csv("raw_data.csv", [{**ROW, **row} for row in rows]))


def test_every_field_goes_to_our_vocabulary(popquorn, rater, sound):
    ratings = popquorn({})
    assert rater(ratings, "popquorn-9") == {
        "rater_id": "popquorn-9", "country": "us", "gender": "male", "age_band": "18-30", "politics": "undisclosed",
        "ethnicity": ["middle-eastern"],
    }  # fmt: skip
    assert ratings.items.to_pylist()[0] | {"item_id": "", "prompt_id": ""} == {
        "item_id": "", "prompt_id": "", "template_id": None, "manner": None, "prompt_en": None, "response_en": "t",
        "prompt_de": None, "response_de": None,
    }  # fmt: skip
    sound(ratings)


@pytest.mark.parametrize(
    ("age", "band"),
    [("18-24", "18-30"), ("30-34", "31-40"), ("40-44", "41-50"), ("50-54", "51-60"), ("54-59", "51-60"), ("60-64", "over-60"),
     (">65", "over-60"), ("", "undisclosed")],
)  # fmt: skip
def test_a_band_that_straddles_ours_goes_where_most_of_it_lies(popquorn, rater, age, band):
    assert rater(popquorn({"age": age}), "popquorn-9")["age_band"] == band


def test_a_rater_whose_rows_differ_is_kept_with_the_attribute_undisclosed(popquorn, rater, codes, sound):
    ratings = popquorn({}, {"instance_id": "2", "gender": "Woman"}, {"instance_id": "3", "offensiveness": "2.5"})
    assert rater(ratings, "popquorn-9")["gender"] == "undisclosed"
    assert codes(ratings) == {"PA011": 1, "PA033": 1}
    assert ratings.ratings.num_rows == 2
    sound(ratings)


@pytest.mark.parametrize("answer", ["nan", "inf", "", "-", "1e9"])
def test_what_is_no_number_on_any_scale_is_set_aside(popquorn, codes, answer):
    assert codes(popquorn({}, {"instance_id": "2", "offensiveness": answer})) == {"PA033": 1}


def test_a_comment_with_two_texts_keeps_the_first_and_says_so(popquorn, codes, sound):
    ratings = popquorn({}, {"user_id": "8", "text": "another"})
    assert codes(ratings) == {"PA012": 1}
    assert ratings.items.column("response_en").to_pylist() == ["t"]
    sound(ratings)


def test_the_repositorys_other_raw_data_files_are_passed_over(write_csv, tmp_path):
    write_csv("email_rewriting/raw_data.csv", [{"instance_id": "1", "user_id": "1"}])
    write_csv("offensiveness/raw_data.csv", [ROW])
    assert import_source("popquorn", tmp_path).ratings.num_rows == 1
    write_csv("copy/offensiveness.csv", [ROW])
    with pytest.raises(PluralignError, match=r"PA031.*name one of them"):
        import_source("popquorn", tmp_path)


def test_the_real_file_has_its_known_size(real, sound):
    ratings = import_source("popquorn", real("popquorn"))
    assert (ratings.ratings.num_rows, ratings.raters.num_rows, ratings.items.num_rows) == (13_036, 262, 1500)
    assert ratings.provenance.details["n_rows_read"] == 13_036
    assert ratings.rejected.num_rows == 0
    sound(ratings)
