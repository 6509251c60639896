"""Every rule of every aggregation, on cells worked out by hand."""

import pytest

from pluralign.schema import AGGREGATIONS, SCALES, tie_goes_low

LOW = next(name for name in (f"p{i}-0" for i in range(99)) if tie_goes_low(name))
HIGH = next(name for name in (f"p{i}-0" for i in range(99)) if not tie_goes_low(name))


def cell(make, values, item=LOW, positions=None):
    positions = positions or range(1, len(values) + 1)
    return make([(f"r{k}", item, "toxicity", v, p) for k, (v, p) in enumerate(zip(values, positions, strict=True))])


def only_row(table):
    assert table.num_rows <= 1
    return table.to_pylist()[0] if table.num_rows else None


@pytest.mark.parametrize(
    ("values", "item", "expected"),
    [
        ([4], LOW, 4),
        ([2, 2, 5], LOW, 2),
        ([1, 1, 5, 5, 4], LOW, 5),  # mean 3.2: 5 is 1.8 away, 1 is 2.2 away
        ([1, 1, 5, 5, 2], LOW, 1),  # mean 2.8
        ([1, 2, 5], LOW, 2),  # mean 2.67: of three modes the nearest
        ([1, 5], LOW, 1),  # mean 3: equally near, the item leans low
        ([1, 5], HIGH, 5),
        ([1, 3, 5], HIGH, 3),  # the mean itself is a mode
        ([2, 2, 4, 4, 3], LOW, 2),  # mean 3 is no mode; 2 and 4 are equally near
        ([2, 2, 4, 4, 3], HIGH, 4),
        ([1, 2, 4, 5], LOW, 2),  # mean 3: the inner pair is nearer
        ([1, 2, 4, 5], HIGH, 4),
    ],
)
def test_majority_takes_the_most_frequent_value_then_the_nearest_then_the_lean(make, values, item, expected):
    assert only_row(cell(make, values, item).view(aggregation="majority"))["value"] == expected


@pytest.mark.parametrize(
    ("scale", "values", "item", "expected"),
    [
        ("3pt", [1, 2, 4, 4], HIGH, 3),  # 1 1 3 3: mean 2, equally near, leans high; on five points 4 has it alone
        ("3pt", [1, 2, 4, 4], LOW, 1),
        ("3pt", [1, 3, 5, 5], LOW, 3),
        ("binary", [1, 3, 3, 3, 5, 4], LOW, 1),  # the neutral three are no ratings
        ("binary", [2, 3, 4], LOW, 0),
        ("binary", [2, 3, 4], HIGH, 1),
    ],
)
def test_the_scale_comes_before_the_aggregation(make, scale, values, item, expected):
    assert only_row(cell(make, values, item).view(scale=scale, aggregation="majority"))["value"] == expected


@pytest.mark.parametrize(
    ("scale", "values", "expected"),
    [
        ("5pt", [4, 4], 4), ("5pt", [4, 5], None), ("5pt", [4], None),
        ("3pt", [4, 5], 3), ("3pt", [3, 4], None), ("3pt", [3, 3], 2),
        ("binary", [4, 5, 3], 1), ("binary", [4, 3], None), ("binary", [1, 5], None),
    ],
)  # fmt: skip
def test_consensus_needs_two_raters_who_agree_on_the_scale(make, scale, values, expected):
    row = only_row(cell(make, values).view(scale=scale, aggregation="consensus"))
    assert (row and row["value"]) == expected


@pytest.mark.parametrize(
    ("scale", "values", "expected"),
    [
        ("5pt", [1, 2], 2), ("5pt", [1, 1, 2], 1), ("5pt", [2, 3, 4, 5], 4), ("5pt", [5, 5, 5], 5),
        ("3pt", [1, 3], 2), ("3pt", [1, 1, 5], 2), ("binary", [1, 5], 1), ("binary", [1, 2, 5], 0),
    ],
)  # fmt: skip
def test_the_mean_is_rounded_half_up(make, scale, values, expected):
    assert only_row(cell(make, values).view(scale=scale, aggregation="mean"))["value"] == expected


def test_first_is_the_first_rating_that_the_scale_keeps(make):
    ratings = cell(make, [2, 3, 5], positions=[3, 1, 2])
    assert only_row(ratings.view(scale="5pt", aggregation="first"))["value"] == 3
    assert only_row(ratings.view(scale="3pt", aggregation="first"))["value"] == 2
    assert only_row(ratings.view(scale="binary", aggregation="first"))["value"] == 1  # position 1 is neutral


def test_of_equal_positions_the_smaller_rater_is_first(make):
    assert only_row(cell(make, [5, 1], positions=[1, 1]).view(aggregation="first"))["value"] == 5


def test_first_is_the_first_of_the_group(make):
    rows = [("a", "p1-0", "toxicity", 1, 1), ("b", "p1-0", "toxicity", 5, 2), ("c", "p1-0", "toxicity", 4, 3)]
    ratings = make(rows, {"a": {"gender": "male"}})
    assert only_row(ratings.view("female", aggregation="first"))["value"] == 5


def test_every_aggregation_says_the_same_about_the_ratings(make):
    ratings = cell(make, [4, 5, 3, 5, 4])
    expected = {
        "5pt": {"n_raters": 5, "distribution": [0, 0, 1, 2, 2], "disagreement": True, "tie": True},
        "3pt": {"n_raters": 5, "distribution": [0, 1, 4], "disagreement": True, "tie": False},
        "binary": {"n_raters": 4, "distribution": [0, 4], "disagreement": False, "tie": False},
    }
    for scale in SCALES:
        for aggregation in set(AGGREGATIONS) - {"individual"}:
            row = only_row(ratings.view(scale=scale, aggregation=aggregation))
            if row is not None:
                assert {name: row[name] for name in expected[scale]} == expected[scale], (scale, aggregation)


def test_a_cell_without_a_rating_on_the_scale_is_left_out(make):
    ratings = cell(make, [3, 3])
    for aggregation in AGGREGATIONS:
        assert ratings.view(scale="binary", aggregation=aggregation).num_rows == 0
        assert ratings.view(scale="3pt", aggregation=aggregation).num_rows > 0


def test_a_finer_scale_is_cut_and_a_coarser_uses_the_outer_points(make, dimension_specs):
    fine, coarse = dimension_specs["fine"], dimension_specs["coarse"]
    rows = [(f"r{v:03d}", "p1-0", "helpful_100", v, v) for v in (1, 20, 21, 60, 80, 81, 100)]
    rows += [("r001", "p1-0", "biased", 0, 1), ("r020", "p1-0", "biased", 1, 2)]
    ratings = make(rows, dimensions=(fine, coarse))
    assert ratings.view(dimension="helpful_100").column("value").to_pylist() == [1, 1, 2, 3, 4, 5, 5]
    assert ratings.view(scale="binary", dimension="biased").column("value").to_pylist() == [0, 1]


def test_a_group_that_rated_nothing_has_empty_views_of_the_right_type(make):
    ratings = make([("a", "p1-0", "toxicity", 1, 1)], {"b": {"gender": "male"}})
    for aggregation in AGGREGATIONS:
        empty, full = (ratings.view(group, "5pt", aggregation) for group in ("male", "everyone"))
        assert empty.num_rows == 0
        assert empty.schema == full.schema
