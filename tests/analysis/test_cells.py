"""Ratings as arrays: what `ratings.view` gives, for every group, scale and dimension."""

import numpy as np
import pyarrow as pa
import pytest

from pluralign.analysis.cells import Coded
from pluralign.errors import PluralignError
from pluralign.ratings import Ratings, SourceDimension
from pluralign.schema import SCALES

from ..views.conftest import COARSE, FINE, FIVE, make_ratings, random_ratings

TYPED = {"country": "de", "ethnicity": ["white", "black"]}
FOUR = SourceDimension("four", "helpfulness", "higher", 1, 4, (1, 2, 2, 3))


def by_item(ratings, cells):
    """{item_id: counts on every value of the scale}, as a view's distribution has them."""
    names = ratings.items.column("item_id").to_pylist()
    every = sorted({v for v in SCALES[cells.scale].recode if v is not None})
    columns = [every.index(value) for value in cells.values]
    counts = np.zeros((len(names), len(every)), dtype=int)
    counts[:, columns] = cells.counts
    return {name: row.tolist() for name, row in zip(names, counts, strict=True) if row.sum()}


def assert_equals_views(ratings):
    coded = Coded(ratings)
    for scale in SCALES:
        specs = [spec for spec in coded.dimensions() if scale in spec.scales]
        for group in [*ratings.groups, {"gender": ["female", "male"], "politics": "liberal"}]:
            view = ratings.view(group, scale, "mean", [spec.name for spec in specs]).to_pylist()
            for spec in specs:
                expected = {row["item_id"]: row["distribution"] for row in view if row["dimension"] == spec.name}
                cells = coded.cells(spec, group, scale)
                assert by_item(ratings, cells) == expected, (spec.name, scale, group)
                assert cells.n_items == ratings.items.num_rows


@pytest.mark.parametrize("seed", [0, 1])
def test_cells_are_what_views_count_on_scales_of_every_kind(seed):
    assert_equals_views(random_ratings(seed, dimensions=(FIVE, FINE, COARSE, FOUR)))


def test_cells_of_the_shipped_release_are_what_its_views_count(shipped):
    assert_equals_views(shipped)


def test_a_hundred_points_are_cut_where_the_source_says():
    rows = [(f"r{v}", "p0-0", "helpful_100", v, k) for k, v in enumerate((1, 20, 21, 40, 41, 60, 61, 80, 81, 100), 1)]
    coded = Coded(make_ratings(rows, dimensions=(FINE,)))
    assert coded.cells(FINE).counts.tolist() == [[2, 2, 2, 2, 2]]
    assert coded.cells(FINE, scale="3pt").counts.tolist() == [[4, 2, 4]]


def test_neutral_is_left_out_of_binary_and_its_rater_with_it():
    coded = Coded(
        make_ratings(
            [("a", "p0-0", "toxicity", 3, 1), ("b", "p0-0", "toxicity", 4, 2), ("c", "p0-0", "toxicity", 2, 3)]
        )
    )
    cells = coded.cells(FIVE, scale="binary")
    assert (cells.counts.tolist(), cells.values, cells.n_raters) == ([[1, 1]], (0, 1), 2)


def test_a_binary_source_has_two_values_and_no_finer_scale():
    coded = Coded(make_ratings([("a", "p0-0", "biased", 1, 1), ("b", "p0-0", "biased", 0, 2)], dimensions=(COARSE,)))
    assert (coded.cells(COARSE).scale, coded.cells(COARSE).values) == ("binary", (0, 1))
    with pytest.raises(PluralignError, match="PA022"):
        coded.cells(COARSE, scale="5pt")


def test_four_points_without_a_middle_reach_only_the_ends_of_three():
    rows = [(f"r{v}", "p0-0", "four", v, v) for v in (1, 2, 3, 4)]
    cells = Coded(make_ratings(rows, dimensions=(FOUR,))).cells(FOUR)
    assert (cells.scale, cells.values, cells.counts.tolist()) == ("3pt", (1, 3), [[2, 2]])


def test_who_gave_several_ethnicities_counts_in_each_group():
    ratings = make_ratings(
        [("both", "p0-0", "toxicity", 5, 1), ("one", "p0-0", "toxicity", 1, 2)],
        {"both": TYPED, "one": {"ethnicity": ["black"]}},
    )
    coded = Coded(ratings)
    found = {group: coded.cells(FIVE, group).counts.sum(axis=0).tolist() for group in ("white", "black", "everyone")}
    assert found == {"white": [0, 0, 0, 0, 1], "black": [1, 0, 0, 0, 1], "everyone": [1, 0, 0, 0, 1]}
    assert coded.cells(FIVE, {"country": "de", "ethnicity": "black"}).n_raters == 1


def test_codes_name_the_rows_of_the_tables():
    ratings = random_ratings(3)
    cells = Coded(ratings).cells(FIVE, "female")
    raters, items = (ratings.tables[t].column(f"{t[:-1]}_id").to_pylist() for t in ("raters", "items"))
    told = {
        (raters[r], items[i], cells.values[k]) for r, i, k in zip(cells.rater, cells.item, cells.level, strict=True)
    }
    view = ratings.view(group="female", dimension="toxicity").to_pylist()
    assert told == {(row["rater_id"], row["item_id"], row["value"]) for row in view}


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda coded: coded.cells(FIVE, "femal"), "PA020"),
        (lambda coded: coded.cells(FIVE, "asian"), "PA020"),
        (lambda coded: coded.cells(FIVE, "undisclosed"), "PA020"),
        (lambda coded: coded.cells(FIVE, {"colour": "red"}), "PA020"),
        (lambda coded: coded.cells(FIVE, scale="7pt"), "PA021"),
        (lambda coded: coded.dimensions(["toxcity"]), "PA024"),
        (lambda coded: coded.dimensions(["helpfulness"]), "PA024"),
    ],
    ids=["typo", "nobody", "undisclosed", "attribute", "scale", "dimension", "dimension that is not here"],
)
def test_what_does_not_exist_is_refused_with_its_code(ask, code):
    with pytest.raises(PluralignError, match=code):
        ask(Coded(make_ratings([("a", "p0-0", "toxicity", 3, 1)])))


def test_dimensions_come_once_each_by_the_source_s_names_or_ours():
    coded = Coded(make_ratings([("a", "p0-0", "biased", 1, 1)], dimensions=(FIVE, COARSE)))
    assert [spec.name for spec in coded.dimensions(["stereotypical_bias", "biased", "toxicity"])] == [
        "biased",
        "toxicity",
    ]
    assert coded.dimensions([]) == coded.dimensions() == [FIVE, COARSE]


def test_a_dimension_that_nobody_rated_is_empty_and_no_error():
    cells = Coded(make_ratings([("a", "p0-0", "toxicity", 3, 1)], dimensions=(FIVE, COARSE))).cells(COARSE, "female")
    assert (cells.counts.tolist(), cells.n_raters, len(cells.item)) == ([[0, 0]], 0, 0)


def test_no_ratings_at_all_are_empty_cells():
    empty = make_ratings([("a", "p0-0", "toxicity", 3, 1)])
    empty = Ratings(empty.raters, empty.items, empty.ratings.slice(0, 0), empty.provenance)
    assert Coded(empty).cells(FIVE).counts.tolist() == [[0, 0, 0, 0, 0]]


def test_groups_have_at_least_so_many_raters_in_the_schema_s_order():
    coded = Coded(random_ratings())
    counts = coded.ratings.groups
    assert coded.groups(None, 10) == [group for group in counts if counts[group] >= 10]
    assert coded.groups(None, 1000) == ["everyone"]
    assert coded.groups(["male", "female"], 1000) == ["male", "female"]


def test_items_of_one_template_are_one_cluster_and_prompts_stand_in_where_there_is_none():
    ratings = make_ratings([(f"r{k}", f"p{k}-0", "toxicity", 3, 1) for k in range(4)])
    names = ratings.items.column("item_id").to_pylist()
    templates = {"p0-0": "t", "p1-0": "t"}
    column = ratings.items.schema.get_field_index("template_id")
    items = ratings.items.set_column(column, "template_id", pa.array([templates.get(n) for n in names], pa.string()))
    clusters = dict(
        zip(
            names,
            Coded(Ratings(ratings.raters, items, ratings.ratings, ratings.provenance)).clusters.tolist(),
            strict=True,
        )
    )
    assert clusters["p0-0"] == clusters["p1-0"]
    assert len(set(clusters.values())) == 3
