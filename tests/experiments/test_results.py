"""A results folder is read whole or refused with everything that is wrong."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

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


def test_a_cell_that_is_answered_and_not_judged_says_what_judges_it(folder):
    (USUAL.folder(folder) / "cell.json").unlink()
    (USUAL.folder(folder) / "generated.json").write_text("{}")
    ((_, why),) = read_results(folder).unfinished.items()
    assert "answered and not judged" in why
    assert "without --answers-only" in why


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


def change_json(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def change_recipe(cell, folder, **values):
    path = cell.folder(folder) / "recipe.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | values))


@pytest.mark.parametrize(
    ("file", "values", "told"),
    [
        ("cell.json", {"weights": "other"}, "other weights"),
        ("run.json", {"dtype": "float32"}, "other dtype"),
        ("run.json", {"device": "NVIDIA H100"}, "other device (training)"),
        ("cell.json", {"devices": {"en": "NVIDIA H100", "de": "cpu (1 threads)"}}, "other device (answers, en)"),
    ],
    ids=["weights", "dtype", "trained on", "answered on"],
)
def test_cells_of_one_model_that_were_computed_otherwise_are_refused(folder, file, values, told):
    change_json(OTHER.folder(folder) / file, **values)
    (said,) = problems(folder)
    assert told in said
    assert OTHER.name in said


def test_the_number_of_threads_and_another_model_s_device_are_no_difference(folder, make_results):
    other = Cell("org/two", "exp3-individual-toxicity")
    make_results(folder, [other], languages=("en", "de"))
    change_json(OTHER.folder(folder) / "run.json", device="cpu (16 threads)")
    change_json(other.folder(folder) / "run.json", device="NVIDIA H100")
    assert len(read_results(folder).cells) == 4


@pytest.mark.parametrize("values", [{"learning_rate": 0.5}, {"lora": {"r": 2}}, {"steps": 9}], ids=str)
def test_cells_of_one_method_with_other_recipes_are_refused(folder, values):
    change_recipe(OTHER, folder, **values)
    told = problems(folder)
    assert len(told) == 1
    assert f"other {'lora.r' if 'lora' in values else next(iter(values))} (dpo" in told[0]


def test_what_has_no_effect_or_is_the_cell_s_own_may_differ(folder):
    change_recipe(OTHER, folder, kl_target=20.0, epochs=3.0, probe_every=7, checkpoints=[0.5], labels="shrunk", seed=4)
    change_recipe(USUAL, folder, grpo={"prompts": 2})
    assert len(read_results(folder).cells) == 3


def test_a_target_that_was_stopped_at_must_be_the_same(make_results, tmp_path):
    cells = [Cell("org/one", USUAL.condition, protocol="kl"), Cell("org/one", OTHER.condition, protocol="kl")]
    folder = make_results(tmp_path / "r", cells)
    change_recipe(cells[1], folder, kl_target=20.0)
    (told,) = problems(folder)
    assert "other kl_target (dpo, kl): 20.0" in told


def test_seeds_of_one_cell_must_have_its_labels(make_results, tmp_path):
    cells = [Cell("org/one", USUAL.condition, seed=k) for k in (0, 1)]
    folder = make_results(tmp_path / "r", cells)
    change_recipe(cells[1], folder, labels="shrunk")
    assert "other labels" in problems(folder)[0]


def test_all_that_cannot_be_compared_is_said_at_once(folder):
    change_recipe(OTHER, folder, learning_rate=0.5, weight_decay=0.1)
    change_json(OTHER.folder(folder) / "cell.json", weights="other")
    assert len(problems(folder)) == 3


def test_a_cell_without_its_recipe_is_not_whole(folder):
    (OTHER.folder(folder) / "recipe.yaml").unlink()
    assert any("recipe.yaml" in told for told in problems(folder))


def test_a_further_judge_must_be_the_same_in_all_cells(make_results, add_judge, tmp_path):
    folder = make_results(tmp_path / "r", [USUAL, OTHER])
    add_judge(folder, USUAL, "real", version=1)
    add_judge(folder, OTHER, "real", version=2)
    assert "other judge real (en)" in problems(folder)[0]


def test_no_reward_is_expected_under_epochs(make_results, tmp_path):
    cells = all_cells(("exp4",), ("org/one",), (0,), ("drop",), ("epochs",))
    rows = coverage(read_results(make_results(tmp_path / "r", cells)))
    exp4 = next(row for row in rows if row.experiment == "exp4")
    assert {cell.method for cell in exp4.expected} == {"dpo", "modpo"}
    assert exp4.missing == ()


def test_coverage_tells_what_is_missing(folder, make_results):
    make_results(folder, [Cell("org/one", "exp3-mean-toxicity", method="ipo")], languages=("en", "de"))
    rows = coverage(read_results(folder))
    by_name = {row.experiment: row for row in rows}
    assert by_name["base"].missing == ()
    assert [one.condition for one in by_name["exp3"].missing] == [
        f"exp3-{how}-toxicity" for how in ("mean", "first", "consensus")
    ]
    assert len(by_name["exp2"].done) == 1  # five points, which experiments 2, 3 and 4 share
    assert outside(read_results(folder)) == ["one/exp3-mean-toxicity.ipo.drop.steps/seed0"]


def test_a_cell_that_is_an_arm_under_its_own_tie_rule_is_outside_of_nothing(make_results, tmp_path):
    cells = [
        base_cell("org/one"),
        Cell("org/one", "exp1-female-toxicity", ties="half"),
        Cell("org/one", "exp3-mean-toxicity"),
    ]
    assert outside(read_results(make_results(tmp_path / "r", cells))) == []


def test_a_whole_grid_misses_nothing(make_results, tmp_path):
    cells = all_cells(("exp2",), ("org/one",), (0,), ("drop",), ("steps",))
    found = coverage(read_results(make_results(tmp_path / "r", cells)))
    assert next(row for row in found if row.experiment == "exp2").missing == ()
