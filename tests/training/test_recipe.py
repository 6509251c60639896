"""A recipe that is wrong is refused with what is wrong; every recipe that ships is right."""

import pytest
import yaml

from pluralign.errors import PluralignError
from pluralign.preferences import ALIASES, CONDITIONS
from pluralign.training.recipe import DEFAULTS, read_recipe, recipe_from, recipes_folder


def shipped():
    folder = recipes_folder()
    return [path for path in sorted(folder.rglob("*.yaml")) if path.name not in (DEFAULTS, "models.yaml")]


@pytest.mark.parametrize("path", shipped(), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_shipped_recipe_is_read_and_names_its_own_condition(path):
    recipe = read_recipe(path)
    assert recipe.condition == f"{path.parent.name}-{path.stem}"
    assert recipe.condition in CONDITIONS or recipe.condition in ALIASES


def test_every_condition_has_a_recipe():
    assert {f"{path.parent.name}-{path.stem}" for path in shipped()} == set(CONDITIONS) | set(ALIASES)


def some(changes):
    return read_recipe(recipes_folder() / "exp3/majority-toxicity.yaml", changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (["bata=0.2"], r"unknown key 'bata'. Did you mean 'beta'"),
        (["lora.rank=8"], r"unknown key 'lora.rank'"),
        (["beta=0"], r"beta: got 0"),
        (["method=ppo"], r"method: got 'ppo'"),
        (["batch=8", "micro_batch=3"], r"no multiple of micro_batch 3"),
        (["labels=votes", "ties=half"], r"votes have no half"),
        (["dimension_weights={toxicity: 0.9}"], r"expected a sum of 1"),
        (["protocol=kl"], r"kl without probes would never stop; got probe_every 0"),
        (["protocol=kl", "probe_every=4", "probe_prompts=0"], r"never stop; got probe_every 4 and probe_prompts 0"),
        (["steps"], r"expected key=value"),
        (["epochs=.inf"], r"epochs: got inf; Input should be a finite number"),
        (["learning_rate=.nan"], r"learning_rate: got nan"),
        (["seed=4294967296"], r"seed: got 4294967296"),
        (["steps=yes"], r"steps: got True; expected a number, not yes or no"),
        (["draw=on"], r"draw: got True; expected a number"),
        (["kto.desirable=2"], r"unknown key 'kto.desirable'. Did you mean 'desirable_weight'"),
        (["kto.undesirable_weight=0"], r"kto.undesirable_weight: got 0"),
        (["kto.desirable_weight=.inf"], r"kto.desirable_weight: got inf"),
        (["kto.desirable_weight=yes"], r"kto.desirable_weight: got True; expected a number"),
        (["beta=[1"], r"beta: got '\[1', which is no YAML"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_is_wrong_is_said(changes, says):
    with pytest.raises(PluralignError, match=says) as caught:
        some(changes)
    assert caught.value.code == "PA095"


def test_the_target_of_matched_kl_is_one_that_a_run_reaches():
    assert some(["protocol=kl", "probe_every=4"]).kl_target == 1.0


@pytest.mark.parametrize(("steps", "warms_up"), [(1, 0), (5, 0), (6, 1), (12, 2), (24, 4), (48, 4), (1000, 4)])
def test_a_short_run_is_not_all_warm_up(steps, warms_up):
    assert some([]).warmup_steps(steps) == warms_up


def test_all_problems_are_said_at_once():
    with pytest.raises(PluralignError, match=r"(?s)beta: got.*steps: got"):
        some(["beta=-1", "steps=0"])


def test_a_file_that_is_not_there_or_no_yaml(tmp_path):
    with pytest.raises(PluralignError, match="no recipe at"):
        read_recipe(tmp_path / "x.yaml")
    (tmp_path / "x.yaml").write_text("a: [1")
    with pytest.raises(PluralignError, match="is no YAML"):
        read_recipe(tmp_path / "x.yaml")


def test_a_folder_is_no_recipe(tmp_path):
    with pytest.raises(PluralignError, match="PA095.*cannot be read: Is a directory"):
        read_recipe(tmp_path)


def test_changes_reach_into_mappings_and_leave_the_rest():
    recipe = some(["lora.r=4", "seed=3"])
    assert (recipe.lora.r, recipe.lora.alpha, recipe.seed) == (4, 32, 3)
    assert recipe.balancing_draw == 3
    assert some(["draw=1", "seed=3"]).balancing_draw == 1
    assert some(["draw=mean", "seed=3"]).balancing_draw is None


def test_votes_are_not_averaged_over_draws():
    with pytest.raises(PluralignError, match="a vote that only some draws hold"):
        some(["draw=mean", "labels=votes"])


def test_the_resolved_recipe_reads_back_as_itself(tmp_path):
    recipe = some(["beta=0.3"])
    (tmp_path / "r.yaml").write_text(recipe.to_yaml())
    assert read_recipe(tmp_path / "r.yaml") == recipe
    assert recipe.digest != some([]).digest


def test_a_recipe_that_was_written_before_there_were_weights_of_kto_reads_as_one_without_any(tmp_path):
    recipe = some(["method=kto"])
    assert recipe.kto.model_dump() == {"desirable_weight": 1, "undesirable_weight": 1}
    values = yaml.safe_load(recipe.to_yaml())
    del values["kto"]
    assert recipe_from(values, "old") == recipe
    (tmp_path / "old.yaml").write_text(yaml.safe_dump(values))
    assert read_recipe(tmp_path / "old.yaml") == recipe
    assert some(["method=kto", "kto.undesirable_weight=3"]).digest != recipe.digest
