"""A results folder is read whole or refused with everything that is wrong."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pluralign.errors import PluralignError, ProblemsFoundError
from pluralign.experiments.cells import Cell, all_cells, base_cell
from pluralign.experiments.coverage import coverage, outside
from pluralign.experiments.results import read_results

USUAL = Cell("org/one", "exp3-individual-toxicity")
OTHER = Cell("org/one", "exp3-majority-toxicity")


@pytest.fixture
def folder(make_results, tmp_path):
    return make_results(tmp_path / "results", [base_cell("org/one"), USUAL, OTHER], languages=("en", "de"))


def problems(folder):
    with pytest.raises(ProblemsFoundError) as caught:
        read_results(folder)
    assert {one.code for one in caught.value.problems} == {"PA099"}
    return [str(one) for one in caught.value.problems]


def test_every_finished_cell_is_read(folder):
    found = read_results(folder)
    assert [one.cell.name for one in found.cells] == ["base", USUAL.name, OTHER.name]
    assert found.models == ("one",)
    assert found.languages == ("en", "de")
    assert found.judges["en"][0].startswith("offline")


def test_a_folder_without_a_finished_cell_says_so(tmp_path):
    with pytest.raises(PluralignError, match="PA099.*no finished cell"):
        read_results(tmp_path)


def test_half_written_cells_are_listed_and_not_read(folder):
    (USUAL.folder(folder) / "cell.json").unlink()
    (OTHER.folder(folder) / "cell.json").unlink()
    (OTHER.folder(folder) / "failed.json").write_text(
        json.dumps({"error": "MemoryError", "message": "too large\nby far"})
    )
    found = read_results(folder)
    assert len(found.cells) == 1
    assert set(found.unfinished.values()) == {
        "failed: MemoryError: too large",
        "no cell.json: stopped, or still at work",
    }


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"cell": {"modell": "one"}}'], ids=["cut", "list", "empty", "key"])
def test_a_broken_cell_is_an_error_and_names_its_folder(folder, text):
    (USUAL.folder(folder) / "cell.json").write_text(text)
    assert any(f"one/{USUAL.name}/seed0" in told for told in problems(folder))


def test_a_cell_in_another_s_place_is_refused(folder):
    OTHER.folder(folder).parent.rename(folder / "one" / "exp3-mean-toxicity.dpo.drop.steps")
    assert any(OTHER.name in told and "exp3-mean" in told for told in problems(folder))


def test_scores_of_two_judges_are_never_compared_and_the_cells_are_listed(folder):
    path = OTHER.folder(folder) / "cell.json"
    info = json.loads(path.read_text())
    info["judges"]["de"]["offline(toxicity: zero-shot, rest: rater-model-simulated)"]["identity"]["version"] = 2
    path.write_text(json.dumps(info))
    (told,) = problems(folder)
    assert OTHER.name in told
    assert "other judge (de)" in told


def test_cells_with_other_prompts_are_refused(folder):
    path = USUAL.folder(folder) / "answers_en.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)
    (told,) = problems(folder)
    assert "other prompts: 23 from" in told


def test_all_that_is_wrong_is_said_at_once(folder):
    path = USUAL.folder(folder) / "answers_en.parquet"
    table = pq.read_table(path)
    pq.write_table(
        table.set_column(table.column_names.index("toxicity"), "toxicity", pa.array([4.0] * table.num_rows)), path
    )
    path = OTHER.folder(folder) / "held_out.parquet"
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table, table.slice(0, 2)]), path)
    path = base_cell("org/one").folder(folder) / "answers_de.parquet"
    pq.write_table(pq.read_table(path).drop_columns("emotional_awareness"), path)
    told = " ".join(problems(folder))
    assert "got 4; expected scores on 0–1" in told
    assert "2 repeated" in told
    assert "no 'emotional_awareness'" in told


def test_ratings_must_be_the_same(folder):
    path = USUAL.folder(folder) / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"ratings_sha256": "f" * 64}))
    assert "other ratings" in problems(folder)[0]


def test_coverage_tells_what_is_missing(folder, make_results):
    make_results(folder, [Cell("org/one", "exp3-mean-toxicity", method="ipo")], languages=("en", "de"))
    rows = coverage(read_results(folder))
    by_name = {row.experiment: row for row in rows}
    assert by_name["base"].missing == ()
    assert [one.condition for one in by_name["exp3"].missing] == [
        f"exp3-{how}-toxicity" for how in ("mean", "first", "consensus")
    ]
    assert len(by_name["exp2"].done) == 1  # five points, which experiments 2, 3 and 4 share
    assert outside(read_results(folder), rows) == ["one/exp3-mean-toxicity.ipo.drop.steps/seed0"]


def test_a_whole_grid_misses_nothing(make_results, tmp_path):
    cells = all_cells(("exp2",), ("org/one",), (0,), ("drop",), ("steps",))
    found = coverage(read_results(make_results(tmp_path / "r", cells)))
    assert next(row for row in found if row.experiment == "exp2").missing == ()
