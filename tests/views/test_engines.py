"""Every engine gives what the plain reference gives, in memory and lazily, whatever the order of the rows."""

import importlib.util
import random
import shutil

import narwhals as nw
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pluralign.ratings.tables import arrow_schema
from pluralign.schema import AGGREGATIONS, ATTRIBUTES, INDIVIDUAL_FIELDS, SCALES, TEXT_COLUMNS, VIEW_FIELDS
from pluralign.views import codebook, encode, frame_view, members, native, variants

GROUPS = ("everyone", "female", "black", {"gender": ["male", "female"], "country": "us"})
NAMES = [(scale, aggregation) for scale in SCALES for aggregation in AGGREGATIONS]
EACH = pytest.mark.parametrize(("scale", "aggregation"), NAMES)
MEMORY = ("polars", "pandas", "pyarrow")


def ids_of(ratings, group):
    ids = members(ratings.raters, group)
    return None if ids is None else set(ids.to_pylist())


@pytest.mark.parametrize("engine", [*MEMORY, "duckdb"])
@EACH
def test_every_engine_agrees_with_the_reference(five_point, reference, scale, aggregation, engine):
    if engine == "duckdb":
        pytest.importorskip("duckdb")
    for group in GROUPS:
        expected = reference(five_point, ids_of(five_point, group), scale, aggregation, {"toxicity", "helpful_100"})
        assert five_point.view(group, scale, aggregation, engine=engine).to_pylist() == expected


@EACH
def test_one_dimension_of_several(varied, reference, scale, aggregation):
    expected = reference(varied, None, scale, aggregation, {"helpful_100"})
    assert varied.view("everyone", scale, aggregation, "helpfulness").to_pylist() == expected


@pytest.mark.parametrize("group", GROUPS, ids=str)
@pytest.mark.parametrize("texts", [False, True])
def test_variants_are_the_views(five_point, group, texts):
    found = variants(five_point, group, texts=texts)
    assert list(found) == NAMES
    for (scale, aggregation), table in found.items():
        assert table.equals(five_point.view(group, scale, aggregation, texts=texts)), (scale, aggregation)


def test_variants_of_one_dimension(varied):
    for (scale, aggregation), table in variants(varied, "female", "toxicity").items():
        assert table.equals(varied.view("female", scale, aggregation, "toxicity"))


def test_cells_too_large_to_pack_are_counted_wide(make, reference):
    values = random.Random(3).choices([1, 2, 4], weights=[5, 1, 5], k=4200)
    large = make([(f"r{k:04d}", "p1-0", "toxicity", v, k + 1) for k, v in enumerate(values)])
    assert not encode.encoded(large).packs
    for (scale, aggregation), table in variants(large, "everyone").items():
        assert table.equals(large.view("everyone", scale, aggregation))
        if aggregation != "individual":
            assert table.to_pylist() == reference(large, None, scale, aggregation, {"toxicity"})


def test_the_schema_is_the_declared_one_and_the_provenance_travels_along(five_point):
    for aggregation, fields in (("individual", INDIVIDUAL_FIELDS), ("majority", VIEW_FIELDS)):
        table = five_point.view(aggregation=aggregation)
        assert table.schema.equals(arrow_schema(fields))
        assert b'"simulated"' in table.schema.metadata[b"pluralign.provenance"]
        with_texts = five_point.view(aggregation=aggregation, texts=True)
        assert with_texts.column_names[:6] == ["item_id", "prompt_id", *TEXT_COLUMNS]
        texts = {row["item_id"]: row for row in five_point.items.to_pylist()}
        for row in with_texts.to_pylist():
            assert {name: row[name] for name in TEXT_COLUMNS} == {
                name: texts[row["item_id"]][name] for name in TEXT_COLUMNS
            }


rows = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.integers(0, 3), st.integers(1, 5)),
    min_size=1, max_size=30, unique_by=lambda row: row[:2],
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=rows, variant=st.sampled_from(NAMES), engine=st.sampled_from(MEMORY), women=st.sets(st.sampled_from("abcdef"))
)
def test_any_ratings_any_view(make, reference, rows, variant, engine, women):
    people = {name: {"gender": "female" if name in women | {"f"} else "male"} for name in "abcdef"}
    ratings = make([(r, f"p{i}-{i}", "toxicity", v, k) for k, (r, i, v) in enumerate(rows, 1)], people)
    for group in ("everyone", "female"):
        expected = reference(ratings, ids_of(ratings, group), *variant, {"toxicity"})
        assert ratings.view(group, *variant, engine=engine).to_pylist() == expected
        assert variants(ratings, group)[variant].to_pylist() == expected


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_permuting_rows_changes_nothing(make, five_point, seed):
    rng = random.Random(seed)
    rows = [
        tuple(row[c] for c in ("rater_id", "item_id", "dimension", "value", "position"))
        for row in five_point.ratings.to_pylist()
    ]
    rng.shuffle(rows)
    people = five_point.raters.to_pylist()
    rng.shuffle(people)
    again = make(rows, {row["rater_id"]: row for row in people}, five_point.provenance.dimensions)
    scale, aggregation = rng.choice(NAMES)
    assert again.view("female", scale, aggregation).equals(five_point.view("female", scale, aggregation))


def as_native(table, kind, connection=None):
    if kind == "pyarrow":
        return table
    if kind == "pandas":
        return table.to_pandas()
    if kind == "duckdb":
        return connection.from_arrow(table)
    frame = pytest.importorskip("polars").from_arrow(table)
    return frame.lazy() if kind == "lazy" else frame


def as_rows(view, aggregation):
    frame = nw.from_native(view)
    frame = frame.collect() if isinstance(frame, nw.LazyFrame) else frame
    rows = frame.to_arrow().to_pylist()
    key = ("item_id", "dimension", "rater_id") if aggregation == "individual" else ("item_id", "dimension")
    return sorted(rows, key=lambda row: [row[name] for name in key])


@pytest.mark.parametrize("kind", ["polars", "lazy", "pandas", "pyarrow", "duckdb"])
@EACH
def test_a_frame_gives_the_same_view_as_the_same_kind_of_frame(varied, reference, scale, aggregation, kind):
    connection = pytest.importorskip("duckdb").connect() if kind == "duckdb" else None
    wanted = [spec for spec in varied.provenance.dimensions if scale in spec.scales]
    names = ("ratings", "raters", "items")
    ratings, raters, items = (as_native(varied.tables[name], kind, connection) for name in names)
    cuts = {spec.name: spec.cuts for spec in wanted}
    ids = ids_of(varied, "female")
    expected = reference(varied, ids, scale, aggregation, set(cuts))
    chosen = [
        sorted(ids),
        members(varied.raters, "female"),
        as_native(pa.table({"rater_id": sorted(ids)}), kind, connection),
    ]
    for rater_ids in chosen:
        found = frame_view(ratings, rater_ids, scale, aggregation, cuts, raters=raters, items=items)
        assert type(found) is type(ratings)
        assert as_rows(found, aggregation) == expected
    types = nw.from_native(found).collect_schema()
    if aggregation != "individual":
        assert (types["n_raters"], types["distribution"]) == (nw.Int32, nw.List(nw.Int32))
    assert types["value"] == nw.Int8


def test_a_frame_alone_has_neither_prompts_nor_attributes(five_point):
    found = frame_view(five_point.ratings)
    assert set(found.column_names) == {field.name for field in INDIVIDUAL_FIELDS} - {"prompt_id", *ATTRIBUTES}
    found = frame_view(five_point.ratings, aggregation="majority", cuts={"toxicity": (1, 2, 3, 4)})
    assert found.column_names == [field.name for field in VIEW_FIELDS if field.name != "prompt_id"]
    assert set(found.column("dimension").to_pylist()) == {"toxicity"}


def test_a_book_that_is_full_starts_anew(five_point, monkeypatch):
    monkeypatch.setattr(codebook, "MOST_KEPT", 40)
    for group in ("female", "black", "everyone"):
        for (scale, aggregation), table in variants(five_point, group).items():
            assert table.equals(five_point.view(group, scale, aggregation))


def test_the_numbers_are_forgotten_with_the_ratings(make):
    ratings = make([("a", "p1-0", "toxicity", 1, 1)])
    ratings.view()
    place = id(ratings)
    assert place in encode._KEPT
    del ratings
    assert place not in encode._KEPT


@pytest.fixture(scope="module")
def spark():
    if shutil.which("java") is None:
        pytest.skip("no Java")
    if importlib.util.find_spec("pyspark") is None:
        pytest.skip("no pyspark: pip install 'pluralign[spark]'")
    from pyspark.sql import SparkSession

    options = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2", "spark.log.level": "ERROR"}
    builder = SparkSession.builder.master("local[2]")
    for name, value in options.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


@pytest.mark.spark
def test_spark_agrees_in_memory_and_lazily(spark, five_point, reference):
    ids = ids_of(five_point, "female")
    cuts = {spec.name: spec.cuts for spec in five_point.provenance.dimensions}
    ratings, raters, items = (
        native.frame_of(five_point.tables[name], "pyspark").to_native() for name in ("ratings", "raters", "items")
    )
    women = raters.filter(raters.rater_id.isin(sorted(ids))).select("rater_id")
    for aggregation in ("individual", "majority"):
        joined = frame_view(ratings, women, "3pt", aggregation, cuts, raters=raters, items=items)
        assert as_rows(joined, aggregation) == reference(five_point, ids, "3pt", aggregation, set(cuts))
    for scale, aggregation in NAMES:
        expected = reference(five_point, ids, scale, aggregation, set(cuts))
        assert five_point.view("female", scale, aggregation, engine="pyspark").to_pylist() == expected
        lazily = frame_view(ratings, sorted(ids), scale, aggregation, cuts)
        assert type(lazily) is type(ratings)
        columns = set(lazily.columns)
        assert as_rows(lazily, aggregation) == [{k: v for k, v in row.items() if k in columns} for row in expected]
