"""Covariates of raters: references first, rare levels merged, several ethnicities their own level."""

import numpy as np
import pyarrow as pa
import pytest

from pluralign.errors import PluralignError
from pluralign.ratings.tables import table_schema
from pluralign.stats.design import design_matrix, rater_levels


def raters(n: int, **columns) -> pa.Table:
    blank = {"country": "us", "gender": "female", "age_band": "18-30", "politics": "liberal", "ethnicity": ["white"]}
    rows = [
        {"rater_id": str(k), **blank, **{name: values[k % len(values)] for name, values in columns.items()}}
        for k in range(n)
    ]
    return pa.Table.from_pylist(rows, schema=table_schema("raters"))


def test_references_have_no_column_and_levels_come_in_the_schema_s_order():
    matrix, names = design_matrix(
        raters(60, gender=["male", "female"], politics=["conservative", "moderate", "liberal"])
    )
    assert names == ["male", "moderate", "conservative"]
    assert matrix.sum(0).tolist() == [30, 20, 20]


def test_an_attribute_with_one_level_gives_no_column():
    matrix, names = design_matrix(raters(20))
    assert names == []
    assert matrix.shape == (20, 0)


def test_several_ethnicities_are_one_level():
    table = raters(40, ethnicity=[["white"], ["black", "white"]])
    assert rater_levels(table, "ethnicity")[:2] == ["white", "multiple"]
    assert design_matrix(table)[1] == ["multiple"]


def test_undisclosed_is_a_level_of_its_own_that_names_its_attribute():
    _, names = design_matrix(
        raters(60, gender=["female", "undisclosed"], politics=["liberal", "undisclosed", "moderate"])
    )
    assert names == ["gender:undisclosed", "moderate", "politics:undisclosed"]


def test_rare_levels_are_merged_and_named():
    table = raters(100, age_band=["18-30"] * 45 + ["31-40"] * 3 + ["over-60"] * 2)
    matrix, names = design_matrix(table)
    assert names == ["age_band:rare"]
    assert matrix.sum() == 10


def test_a_rare_level_is_merged_whatever_its_length():
    table = raters(60, country=["us"] * 30 + ["de"] * 26 + ["gb"] * 4)
    matrix, names = design_matrix(table)
    assert names == ["de", "country:rare"]
    assert matrix.sum(0).tolist() == [26, 4]


def test_another_reference_can_be_named_and_an_unknown_one_is_refused():
    table = raters(40, gender=["male", "female"])
    assert design_matrix(table, references={"gender": "male"})[1] == ["female"]
    with pytest.raises(PluralignError, match=r"PA020.*nonbinary"):
        design_matrix(table, references={"gender": "nonbinary"})
    with pytest.raises(PluralignError, match=r"PA020.*Did you mean 'gender'"):
        design_matrix(table, ["gendr"])


def test_columns_are_zero_and_one_and_exclude_each_other_inside_an_attribute(shipped):
    matrix, names = design_matrix(shipped.raters)
    assert set(np.unique(matrix)) == {0.0, 1.0}
    politics = [names.index(level) for level in ("moderate", "conservative", "politics:undisclosed")]
    assert matrix[:, politics].sum(1).max() == 1
