"""The grid on a tiny model: whole cells, kills at every stage, failures that are named while the rest goes on."""

import json
import shutil
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from pluralign.errors import PluralignError
from pluralign.experiments import answers as answers_room
from pluralign.experiments import asked, engines, grid, measure
from pluralign.experiments.answers import Judging
from pluralign.experiments.cells import ANSWER_COLUMNS, Cell, all_cells, base_cell, cells_of
from pluralign.experiments.engines import run_grid
from pluralign.experiments.settings import Settings, recipe_of
from pluralign.training import heldout

from ..cases import cases

CHANGES = {
    "steps": 3, "batch": 2, "micro_batch": 2, "dtype": "float32", "probe_prompts": 0, "lora.r": 2, "max_length": 2048,
    "learning_rate": 0.01,
}  # fmt: skip


N_FRESH = 8
"""Prompts of lexicon E: what is measured is not what these tests are about."""


@pytest.fixture(scope="module")
def settings(few, tmp_path_factory):
    place = tmp_path_factory.mktemp("few") / "ratings"
    few.save(place)
    return Settings(
        changes=CHANGES, judging=Judging("zero-shot", jury=()), generation_batch=4, held_out_a_template=1, limit=4, ratings=str(place),
    )  # fmt: skip


@pytest.fixture(scope="module")
def cells(tiny_folder):
    model = str(tiny_folder)
    return [
        base_cell(model),
        Cell(model, "exp3-individual-toxicity"),
        Cell(model, "exp3-majority-toxicity", ties="half"),
    ]


@pytest.fixture(autouse=True)
def fresh(own_cache, monkeypatch):
    monkeypatch.setattr(heldout, "N_PROMPTS", N_FRESH)
    with nothing_resident():
        yield


@contextmanager
def nothing_resident():
    resident = engines.resident  # a test may put another in its place
    caches = (heldout._fresh_items, resident, measure.ratings_of)
    for one in caches:
        one.cache_clear()
    yield
    for one in caches:
        one.cache_clear()


STAGES = {"train": grid, "log_ratios": measure, "_generate": answers_room, "judged": measure}
"""What does the work of each, in their order, and who calls it."""


def stages_of(cell, settings, results, stop=None):
    """Which stages did their work, and how often, in a run that is killed once where a stage begins."""
    usual = {name: getattr(room, name) for name, room in STAGES.items()}
    calls = Counter()

    def spied(name):
        def call(*args, **kwargs):
            if name == stop and not calls["killed"]:
                calls["killed"] += 1
                raise KeyboardInterrupt
            calls[name] += 1
            return usual[name](*args, **kwargs)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name, room in STAGES.items():
            patch.setattr(room, name, spied(name))
        if stop:
            with pytest.raises(KeyboardInterrupt):
                run_grid([cell], settings, results)
            assert not cell.is_finished(results)
        assert run_grid([cell], settings, results).failed == ()
    return calls


@pytest.fixture(scope="module")
def once(cells, settings, tmp_path_factory):
    """A cell that was trained once for all tests here: its folder as it is before it is judged, and what its stages did undisturbed."""
    folder = tmp_path_factory.mktemp("once")

    def kept_before(*args, **kwargs):
        shutil.copytree(folder / "whole", folder / "unjudged")
        return judged(*args, **kwargs)

    judged = measure.judged
    with pytest.MonkeyPatch.context() as patch, nothing_resident():
        patch.setenv("PLURALIGN_CACHE", str(folder / "cache"))
        patch.setattr(heldout, "N_PROMPTS", N_FRESH)
        patch.setattr(measure, "judged", kept_before)
        calls = stages_of(cells[1], settings, folder / "whole")
    return folder / "unjudged", calls


@pytest.fixture
def unjudged(once, tmp_path):
    """A results folder in which one cell has everything but its judge's scores."""
    shutil.copytree(once[0], tmp_path / "results", ignore=shutil.ignore_patterns(".lock"))
    return tmp_path / "results"


def test_every_cell_is_brought_to_its_end(cells, settings, tmp_path):
    results = tmp_path / "results"
    outcome = run_grid(cells, settings, results)
    assert outcome.failed == ()
    assert set(outcome.done) == set(cells)
    for cell in cells:
        folder = cell.folder(results)
        told = json.loads((folder / "cell.json").read_text())
        assert told["cell"] == cell.to_json()
        answers = pq.read_table(folder / "answers_en.parquet")
        assert answers.num_rows == 4
        assert set(ANSWER_COLUMNS) <= set(answers.column_names)
        if cell.condition != "base":
            held = pq.read_table(folder / "held_out.parquet")
            assert set(held.column("set").to_pylist()) == {"e", "test"}
        assert not list(folder.glob("generations*"))
        assert not (folder / ".lock").exists()


def test_what_is_finished_is_not_done_again(cells, settings, tmp_path, monkeypatch):
    run_grid(cells[:1], settings, tmp_path / "results")
    monkeypatch.setattr(engines, "work", lambda *_: pytest.fail("worked again"))
    outcome = run_grid(cells[:1], settings, tmp_path / "results")
    assert outcome.kept == tuple(cells[:1])


@pytest.mark.parametrize("stage", cases(["_generate"], slow=["train", "log_ratios", "judged"]))
def test_a_grid_that_is_killed_at_any_stage_goes_on_and_repeats_nothing(cells, settings, tmp_path, once, stage):
    undisturbed, resumed = once[1], stages_of(cells[1], settings, tmp_path / "results", stage)
    assert resumed == {**undisturbed, "killed": 1}
    assert set(undisturbed) == set(STAGES)


@pytest.mark.slow
def test_an_unfinished_cell_of_a_clone_has_no_adapter_and_is_trained_again(cells, settings, tmp_path):
    results = tmp_path / "results"
    run_grid([cells[1]], settings, results)
    folder = cells[1].folder(results)
    before = (folder / "held_out.parquet").read_bytes()
    for name in ("cell.json", "held_out.parquet"):
        (folder / name).unlink()
    shutil.rmtree(folder / "adapter")
    assert run_grid([cells[1]], settings, results).failed == ()
    assert (folder / "held_out.parquet").read_bytes() == before


def test_a_cell_that_fails_is_named_and_the_rest_goes_on(cells, settings, tmp_path):
    results = tmp_path / "results"
    bad = Cell(str(tmp_path / "no-such-model"), "exp3-individual-toxicity")
    outcome = run_grid([bad, cells[0]], settings, results)
    assert [cell for cell, _ in outcome.failed] == [bad]
    assert "PA083" in outcome.failed[0][1]
    assert outcome.done == (cells[0],)


def test_an_error_inside_a_cell_is_kept_beside_it_and_gone_once_it_works(cells, settings, tmp_path, monkeypatch):
    results = tmp_path / "results"
    with monkeypatch.context() as broken:
        broken.setattr(measure, "judged", lambda *_, **__: (_ for _ in ()).throw(ConnectionError("judge died")))
        outcome = run_grid([cells[0]], settings, results)
    assert "judge died" in outcome.failed[0][1]
    folder = cells[0].folder(results)
    assert "judge died" in json.loads((folder / "failed.json").read_text())["message"]
    assert (folder / "generations_en.jsonl").is_file(), "the answers are not lost with the judge"
    assert run_grid([cells[0]], settings, results).failed == ()
    assert not (folder / "failed.json").exists()


def test_a_cell_that_another_process_has_is_left_to_it(cells, settings, tmp_path):
    import fcntl

    folder = cells[0].folder(tmp_path / "results")
    folder.mkdir(parents=True)
    with (folder / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        outcome = run_grid([cells[0]], settings, tmp_path / "results")
    assert outcome.busy == (cells[0],)


def test_other_settings_in_the_same_folder_are_refused(cells, settings, tmp_path):
    run_grid([], settings, tmp_path / "results")
    with pytest.raises(PluralignError, match=r"PA097.*limit: 4 there, 5 now"):
        run_grid([], replace(settings, limit=5), tmp_path / "results")
    with pytest.raises(PluralignError, match=r"PA097.*judge: 'zero-shot' there, 'offline' now"):
        run_grid([], replace(settings, judging=Judging("offline")), tmp_path / "results")
    with pytest.raises(PluralignError, match=r"PA097.*jury: \[\] there, \['female'\] now"):
        run_grid([], replace(settings, judging=Judging("zero-shot", jury=("female",))), tmp_path / "results")


def test_what_says_how_much_is_measured_is_added_to_the_grid_s_settings(settings, tmp_path):
    results = tmp_path / "results"
    run_grid([], settings, results)
    run_grid([], replace(settings, languages=("de",), frontier=True), results)
    run_grid([], replace(settings, judging=Judging("zero-shot", jury=(), besides=("rater-model",))), results)
    told = json.loads((results / "grid.json").read_text())
    assert told["languages"] == ["en", "de"]
    assert told["frontier"] is True
    assert told["judging"] == {"judge": "zero-shot", "jury": [], "besides": ["rater-model"]}


def test_two_judges_of_one_name_are_refused(settings, tmp_path):
    judging = Judging("zero-shot", jury=(), besides=("zero-shot",))
    with pytest.raises(PluralignError, match="PA097.*both called zero-shot"):
        run_grid([], replace(settings, judging=judging), tmp_path / "results")


def test_a_recipe_that_does_not_fit_is_found_before_anything_is_trained(cells, settings, tmp_path):
    with pytest.raises(PluralignError, match="PA095"):
        run_grid(cells, replace(settings, changes={**CHANGES, "bta": 1}), tmp_path / "results")
    epochs = Cell("m", "exp4-both-reward", method="grpo", protocol="epochs")
    with pytest.raises(PluralignError, match="PA095.*a reward has no votes"):
        run_grid([*cells, epochs], settings, tmp_path / "results")
    assert not any((tmp_path / "results").rglob("cell.json"))


def test_the_null_control_has_the_cells_of_all_groups_and_a_reward_none_of_epochs():
    null = [one.condition.split("-")[1] for one in cells_of("controls", "m") if one.control == "null"]
    assert null == ["female", "male", "liberal", "conservative", "white", "black"]
    methods = {
        protocol: {one.method for one in cells_of("exp4", "m", protocol=protocol)}
        for protocol in ("steps", "epochs", "kl")
    }
    assert methods == {"steps": {"dpo", "grpo", "modpo"}, "epochs": {"dpo", "modpo"}, "kl": {"dpo", "grpo", "modpo"}}


def test_a_frontier_keeps_adapters_on_the_way_unless_the_grid_says_which():
    cell = Cell("m", "exp3-mean-toxicity")
    assert recipe_of(cell, {}).checkpoints == ()
    assert recipe_of(cell, {}, frontier=True).checkpoints == (0.25, 0.5, 0.75)
    assert recipe_of(cell, {"checkpoints": [0.1]}, frontier=True).checkpoints == (0.1,)


def test_the_cells_of_the_four_experiments():
    every = all_cells(["exp1", "exp2", "exp3", "exp4", "controls"], ["m"], [0], ["drop", "half"], ["steps"])
    assert len(every) == len(set(every))
    assert every[0] == base_cell("m")
    assert {cell.condition for cell in cells_of("exp2", "m")} == {
        "exp3-individual-toxicity", "exp2-3pt-toxicity", "exp2-binary-toxicity",
    }  # fmt: skip
    assert (
        sum(cell.condition == "exp3-individual-toxicity" and cell.method == "dpo" for cell in every) == 3
    )  # ties, shuffled
    with pytest.raises(PluralignError, match=r"expected one of 'exp1'"):
        cells_of("exp5", "m")


@pytest.mark.parametrize(
    "cell",
    all_cells(["exp1", "exp2", "exp3", "exp4", "controls"], ["m"], [0], ["drop"], ["kl"])[1:],
    ids=lambda c: c.name,
)
def test_every_cell_has_a_recipe(cell):
    recipe = recipe_of(cell, {"beta": 0.2})
    assert (recipe.method, recipe.ties, recipe.protocol, recipe.beta) == (cell.method, cell.ties, "kl", 0.2)
    assert (recipe.control == "shuffled") == (cell.control == "shuffled")


@pytest.mark.parametrize("name", ["held_out.parquet", "generations_en.jsonl"])
def test_a_file_that_was_cut_off_is_made_again(cells, settings, unjudged, name):
    results, said = unjudged, []
    place = cells[1].folder(results) / name
    whole = place.read_bytes()
    place.write_bytes(whole[: len(whole) // 2])
    outcome = run_grid([cells[1]], settings, results, tell=lambda _, __, text: said.append(text))
    assert outcome.failed == ()
    assert f"{name} was cut off: it is made again" in said
    assert pq.read_table(cells[1].folder(results) / "answers_en.parquet").num_rows == 4
    assert pq.read_table(cells[1].folder(results) / "held_out.parquet").num_rows > 0


def test_answers_are_judged_where_there_is_neither_model_nor_adapter(cells, settings, tmp_path, monkeypatch):
    elsewhere, here, answers = tmp_path / "elsewhere", tmp_path / "here", replace(settings, answers_only=True)
    with monkeypatch.context() as unreachable:
        unreachable.setattr(asked, "open_judge", lambda *_: pytest.fail("a judge was opened"))
        outcome = run_grid(cells[:2], answers, elsewhere)
        assert (outcome.done, outcome.failed) == (tuple(cells[:2]), ())
        assert run_grid(cells[:2], answers, elsewhere).kept == tuple(cells[:2])
    made = {cell: json.loads((cell.folder(elsewhere) / "generated.json").read_text())["en"] for cell in cells[:2]}
    for cell in cells[:2]:
        assert not (cell.folder(elsewhere) / "cell.json").exists()
        made[cell]["device"] = "NVIDIA H200"
        (cell.folder(elsewhere) / "generated.json").write_text(json.dumps({"en": made[cell]}))
    shutil.copytree(elsewhere, here, ignore=shutil.ignore_patterns("adapter", ".lock"))
    with monkeypatch.context() as modelless:
        modelless.setattr(engines, "resident", lambda *_: pytest.fail("the model was opened"))
        outcome = run_grid(cells[:2], settings, here)
    assert (outcome.done, outcome.failed) == (tuple(cells[:2]), ())
    for cell in cells[:2]:
        folder = cell.folder(here)
        told = json.loads((folder / "cell.json").read_text())
        assert (told["devices"], told["weights"]) == ({"en": "NVIDIA H200"}, made[cell]["weights"])
        assert pq.read_table(folder / "answers_en.parquet").num_rows == 4
        assert not list(folder.glob("generat*"))


def test_answers_are_not_thrown_away_where_their_adapter_is_gone(cells, settings, unjudged, monkeypatch):
    results, folder = unjudged, cells[1].folder(unjudged)
    shutil.rmtree(folder / "adapter")
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    with monkeypatch.context() as untrained:
        untrained.setattr(grid, "train", lambda *_, **__: pytest.fail("it was trained again"))
        ((_, why),) = run_grid(cells[1:2], replace(settings, languages=("en", "de")), results).failed
        assert "answers in de need its adapter" in why
        left = {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in ("failed.json", ".lock")}
        assert left == before
        # Of a run that kept no adapters on the way no frontier is to be had, and it is not trained again for one.
        outcome = run_grid(cells[1:2], replace(settings, languages=("en",), frontier=True), results)
    assert (outcome.done, outcome.failed) == (tuple(cells[1:2]), ())
    assert outcome.no_frontier == ((cells[1], "it was trained without keeping adapters on the way"),)


def test_nothing_is_removed_before_the_model_is_open(cells, settings, unjudged, monkeypatch):
    results, folder = unjudged, cells[1].folder(unjudged)
    shutil.rmtree(folder / "adapter")
    (folder / "generations_en.jsonl").unlink()
    before = {path.name for path in folder.iterdir()}
    monkeypatch.setattr(engines, "resident", lambda *_: (_ for _ in ()).throw(OSError("no model here")))
    ((_, why),) = run_grid(cells[1:2], settings, results).failed
    assert "no model here" in why
    assert {path.name for path in folder.iterdir()} - {".lock", "failed.json"} == before


def test_points_on_the_way_are_not_asked_for_where_nothing_is_judged(cells, settings, tmp_path):
    with pytest.raises(PluralignError, match=r"PA095.*--frontier with --answers-only"):
        run_grid(cells, replace(settings, answers_only=True, frontier=True), tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_micro_batches_may_become_smaller_in_a_grid_that_was_begun(cells, settings, tmp_path):
    results = tmp_path / "results"
    run_grid([], settings, results)
    smaller = replace(settings, changes={**CHANGES, "micro_batch": 1, "grpo:micro_batch": 4})
    run_grid([], smaller, results)
    assert json.loads((results / "grid.json").read_text())["changes"]["micro_batch"] == 1
    with pytest.raises(PluralignError, match="PA097.*changes"):
        run_grid([], replace(smaller, changes={**CHANGES, "steps": 4}), results)


def test_cells_are_worked_on_with_wide_products(cells, settings, tmp_path, monkeypatch):
    entered = []

    @contextmanager
    def wide():
        entered.append("in")
        yield
        entered.append("out")

    monkeypatch.setattr(engines, "wide_products", wide)
    monkeypatch.setattr(engines, "run_cell", lambda *_: entered.append("cell"))
    engines.work(cells[1], settings, tmp_path)
    assert entered == ["in", "cell", "out"]


def test_answers_of_which_nobody_knows_what_made_them_are_made_again(cells, settings, tmp_path):
    results, answers = tmp_path / "results", replace(settings, answers_only=True)
    run_grid(cells[:1], answers, results)
    folder = cells[0].folder(results)
    before = (folder / "generations_en.jsonl").read_bytes()
    (folder / "generations_en.jsonl").write_text('{"prompt_id": "another model\'s"}\n')
    (folder / "generated.json").unlink()
    assert run_grid(cells[:1], answers, results).done == tuple(cells[:1])
    assert (folder / "generations_en.jsonl").read_bytes() == before
    (folder / "generated.json").write_text('{"en": {}}')
    ((_, why),) = run_grid(cells[:1], settings, results).failed
    assert "PA099" in why
    assert "generated.json cannot be read" in why


def test_that_nothing_is_judged_now_is_no_property_of_the_results(settings):
    assert "answers_only" not in settings.to_json()
    assert replace(settings, answers_only=True).to_json() == settings.to_json()
