"""Every problem of the three tables is found, named with file, row and fix, and the row set aside."""

import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pluralign.errors import CODES, ProblemsFoundError
from pluralign.ratings import Provenance, Ratings, SourceDimension, own_dimensions
from pluralign.ratings.tables import table_schema
from pluralign.schema import ATTRIBUTES, DIMENSIONS

PROVENANCE = Provenance("imported", "hand-made", "1", "CC0-1.0", own_dimensions())


def raters(*rows: dict) -> pa.Table:
    blank = {"country": "us", "gender": "female", "age_band": "18-30", "politics": "liberal", "ethnicity": ["white"]}
    return pa.Table.from_pylist([{**blank, **row} for row in rows], schema=nullable("raters"))


def items(*rows: dict) -> pa.Table:
    blank = {"prompt_id": "p1", "prompt_en": "Why?", "response_en": "Because."}
    return pa.Table.from_pylist([{**blank, **row} for row in rows], schema=nullable("items"))


def ratings(*rows: dict) -> pa.Table:
    blank = {"rater_id": "a", "item_id": "i1", "dimension": "toxicity", "value": 3, "language": "en", "position": 1}
    return pa.Table.from_pylist([{**blank, **row} for row in rows], schema=nullable("ratings"))


def nullable(table: str) -> pa.Schema:
    return pa.schema([field.with_nullable(True) for field in table_schema(table)])


def made(r=None, i=None, t=None, **options) -> Ratings:
    return Ratings.from_tables(
        r if r is not None else raters({"rater_id": "a"}, {"rater_id": "b"}),
        i if i is not None else items({"item_id": "i1"}, {"item_id": "i2"}),
        t if t is not None else ratings({}),
        PROVENANCE,
        **options,
    )


def reasons(got: Ratings) -> list[tuple[str, int, str]]:
    return [(row["table"], row["row"], row["code"]) for row in got.rejected.to_pylist()]


def test_sound_tables_pass_and_nothing_is_set_aside():
    got = made()
    assert got.check() == []
    assert got.rejected.num_rows == 0


PLANTED = [
    ("PA004", "raters", {"r": raters({"rater_id": "a"}, {"rater_id": "b", "gender": "femal"})}, 1),
    ("PA004", "raters", {"r": raters({"rater_id": "a"}, {"rater_id": "b", "ethnicity": ["white", "blck"]})}, 1),
    ("PA013", "raters", {"r": raters({"rater_id": "a"}, {"rater_id": "b", "politics": None})}, 1),
    ("PA013", "raters", {"r": raters({"rater_id": "a"}, {"rater_id": "b", "ethnicity": []})}, 1),
    ("PA011", "raters", {"r": raters({"rater_id": "a"}, {"rater_id": "a", "politics": "moderate"})}, 1),
    ("PA017", "raters", {"r": raters({"rater_id": "a"}, {"rater_id": "a"})}, 1),
    ("PA019", "raters", {"r": raters({"rater_id": "a"}, {"rater_id": "b", "ethnicity": ["white", "white"]})}, 1),
    ("PA019", "raters", {"r": raters({"rater_id": "a"}, {"rater_id": "b", "ethnicity": ["undisclosed", "white"]})}, 1),
    ("PA004", "raters", {"r": raters({"rater_id": "a"}, {"rater_id": "b", "ethnicity": [None, "white"]})}, 1),
    ("PA013", "raters", {"r": raters({"rater_id": "a"}, {"rater_id": " "})}, 1),
    ("PA018", "ratings", {"t": ratings({}, {"rater_id": "b", "position": 0})}, 1),
    ("PA010", "ratings", {"t": ratings({}, {"rater_id": "b", "language": "de"})}, 1),
    ("PA012", "items", {"i": items({"item_id": "i1"}, {"item_id": "i1"})}, 1),
    ("PA009", "items", {"i": items({"item_id": "i1"}, {"item_id": "i2", "response_en": " "})}, 1),
    ("PA009", "items", {"i": items({"item_id": "i1"}, {"item_id": "i2", "response_en": None})}, 1),
    ("PA004", "items", {"i": items({"item_id": "i1"}, {"item_id": "i2", "manner": "rude"})}, 1),
    ("PA005", "ratings", {"t": ratings({}, {"rater_id": "b", "value": 6})}, 1),
    ("PA005", "ratings", {"t": ratings({}, {"rater_id": "b", "value": 0})}, 1),
    ("PA006", "ratings", {"t": ratings({}, {"item_id": "i9"})}, 1),
    ("PA007", "ratings", {"t": ratings({}, {"rater_id": "z"})}, 1),
    ("PA008", "ratings", {"t": ratings({}, {"value": 4})}, 1),
    ("PA010", "ratings", {"t": ratings({}, {"rater_id": "b", "language": None})}, 1),
    ("PA004", "ratings", {"t": ratings({}, {"rater_id": "b", "language": "fr"})}, 1),
    ("PA004", "ratings", {"t": ratings({}, {"rater_id": "b", "dimension": "toxicty"})}, 1),
    ("PA013", "ratings", {"t": ratings({}, {"rater_id": "b", "value": None})}, 1),
]


@pytest.mark.parametrize(
    ("code", "table", "planted", "row"), PLANTED, ids=[f"{c}-{t}-{k}" for k, (c, t, _, _) in enumerate(PLANTED)]
)
def test_a_planted_problem_is_found_with_its_row_and_set_aside(code, table, planted, row):
    got = made(**planted)
    assert (table, row, code) in reasons(got)
    assert got.check() == [], "what is kept always passes"


@pytest.mark.parametrize("planted", [p for _, _, p, _ in PLANTED])
def test_strict_stops_at_any_problem_and_lists_it(planted):
    with pytest.raises(ProblemsFoundError) as caught:
        made(**planted, strict=True)
    assert caught.value.problems
    assert all(problem.code in CODES and problem.fix for problem in caught.value.problems)


def test_a_near_miss_gets_a_suggestion():
    with pytest.raises(ProblemsFoundError, match="Did you mean 'female'"):
        made(r=raters({"rater_id": "a", "gender": "Femal"}), strict=True)


def test_all_problems_are_reported_at_once():
    with pytest.raises(ProblemsFoundError) as caught:
        made(
            r=raters({"rater_id": "a", "gender": "x"}),
            i=items({"item_id": "i1", "response_en": ""}),
            t=ratings({"value": 9}),
            strict=True,
        )
    assert {p.code for p in caught.value.problems} >= {"PA004", "PA009", "PA005"}


def test_ratings_of_a_rejected_item_or_rater_go_with_it_and_say_so():
    got = made(i=items({"item_id": "i1", "response_en": ""}), t=ratings({}))
    assert got.ratings.num_rows == 0
    assert ("ratings", 0, "PA006") in reasons(got)


def test_rows_are_named_by_their_place_in_what_was_given_not_in_what_was_left():
    got = made(t=ratings({"value": 9}, {"rater_id": "b"}, {"item_id": "i9"}))
    assert ("ratings", 2, "PA006") in reasons(got)


def test_a_sound_row_is_kept_where_its_broken_twin_came_first():
    got = made(t=ratings({"value": 9}, {"value": 4}))
    assert reasons(got) == [("ratings", 0, "PA005")]
    assert got.ratings.column("value").to_pylist() == [4]
    got = made(r=raters({"rater_id": "a", "gender": "x"}, {"rater_id": "a"}))
    assert reasons(got) == [("raters", 0, "PA004")]
    assert got.ratings.num_rows == 1


def test_of_three_equal_ratings_the_first_is_kept_and_named_as_first():
    got = made(t=ratings({"value": 2}, {"value": 3}, {"value": 4}))
    assert got.ratings.column("value").to_pylist() == [2]
    assert all("first in row 0" in row["reason"] for row in got.rejected.to_pylist())


def test_a_rejected_row_keeps_its_content():
    got = made(t=ratings({}, {"rater_id": "b", "value": 7}))
    content = json.loads(got.rejected.to_pylist()[0]["content"])
    assert content["value"] == 7
    assert content["rater_id"] == "b"


def test_a_missing_and_a_foreign_column_are_named_with_a_suggestion():
    table = raters({"rater_id": "a"}).rename_columns(
        ["rater_id", "country", "sex", "age_band", "politics", "ethnicity"]
    )
    with pytest.raises(ProblemsFoundError) as caught:
        made(r=table)
    assert [(p.code, p.field) for p in caught.value.problems] == [("PA002", "gender"), ("PA015", "sex")]


def test_a_column_that_cannot_be_cast_is_named():
    table = ratings({}).set_column(3, "value", pa.array(["three"]))
    with pytest.raises(ProblemsFoundError, match=r"PA003.*value"):
        made(t=table)


def test_columns_in_another_order_and_a_wider_type_are_taken():
    table = ratings({}).select(["value", "position", "language", "dimension", "item_id", "rater_id"])
    table = table.set_column(0, "value", table.column("value").cast(pa.int64()))
    assert made(t=table).ratings.schema.equals(table_schema("ratings"))


vocabulary = st.sampled_from(["female", "male", "nonbinary", "undisclosed", "fem", "", "MALE"])


@settings(max_examples=60, deadline=None)
@given(
    genders=st.lists(vocabulary, min_size=1, max_size=4),
    rows=st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 3), st.sampled_from([*DIMENSIONS, "tox"]), st.integers(-1, 7), st.sampled_from(["en", "de", None])),
        max_size=12,
    ),
)  # fmt: skip
def test_every_row_is_either_kept_or_set_aside_never_both_never_lost(genders, rows):
    r = raters(*({"rater_id": str(k), "gender": g} for k, g in enumerate(genders)))
    i = items(*({"item_id": str(k), "response_de": "Darum."} for k in range(3)))
    t = ratings(
        *(
            {"rater_id": str(a), "item_id": str(b), "dimension": d, "value": v, "language": lang}
            for a, b, d, v, lang in rows
        )
    )
    got = made(r, i, t)
    aside = got.rejected.to_pylist()
    for name, given_ in (("raters", r), ("items", i), ("ratings", t)):
        gone = [row["row"] for row in aside if row["table"] == name]
        assert len(gone) == len(set(gone))
        assert getattr(got, name).num_rows + len(gone) == given_.num_rows
        kept = [k for k in range(given_.num_rows) if k not in gone]
        assert getattr(got, name).to_pylist() == given_.take(pa.array(kept, pa.int64())).to_pylist()
    assert got.check() == []


def test_scales_follow_from_the_source_s_points():
    binary = SourceDimension("hate", "toxicity", "lower", 0, 1, (0, 0, 0, 0))
    three = SourceDimension("safe", "toxicity", "lower", 1, 3, (1, 1, 2, 2))
    hundred = SourceDimension("score", "helpfulness", "higher", 1, 100, (20, 40, 60, 80))
    assert binary.scales == ("binary",)
    assert three.scales == ("3pt", "binary")
    assert hundred.scales == ("5pt", "3pt", "binary")


def test_every_attribute_has_a_vocabulary_without_doubles_and_groups_are_unique():
    values = [value for attribute in ATTRIBUTES.values() for value in attribute.values]
    assert len(values) == len(set(values))
