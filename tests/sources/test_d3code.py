"""D3CODE: hand-made rows by its README, data card and headers."""

import pytest

from pluralign.sources import import_source

RATER = {
    "rater_id": "a",
    "Age": "18-30",
    "Gender": "Woman",
    "Region": "Sub Saharan Africa",
    "Country": "Ghana",
    "SES": "5",
}


@pytest.fixture
def d3code(write_csv, tmp_path):
    def make(*answers, **rater):
        write_csv("dataset/d3-raters.csv", [{**RATER, **rater}])
        write_csv("dataset/d3-items.csv", [{"item_id": str(k), "text": f"text {k}"} for k in (*range(len(answers)), 0)])
        write_csv("dataset/d3-ratings.csv", [
            {"rater_id": "a", "item_id": str(k), "rating_raw": answer, "rating_binary": "na"} for k, answer in enumerate(answers)
        ])  # fmt: skip
        return import_source("d3code", tmp_path)

    return make


def test_five_points_from_zero_are_the_five_points(d3code, codes, values, sound):
    ratings = d3code("0", "1", "2", "3", "4.0", "-1", "5", "")
    assert codes(ratings) == {"PA033": 2, "PA005": 1}
    assert "did not understand" in ratings.rejected.to_pylist()[0]["reason"]
    assert values(ratings) == [0, 1, 2, 3, 4]
    assert ratings.view(aggregation="individual").column("value").to_pylist() == [1, 2, 3, 4, 5]
    sound(ratings)


@pytest.mark.parametrize(
    ("field", "answer", "attribute", "ours"),
    [("Age", "18-30", "age_band", "18-30"), ("Age", "30-50", "age_band", "undisclosed"), ("Age", "50+", "age_band", "undisclosed"),
     ("Gender", "Man", "gender", "male"), ("Gender", "Other", "gender", "undisclosed"),
     ("Country", "United States of America", "country", "us"), ("Country", "South Korea", "country", "kr")],
)  # fmt: skip
def test_every_field_goes_to_our_vocabulary(d3code, rater, field, answer, attribute, ours):
    assert rater(d3code("1", **{field: answer}), "d3code-a")[attribute] == ours


def test_a_sentence_that_the_items_file_repeats_is_one_item(d3code, codes, sound):
    ratings = d3code("1", "2")
    assert ratings.items.column("item_id").to_pylist() == ["d3code-0", "d3code-1"]
    assert codes(ratings) == {}
    sound(ratings)
