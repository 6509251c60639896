"""What a build writes, and what it never does."""

import shutil
import subprocess

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pluralign.errors import PluralignError
from pluralign.ratings import Ratings
from pluralign.ratings.tables import PROVENANCE_KEY
from pluralign.release import build as module
from pluralign.release.build import build
from pluralign.release.checks import is_built, read_checksums
from pluralign.schema import ATTRIBUTES, SPLITS, TEXT_COLUMNS, split_of

from .conftest import COMPACT, STATISTICS


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows(built, name, split):
    return pq.read_table(built.folder / f"configs/{name}/{split}.parquet")


def test_a_release_holds_tables_configs_card_croissant_and_checksums(built):
    top = {path.name for path in built.folder.iterdir()}
    assert top == {
        "README.md", "checksums.sha256", "configs", "croissant.json", "items.parquet", "provenance.json", "raters.parquet",
        "ratings.parquet", "truth.parquet",
    }  # fmt: skip
    assert built.configs[0] == "everyone-5pt-individual"


def test_nothing_is_left_beside_it(built):
    assert [path.name for path in built.folder.parent.iterdir()] == [built.folder.name]


@pytest.mark.parametrize(
    "config",
    [
        "everyone-5pt-individual",
        "everyone-binary-consensus",
        "female-3pt-majority",
        "male-5pt-mean",
        "male-binary-first",
    ],
)
def test_a_config_is_the_view_of_its_name_split_by_prompt(built, small, config):
    group, scale, aggregation = config.split("-")
    view = small.view(group, scale, aggregation, texts=True)
    for split in SPLITS:
        expected = [row for row in view.to_pylist() if split_of(row["prompt_id"]) == split]
        got = rows(built, config, split)
        assert got.to_pylist() == expected
        assert got.column_names == view.column_names


def test_no_prompt_is_in_both_splits_and_none_is_lost(built, small):
    train, test = (set(rows(built, "everyone-5pt-individual", split)["prompt_id"].to_pylist()) for split in SPLITS)
    assert not train & test
    assert train | test == set(small.items["prompt_id"].to_pylist())


def test_individual_rows_tell_who_rated_and_every_row_has_the_texts(built):
    table = rows(built, "female-5pt-individual", "train")
    assert set(ATTRIBUTES) | {"rater_id", "language"} | set(TEXT_COLUMNS) <= set(table.column_names)
    assert set(table["gender"].to_pylist()) == {"female"}
    assert set(TEXT_COLUMNS) <= set(rows(built, "female-5pt-majority", "train").column_names)


def test_every_file_carries_its_descriptions_and_its_provenance(built, small):
    for path in built.folder.rglob("*.parquet"):
        schema = pq.read_schema(path)
        assert schema.metadata[PROVENANCE_KEY].decode() == small.provenance.to_json(), path
        assert all(field.metadata[b"description"] for field in schema), path


def test_texts_are_dictionary_encoded(built):
    group = pq.ParquetFile(built.folder / "configs/everyone-5pt-individual/train.parquet").metadata.row_group(0)
    columns = {group.column(k).path_in_schema: group.column(k) for k in range(group.num_columns)}
    assert all(columns[name].has_dictionary_page for name in TEXT_COLUMNS)
    assert all("PLAIN" not in set(columns[name].encodings) - {"PLAIN_DICTIONARY"} or
               columns[name].total_uncompressed_size < 3e5 for name in TEXT_COLUMNS)  # fmt: skip


def test_the_checksums_are_those_of_every_file(built):
    assert set(read_checksums(built.folder)) == set(contents(built.folder)) - {"checksums.sha256"}
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--check", "--quiet", "checksums.sha256"], cwd=built.folder, check=True)


def test_two_builds_have_the_same_bytes_and_building_again_changes_none(compact, small, tmp_path):
    before = contents(compact.folder)
    again = build(small, tmp_path / "ratings", minimum_cell=COMPACT, statistics=STATISTICS)
    assert contents(again.folder) == before
    once_more = build(Ratings.open(again.folder), again.folder, minimum_cell=COMPACT, statistics=STATISTICS)
    assert contents(once_more.folder) == before


def test_a_build_over_plain_tables_keeps_their_bytes(small, tmp_path):
    small.save(tmp_path / "ratings")
    before = contents(tmp_path / "ratings")
    build(small, tmp_path / "ratings", minimum_cell=80)
    assert before.items() <= contents(tmp_path / "ratings").items()


@pytest.mark.parametrize("moment", ["card", "checksums", "_swap"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_an_interrupted_build_leaves_the_former_one(copied, small, monkeypatch, moment, error):
    def fail(*args, **kwargs):
        raise error

    home = "pluralign.release.card" if moment == "card" else "pluralign.release.build"
    monkeypatch.setattr(f"{home}.{moment}", fail)
    before = contents(copied)
    with pytest.raises(type(error)):
        build(small, copied, minimum_cell=80)
    assert contents(copied) == before
    assert [path.name for path in copied.parent.iterdir()] == [copied.name]


def test_a_rename_that_fails_puts_the_former_build_back(copied, small, monkeypatch):
    rename = type(copied).rename

    def fail(path, target):
        if path.name.endswith(".building"):
            raise OSError("no")
        return rename(path, target)

    monkeypatch.setattr(type(copied), "rename", fail)
    before = contents(copied)
    with pytest.raises(OSError, match="no"):
        build(small, copied, minimum_cell=80)
    assert contents(copied) == before


def test_a_process_that_died_between_the_renames_loses_nothing(copied, small):
    before = contents(copied)
    copied.rename(copied.with_name(".ratings.former"))
    module.restore_former(copied)
    assert contents(copied) == before


def test_a_folder_with_anything_else_in_it_is_refused(small, tmp_path):
    (tmp_path / "ratings").mkdir()
    (tmp_path / "ratings" / "thesis.tex").write_text("years of work")
    with pytest.raises(PluralignError, match=r"PA052.*thesis\.tex"):
        build(small, tmp_path / "ratings")
    assert (tmp_path / "ratings" / "thesis.tex").read_text() == "years of work"


def test_other_ratings_are_replaced_only_on_demand(copied, imported):
    with pytest.raises(PluralignError, match=r"PA052.*SIMULATED"):
        build(imported, copied)
    assert build(imported, copied, replace=True).unpublished == {"nonbinary": 4}


def test_a_config_holds_only_the_dimensions_that_offer_its_scale(imported, tmp_path):
    built = build(imported, tmp_path / "toy")
    found = {
        scale: set(rows(built, f"everyone-{scale}-individual", "train")["dimension"].to_pylist())
        for scale in ("5pt", "binary")
    }
    assert found == {"5pt": {"harm"}, "binary": {"hate", "harm"}}


def test_rows_that_were_set_aside_stay_local(imported, tmp_path):
    built = build(imported, tmp_path / "toy")
    assert (built.folder / "rejected.parquet").is_file()
    assert "rejected.parquet" not in read_checksums(built.folder)


def test_an_empty_split_has_a_file_without_a_row_group(tmp_path):
    table = pa.table({"item_id": pa.array([], pa.string())})
    module._write(table, tmp_path / "x" / "test.parquet", {b"a": b"b"})
    file = pq.ParquetFile(tmp_path / "x" / "test.parquet")
    assert (file.num_row_groups, file.schema_arrow.names, file.schema_arrow.metadata[b"a"]) == (0, ["item_id"], b"b")


def test_progress_is_shown_on_demand(imported, tmp_path, capsys):
    build(imported, tmp_path / "quiet")
    assert capsys.readouterr().err == ""
    build(imported, tmp_path / "loud", progress=True)
    assert "configs: 100%" in capsys.readouterr().err


def test_the_view_of_a_mean_is_never_off_the_scale(built):
    values = rows(built, "everyone-3pt-mean", "train")["value"]
    assert pc.min_max(values).as_py() == {"min": 1, "max": 3}
    assert is_built(built.folder)
