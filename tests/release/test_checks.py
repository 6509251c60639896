"""Every kind of problem is found when it is planted, and only then."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pluralign.release.build import CHECKSUMS, build, checksums
from pluralign.release.checks import check_files, check_release

MAJORITY = "configs/liberal-5pt-majority/train.parquet"


def rewrite(path, change):
    table = pq.read_table(path)
    pq.write_table(change(table).replace_schema_metadata(table.schema.metadata), path, compression="zstd")


def sign(folder):
    """Checksums that fit again, so that only deeper checks can find what was planted."""
    (folder / CHECKSUMS).write_text(checksums(folder), "utf-8")


def found(folder):
    return {(problem.code, problem.file) for problem in check_release(folder)}


def test_a_fresh_build_has_no_problem(compact, imported, tmp_path):
    assert check_release(compact.folder) == []
    assert check_release(build(imported, tmp_path / "toy").folder) == []


def test_canonical_tables_alone_have_no_problem(small, tmp_path):
    small.save(tmp_path / "ratings")
    assert check_release(tmp_path / "ratings") == []


def test_a_checkout_with_tables_and_card_but_no_build_has_no_problem(copied):
    import shutil

    shutil.rmtree(copied / "configs")
    for name in ("croissant.json", CHECKSUMS):
        (copied / name).unlink()
    assert check_release(copied) == []
    (copied / "README.md").write_text(
        (copied / "README.md").read_text("utf-8").replace("liberal-", "libberal-", 1), "utf-8"
    )
    assert ("PA050", "README.md") in found(copied)


def test_configs_without_checksums_are_an_unfinished_build(copied):
    (copied / CHECKSUMS).unlink()
    assert ("PA050", CHECKSUMS) in found(copied)


def test_a_changed_file_is_found_by_its_checksum(copied):
    (copied / "croissant.json").write_text("{}", "utf-8")
    assert found(copied) == {("PA016", "croissant.json")}


def test_a_missing_file_is_found(copied):
    (copied / MAJORITY).unlink()
    assert found(copied) == {("PA050", MAJORITY)}


def test_a_missing_config_is_found_even_with_fitting_checksums(copied):
    import shutil

    shutil.rmtree(copied / "configs/liberal-5pt-majority")
    sign(copied)
    assert found(copied) == {("PA050", f"configs/liberal-5pt-majority/{split}.parquet") for split in ("train", "test")}


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_missing_split_is_found_even_with_fitting_checksums(copied, split):
    (copied / f"configs/liberal-5pt-majority/{split}.parquet").unlink()
    sign(copied)
    assert found(copied) == {("PA050", f"configs/liberal-5pt-majority/{split}.parquet")}


def test_a_foreign_file_is_found(copied):
    (copied / "configs/liberal-5pt-majority/notes.txt").write_text("x")
    assert found(copied) == {("PA050", "configs/liberal-5pt-majority/notes.txt")}
    sign(copied)
    assert found(copied) == {("PA050", "configs/liberal-5pt-majority/notes.txt")}


def test_a_foreign_config_is_found(copied):
    (copied / "configs/tall-5pt-mean").mkdir()
    (copied / "configs/tall-5pt-mean/train.parquet").write_bytes((copied / MAJORITY).read_bytes())
    sign(copied)
    assert found(copied) == {("PA050", "configs/tall-5pt-mean/train.parquet")}


def test_a_config_that_the_tables_do_not_give_is_found(copied):
    rewrite(copied / MAJORITY, lambda table: table.slice(1))
    sign(copied)
    assert found(copied) == {("PA050", MAJORITY)}


def test_another_column_is_found(copied):
    rewrite(copied / MAJORITY, lambda table: table.drop_columns(["tie"]))
    sign(copied)
    assert found(copied) == {("PA050", MAJORITY)}


def test_another_provenance_is_found(copied):
    table = pq.read_table(copied / MAJORITY)
    pq.write_table(table.replace_schema_metadata({}), copied / MAJORITY)
    sign(copied)
    (problem,) = check_release(copied)
    assert (problem.file, problem.field) == (MAJORITY, "pluralign.provenance")


def test_a_file_that_is_not_parquet_is_found(copied):
    (copied / MAJORITY).write_text("not parquet")
    sign(copied)
    assert found(copied) == {("PA050", MAJORITY)}


def test_a_prompt_in_both_splits_is_found(copied):
    test = pq.read_table(copied / MAJORITY.replace("train", "test")).slice(0, 1)
    rewrite(
        copied / MAJORITY, lambda table: pa.concat_tables([table, test.replace_schema_metadata(table.schema.metadata)])
    )
    sign(copied)
    assert "prompt_id" in {problem.field for problem in check_release(copied)}


def test_a_card_that_lists_other_configs_is_found(copied):
    card = copied / "README.md"
    card.write_text(
        card.read_text("utf-8").replace("config_name: liberal-5pt-mean", "config_name: liberal-5pt-mode", 1), "utf-8"
    )
    sign(copied)
    got = [problem.got for problem in check_release(copied) if problem.field == "configs"]
    assert got == ["no 'liberal-5pt-mean'", "'liberal-5pt-mode'"]


def test_a_card_that_lists_other_files_is_found(copied):
    card = copied / "README.md"
    card.write_text(
        card.read_text("utf-8").replace("configs/liberal-5pt-mean/test", "configs/white-5pt-mean/test", 1), "utf-8"
    )
    sign(copied)
    assert [p.got for p in check_release(copied) if p.field == "configs"] == ["other files of 'liberal-5pt-mean'"]


def test_a_card_that_was_edited_by_hand_is_found(copied):
    card = copied / "README.md"
    card.write_text(card.read_text("utf-8").replace("These ratings are SIMULATED", "These ratings are real"), "utf-8")
    sign(copied)
    (problem,) = check_release(copied)
    assert (problem.file, problem.code) == ("README.md", "PA050")
    assert "are real" in problem.got


def test_a_card_that_is_no_card_is_found(copied):
    (copied / "README.md").write_text("hello", "utf-8")
    sign(copied)
    assert found(copied) == {("PA050", "README.md")}


def test_a_croissant_that_describes_something_else_is_found(copied):
    described = copied / "croissant.json"
    described.write_text(
        described.read_text("utf-8").replace("no person was asked", "1,095 people were asked"), "utf-8"
    )
    sign(copied)
    assert found(copied) == {("PA050", "croissant.json")}


def test_a_missing_card_is_found(copied):
    (copied / "README.md").unlink()
    sign(copied)
    assert found(copied) == {("PA050", "README.md")}


def test_a_rating_off_the_scale_is_found_in_the_canonical_table(copied):
    def change(table):
        values = table["value"].to_pylist()
        return table.set_column(
            table.column_names.index("value"), table.schema.field("value"), pa.array([9, *values[1:]], pa.int16())
        )

    rewrite(copied / "ratings.parquet", change)
    sign(copied)
    assert {"PA005", "PA016"} <= {problem.code for problem in check_release(copied)}


def test_a_missing_table_is_found(copied):
    (copied / "raters.parquet").unlink()
    assert {("PA050", "raters.parquet"), ("PA001", str(copied))} <= found(copied)


def test_another_minimum_cell_in_the_card_is_found(copied):
    card = copied / "README.md"
    card.write_text(card.read_text("utf-8").replace('"minimum_cell": 66', '"minimum_cell": 80'), "utf-8")
    sign(copied)
    assert found(copied)


def test_several_problems_are_reported_at_once_and_each_says_what_to_do(copied):
    (copied / MAJORITY).unlink()
    (copied / "notes.txt").write_text("x")
    (copied / "croissant.json").write_text("{}")
    problems = check_release(copied)
    assert {p.file for p in problems} == {MAJORITY, "notes.txt", "croissant.json"}
    assert all(p.fix for p in problems)
    assert json.dumps([p.as_dict() for p in problems])


def test_files_of_other_dataset_folders_are_checked_by_their_checksums(tmp_path):
    (tmp_path / "en.parquet").write_text("x")
    assert [p.file for p in check_files(tmp_path)] == [CHECKSUMS]
    sign(tmp_path)
    assert check_files(tmp_path) == []
