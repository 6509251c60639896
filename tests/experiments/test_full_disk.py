"""A disk that is full, and a condition that nothing is left of: the cell is named, nothing half-written counts, the rest goes on."""

import errno
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pluralign.experiments import answers, measure
from pluralign.experiments.cells import Cell
from pluralign.experiments.engines import run_grid
from pluralign.ratings import Ratings

from ..cases import cases
from .test_grid import cells, fresh, settings  # noqa: F401 - fixtures


@pytest.fixture
def fill(monkeypatch):
    """`fill(folder, *names)` leaves room for half of these files of a folder, as long as the context lasts."""
    write_text, write_table = Path.write_text, pq.write_table

    def filled(folder, *names):
        def is_full(path):
            return path.parent == folder and path.name.startswith(names)

        def no_space(path):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))

        def text(path, data, *args, **options):
            if is_full(path):
                write_text(path, data[: len(data) // 2], *args, **options)
                no_space(path)
            return write_text(path, data, *args, **options)

        def table(data, where, **options):
            write_table(data, where, **options)
            if is_full(Path(where)):
                whole = Path(where).read_bytes()
                Path(where).write_bytes(whole[: len(whole) // 2])
                no_space(where)

        patched = pytest.MonkeyPatch()
        patched.setattr(Path, "write_text", text)
        patched.setattr(pq, "write_table", table)
        return patched

    return filled


@pytest.mark.parametrize("name", cases(["answers_en.parquet"], slow=["cell.json"]))
def test_a_full_disk_costs_the_cell_and_nothing_else(cells, settings, tmp_path, fill, monkeypatch, name):  # noqa: F811
    full, other, results = cells[0], Cell(cells[0].model, "exp3-mean-toxicity"), tmp_path / "results"
    full_folder = full.folder(results)
    disk = fill(full_folder, name, "failed.json")
    try:
        outcome = run_grid([full, other], settings, results)
    finally:
        disk.undo()
    ((failed, why),) = outcome.failed
    assert (failed, outcome.done) == (full, (other,))
    assert "No space left on device" in why
    assert not full.is_finished(results)
    assert not (full_folder / name).exists()
    assert not list(full_folder.glob("*.part"))
    monkeypatch.setattr(answers, "_generate", lambda *_: pytest.fail("the answers were there"))
    assert run_grid([full, other], settings, results).done == (full,)
    assert pq.read_table(full_folder / "answers_en.parquet").num_rows == 4


@pytest.mark.slow
def test_a_disk_that_is_full_after_training_costs_no_training(cells, settings, tmp_path, fill):  # noqa: F811
    cell, results = cells[1], tmp_path / "results"
    disk = fill(cell.folder(results), "held_out.parquet")
    try:
        ((_, why),) = run_grid([cell], settings, results).failed
    finally:
        disk.undo()
    assert "No space left on device" in why
    trained = (cell.folder(results) / "run.json").stat().st_mtime_ns
    assert run_grid([cell], settings, results).done == (cell,)
    assert (cell.folder(results) / "run.json").stat().st_mtime_ns == trained
    assert pq.read_table(cell.folder(results) / "held_out.parquet").num_rows > 0


def test_what_went_wrong_is_said_where_the_disk_takes_no_word_of_it(cells, settings, tmp_path, fill, monkeypatch):  # noqa: F811
    def judged(*_, **__):
        raise ConnectionError("judge died")

    monkeypatch.setattr(measure, "judged", judged)
    disk = fill(cells[0].folder(tmp_path / "results"), "failed.json")
    try:
        ((_, why),) = run_grid(cells[:1], settings, tmp_path / "results").failed
    finally:
        disk.undo()
    assert why == "ConnectionError: judge died"


def test_a_condition_that_nothing_is_left_of_is_named_and_the_rest_goes_on(few, cells, settings, tmp_path):  # noqa: F811
    import pyarrow as pa

    # One rating of each item: no two raters agree.
    seen, first = set(), []
    for row in few.ratings.to_pylist():
        key = (row["item_id"], row["dimension"])
        first.append(key not in seen)
        seen.add(key)
    ratings = few.ratings.filter(pa.array(first))
    Ratings.from_tables(few.raters, few.items, ratings, few.provenance, truth=few.truth).save(tmp_path / "ratings")
    empty, results = (
        [Cell(cells[0].model, "exp3-consensus-toxicity", protocol=name) for name in ("steps", "epochs")],
        tmp_path / "results",
    )
    outcome = run_grid([*empty, cells[0]], settings, results)
    assert outcome.done == (cells[0],)
    assert [cell for cell, _ in outcome.failed] == empty
    for _, why in outcome.failed:
        assert "PA091" in why
