"""How often a run is looked at, and how many steps a run to a KL may take."""

import math
from dataclasses import replace

import numpy as np
import pytest
import yaml

from pluralign.experiments import grid
from pluralign.experiments.cells import Cell
from pluralign.experiments.engines import run_grid
from pluralign.experiments.measure import Place
from pluralign.experiments.results import read_results
from pluralign.experiments.settings import Settings, recipe_of
from pluralign.training.examples import rows_of

from .test_grid import CHANGES, cells, fresh, settings  # noqa: F401 - fixtures

STEPS, EPOCHS, KL = (Cell("m", "exp3-mean-toxicity", protocol=name) for name in ("steps", "epochs", "kl"))
GRPO = Cell("m", "exp4-both-reward", method="grpo")


def test_a_run_to_a_kl_may_take_four_times_the_recipe_s_steps():
    suite = {"steps": 48, "grpo:steps": 24}
    assert [recipe_of(cell, {}).steps for cell in (STEPS, KL)] == [64, 256]
    assert [recipe_of(cell, suite).steps for cell in (STEPS, KL)] == [48, 192]
    assert [recipe_of(cell, suite).steps for cell in (GRPO, replace(GRPO, protocol="kl"))] == [24, 96]


def test_a_frontier_keeps_adapters_at_the_same_steps_under_both_protocols():
    at = {
        cell.protocol: [share * recipe.steps for share in recipe.checkpoints]
        for cell in (STEPS, KL)
        for recipe in [recipe_of(cell, {"steps": 48}, frontier=True)]
    }
    assert at == {"steps": [12, 24, 36], "kl": [12, 24, 36]}


@pytest.mark.parametrize(("changes", "every"), [({}, 16), ({"steps": 48}, 12), ({"steps": 3}, 1), ({"steps": 50}, 13)])
def test_a_run_is_probed_at_every_quarter(changes, every):
    assert recipe_of(STEPS, changes).probe_every == every
    assert recipe_of(KL, changes).probe_every == 2, "a run to a KL is looked at every other step"


@pytest.mark.parametrize(("told", "steps", "kl"), [(5, 5, 5), (0, 0, 2)])
def test_a_run_is_probed_as_often_as_the_grid_says(told, steps, kl):
    assert recipe_of(STEPS, {"probe_every": told}).probe_every == steps
    assert recipe_of(KL, {"probe_every": told}).probe_every == kl
    assert recipe_of(GRPO, {"dpo:probe_every": told}).probe_every == 16


def test_a_run_of_epochs_is_probed_at_every_quarter_of_its_own_steps(few, tmp_path):
    place = Place(EPOCHS, tmp_path, Settings(changes={"batch": 2, "micro_batch": 2, "epochs": 2}), lambda: None)
    recipe = grid.recipe_in_full(place, few)
    votes = np.sum(rows_of(recipe, few).column("weight").to_numpy())
    assert votes > 20
    assert recipe.probe_every == math.ceil(math.ceil(votes * 2 / 2) / 4)
    off = replace(place, settings=Settings(changes={"probe_every": 0}))
    assert grid.recipe_in_full(off, few).probe_every == 0


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["steps", "epochs"])
def test_kl_and_held_out_accuracy_are_curves(cells, settings, tmp_path, protocol):  # noqa: F811
    cell = replace(cells[1], protocol=protocol)
    asked = replace(settings, changes={**CHANGES, "steps": 8, "probe_prompts": 2, "epochs": 0.06})
    assert run_grid([cell], asked, tmp_path / "results").failed == ()
    (one,) = read_results(tmp_path / "results").cells
    steps = one.run["steps"]
    for name in ("kl", "entropy", "held_out_accuracy"):
        measured = [
            k
            for k, value in zip(one.curves["step"].to_pylist(), one.curves[name].to_pylist(), strict=True)
            if value is not None
        ]
        quarter = math.ceil(steps / 4)
        assert measured == sorted({*range(quarter, steps + 1, quarter), steps})
        assert len(measured) >= 4


def test_a_run_that_was_begun_without_probes_goes_on_without(tmp_path):
    folder = STEPS.folder(tmp_path)
    folder.mkdir(parents=True)
    before = recipe_of(STEPS, {"probe_every": 0})
    (folder / "recipe.yaml").write_text(before.to_yaml())
    assert grid._as_begun(recipe_of(STEPS, {}), folder, print) == before
    (folder / "recipe.yaml").write_text(recipe_of(KL, {"probe_every": 3}).to_yaml())
    assert grid._as_begun(recipe_of(KL, {}), folder, print) == recipe_of(KL, {}), (
        "it would end elsewhere, and is refused"
    )


def test_cells_with_and_without_probes_are_compared_and_kept(make_results, tmp_path):
    pair = [replace(STEPS, model="org/one", seed=seed) for seed in (0, 1)]
    results = make_results(tmp_path / "results", pair)
    place = pair[0].folder(results) / "recipe.yaml"
    recipe = yaml.safe_load(place.read_text())
    assert recipe["probe_every"] == 16
    place.write_text(yaml.safe_dump(recipe | {"probe_every": 0}))
    assert len(read_results(results).cells) == 2
    assert not grid.lacking(pair[0], Settings(), results)
