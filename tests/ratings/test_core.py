"""Ratings open, save, describe themselves and notice when they were changed."""

import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pluralign
from pluralign.errors import PluralignError
from pluralign.ratings import Provenance, Ratings, own_dimensions
from pluralign.ratings.tables import PROVENANCE_KEY, file_checksum


@pytest.fixture
def small(shipped) -> Ratings:
    """The first prompts of the shipped release."""
    items = shipped.items.slice(0, 30)
    keep = set(items.column("item_id").to_pylist())
    mask = pa.array([item in keep for item in shipped.ratings.column("item_id").to_pylist()])
    return Ratings.from_tables(shipped.raters, items, shipped.ratings.filter(mask), shipped.provenance)


def test_what_is_saved_opens_equal(small, tmp_path):
    small.save(tmp_path)
    again = Ratings.open(tmp_path)
    assert again.provenance == small.provenance
    assert all(again.tables[name].equals(small.tables[name]) for name in small.tables)
    assert again.check() == []


def test_the_same_ratings_are_saved_to_the_same_bytes(small, tmp_path):
    small.save(tmp_path / "a")
    Ratings.open(tmp_path / "a").save(tmp_path / "b")
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert [file_checksum(tmp_path / "a" / n) for n in names] == [file_checksum(tmp_path / "b" / n) for n in names]


def test_provenance_travels_in_every_table(small, tmp_path):
    small.save(tmp_path)
    for name in ("raters", "items", "ratings"):
        stamp = json.loads(pq.read_schema(tmp_path / f"{name}.parquet").metadata[PROVENANCE_KEY])
        assert stamp["kind"] == "simulated"
        assert stamp["checksum"] == small.provenance.checksum


def test_a_changed_rating_is_noticed(small, tmp_path):
    small.save(tmp_path)
    table = pq.read_table(tmp_path / "ratings.parquet")
    value = table.column("value").to_pylist()
    value[0] = 1 if value[0] != 1 else 2
    pq.write_table(
        table.set_column(3, table.schema.field("value"), pa.array(value, pa.int16())), tmp_path / "ratings.parquet"
    )
    assert [problem.code for problem in Ratings.open(tmp_path).check()] == ["PA016"]


def test_a_changed_truth_is_noticed_too(shipped):
    from dataclasses import replace as changed

    column = shipped.truth.schema.get_field_index("effect")
    truth = shipped.truth.set_column(
        column, shipped.truth.schema.field(column), pa.array([0.0] * shipped.truth.num_rows)
    )
    assert [problem.code for problem in changed(shipped, truth=truth).check()] == ["PA016"]


def test_texts_that_join_alike_have_different_checksums():
    from pluralign.ratings.tables import content_checksum

    sums = {
        content_checksum({"t": pa.table({"x": pa.array(values, pa.string())})})
        for values in (["a,b"], ["a", "b"], [None], ["null"], [""])
    }
    assert len(sums) == 5


def test_without_a_rating_there_is_no_number_of_ratings_an_item(shipped):
    empty = Ratings.from_tables(shipped.raters, shipped.items, shipped.ratings.slice(0, 0), shipped.provenance)
    assert empty.describe()["ratings_per_item_and_dimension"] == {"min": None, "mean": None, "max": None}


def test_a_folder_without_a_table_says_which_and_what_to_do(small, tmp_path):
    small.save(tmp_path)
    (tmp_path / "items.parquet").unlink()
    with pytest.raises(PluralignError, match=r"PA001.*items\.parquet.*pluralign data"):
        pluralign.load(tmp_path)


def test_a_broken_file_is_named(small, tmp_path):
    small.save(tmp_path)
    (tmp_path / "items.parquet").write_bytes(b"not parquet")
    with pytest.raises(PluralignError, match=r"PA003.*items\.parquet"):
        Ratings.open(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"kind": "simulated"}', '{"kind": "real", "dimensions": []}'])
def test_a_broken_provenance_is_named(small, tmp_path, text):
    small.save(tmp_path)
    (tmp_path / "provenance.json").write_text(text)
    with pytest.raises(PluralignError, match=r"PA014.*provenance\.json"):
        Ratings.open(tmp_path)


def test_saving_again_without_rejected_rows_removes_the_old_ones(small, tmp_path):
    bad = small.ratings.slice(0, 1).to_pylist()[0] | {
        "value": 9,
        "rater_id": small.raters.column("rater_id")[5].as_py(),
    }
    planted = pa.concat_tables([small.ratings, pa.Table.from_pylist([bad], schema=small.ratings.schema)])
    with_rejected = Ratings.from_tables(small.raters, small.items, planted, small.provenance)
    with_rejected.save(tmp_path)
    assert Ratings.open(tmp_path).rejected.num_rows == 1
    small.save(tmp_path)
    assert not (tmp_path / "rejected.parquet").exists()


def test_a_save_that_fails_leaves_the_former_set_whole_and_nothing_beside(small, shipped, tmp_path, monkeypatch):
    small.save(tmp_path / "set")
    monkeypatch.setattr("pluralign.ratings.core.write_text", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        shipped.save(tmp_path / "set")
    assert Ratings.open(tmp_path / "set").provenance == small.provenance
    assert Ratings.open(tmp_path / "set").check() == []
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_provenance_round_trips_and_takes_either_name_of_a_dimension():
    provenance = Provenance("imported", "x", "1", "MIT", own_dimensions(), choices=("a", "b"), details={"n": 1})
    assert Provenance.from_json(provenance.to_json()) == provenance
    renamed = replace(provenance, dimensions=tuple(replace(d, name=d.name[:3]) for d in own_dimensions()))
    assert renamed.dimension("toxicity") == renamed.dimension("tox")
    with pytest.raises(PluralignError, match=r"PA024.*Did you mean 'toxicity'"):
        renamed.dimension("toxicty")


def test_the_shipped_release_has_the_study_s_design(shipped):
    told = shipped.describe()
    assert (told["n_raters"], told["n_items"], told["n_ratings"]) == (1095, 1761, 27375)
    assert told["ratings_per_item_and_dimension"]["min"] >= 2
    assert told["provenance"].startswith("SIMULATED")
    assert shipped.check() == []


def test_groups_count_who_chose_several_ethnicities_in_each(shipped):
    several = [row for row in shipped.raters.column("ethnicity").to_pylist() if len(row) > 1]
    assert several
    per_ethnicity = sum(
        n
        for group, n in shipped.groups.items()
        if group in {"white", "black", "asian", "hispanic", "middle-eastern", "other"}
    )
    undisclosed = sum(row == ["undisclosed"] for row in shipped.raters.column("ethnicity").to_pylist())
    assert per_ethnicity == shipped.raters.num_rows - undisclosed + sum(len(row) - 1 for row in several)
    assert "undisclosed" not in shipped.groups
