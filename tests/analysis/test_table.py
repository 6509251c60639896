"""Tables: for a terminal, Markdown and CSV; and the tables of the statistics."""

import csv
import io

import numpy as np
import pandas as pd
import pytest

from pluralign.analysis import tables
from pluralign.analysis.agreement import alpha_rows, disagreement_rows
from pluralign.analysis.cells import Coded
from pluralign.analysis.conditional import conditional_rows
from pluralign.analysis.numbers import interval, plain
from pluralign.analysis.raters import distributions, rater_counts
from pluralign.analysis.table import Table

from ..views.conftest import random_ratings

RECORDS = (
    {"name": 'a "quoted", one\nover lines', "x": 0.1 + 0.2, "n": 3, "values": [1, 2], "why": None},
    {"name": "ä | b", "x": None, "n": 12345678, "values": [], "extra": "only here"},
)


def table(**changes):
    fields = {
        "name": "t",
        "title": "T",
        "columns": ["name", "x"],
        "rows": [["a|b", "1.5"], ["c\nd", "–"]],
        "records": RECORDS,
    }
    return Table.of(**(fields | changes))


def test_csv_read_back_equals_the_records_and_undefined_is_empty():
    first, second = csv.DictReader(io.StringIO(table().to_csv()))
    assert first["name"] == RECORDS[0]["name"]
    assert float(first["x"]) == RECORDS[0]["x"]
    assert (first["n"], first["values"], first["why"], first["extra"]) == ("3", "[1, 2]", "", "")
    assert (second["x"], second["values"], second["extra"]) == ("", "[]", "only here")


def test_pandas_reads_the_same_numbers():
    read = pd.read_csv(io.StringIO(table().to_csv()))
    assert read["x"][0] == pytest.approx(RECORDS[0]["x"], abs=1e-15)
    assert np.isnan(read["x"][1])
    assert read["n"].tolist() == [3, 12345678]


def test_markdown_escapes_bars_and_line_ends():
    lines = table(note="N").to_markdown().splitlines()
    assert lines[0] == "## T"
    assert lines[2:6] == ["| name | x |", "| --- | --- |", "| a\\|b | 1.5 |", "| c d | – |"]
    assert lines[-1] == "N"


def test_markdown_aligns_numbers_to_the_right():
    assert "| --- | ---: |" in table(numeric=["x"]).to_markdown()


def test_text_columns_are_aligned_and_numbers_end_together():
    lines = table(rows=[["a", "1.5"], ["long name", "10.25"]], numeric=["x"], note="N").to_text().splitlines()
    assert lines[0] == "T"
    assert lines[-1] == "N"
    assert [line.rstrip() for line in lines] == lines
    assert len({len(line) for line in lines[1:-1]}) == 1
    assert lines[3] == "  long name  10.25"


def test_a_table_without_rows_has_its_headings():
    empty = table(rows=[], records=[])
    assert empty.to_text().splitlines() == ["T", "  name  x"]
    assert "| name | x |" in empty.to_markdown()
    assert empty.to_csv().strip() == ""


def test_a_column_that_is_not_there_cannot_be_numeric():
    with pytest.raises(ValueError, match="is not in"):
        table(numeric=["y"])


def test_numbers_for_programs_are_plain_all_the_way_down():
    told = plain({"a": [np.float64("nan"), {"b": np.array([1.0, np.inf])}], "c": np.int64(2), "d": (True, None)})
    assert told == {"a": [None, {"b": [1.0, None]}], "c": 2, "d": [True, None]}


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((0.5, 0.4, 0.6), "0.500 [0.400, 0.600]"),
        ((0.5, np.nan, 0.6), "0.500"),
        ((np.nan, 0.4, 0.6), "–"),
        ((np.inf, 0, 1), "–"),
    ],
)
def test_an_interval_is_left_out_where_it_is_undefined(numbers, text):
    assert interval(*numbers) == text


def every_table(coded):
    return [
        tables.counts_table(rater_counts(coded.ratings)),
        tables.distribution_table(distributions(coded, groups=["everyone", "female"], bootstrap=20)),
        tables.alpha_table(alpha_rows(coded, bootstrap=20)),
        tables.disagreement_table(disagreement_rows(coded, bootstrap=20)),
        tables.conditional_table(conditional_rows(coded, bootstrap=20)),
    ]


@pytest.fixture(scope="module")
def made():
    return every_table(Coded(random_ratings()))


def test_every_table_has_a_record_a_row_and_csv_of_all_of_them(made):
    for one in made:
        assert len(one.cells) == len(one.records) > 0, one.name
        assert all(len(row) == len(one.columns) for row in one.cells), one.name
        read = list(csv.DictReader(io.StringIO(one.to_csv())))
        for row, record in zip(read, one.records, strict=True):
            for key, value in record.items():
                if value is None:
                    assert row[key] == "", (one.name, key)
                elif isinstance(value, float):
                    assert float(row[key]) == value, (one.name, key)
                elif isinstance(value, int):
                    assert int(row[key]) == value, (one.name, key)


def test_no_cell_shows_nan(made):
    for one in made:
        shown = " ".join(cell for row in one.cells for cell in row).lower()
        assert "nan" not in shown.split(), one.name
        assert "inf" not in shown.split(), one.name


def test_shares_of_a_distribution_sum_to_one_and_a_value_off_the_scale_is_a_dash(made):
    (distribution,) = [one for one in made if one.name == "distributions"]
    values = [k for k, column in enumerate(distribution.columns) if column.isdigit()]
    for row in distribution.cells:
        shares = [float(row[k].rstrip("%")) for k in values if row[k] != "–"]
        assert sum(shares) == pytest.approx(100, abs=0.3)
        assert (len(shares) == 2) == (row[0] == "biased")


def test_what_is_suppressed_says_why(made):
    (alpha,) = [one for one in made if one.name == "alpha"]
    hidden = [row for row, record in zip(alpha.cells, alpha.records, strict=True) if record["suppressed"]]
    assert hidden
    assert all(row[2] == "–" and row[-1].startswith("not shown: ") for row in hidden)
