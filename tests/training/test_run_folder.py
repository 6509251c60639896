"""A run's folder: what is finished is kept, what was cut off is not believed, one process at a time, and what differs is named."""

import fcntl
import json
import shutil
from dataclasses import replace

import pytest
import yaml

from pluralign.errors import PluralignError
from pluralign.training.run import train
from pluralign.training.run_folder import OWN_LOCK, is_finished, last_checkpoint

from ..cases import cases


@pytest.fixture
def heard():
    """What a run said."""
    return []


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Where the first test that needs a finished run leaves one for the others."""
    return tmp_path_factory.mktemp("trained") / "run"


@pytest.fixture
def finished(trained, base, recipe, few, tmp_path):
    if not trained.exists():
        train(recipe, base, few, trained, say=lambda _: None)
    shutil.copytree(trained, tmp_path / "run")
    return train(recipe, base, few, tmp_path / "run", say=lambda _: None)


def test_a_finished_run_is_not_trained_again(base, recipe, few, finished, heard):
    before = {path: path.stat().st_mtime_ns for path in finished.folder.rglob("*") if path.is_file()}
    again = train(recipe, base, few, finished.folder, say=heard.append)
    assert again.info == finished.info
    changed = {path.name for path, when in before.items() if path.stat().st_mtime_ns != when}
    assert changed == {"recipe.yaml"}, "which is written over with the same"
    assert any("nothing is trained again" in line for line in heard)


@pytest.mark.parametrize("cut", cases(['{"steps": 3, "me'], slow=["", "[]"]))
def test_a_run_whose_last_file_was_cut_off_is_not_finished(base, recipe, few, finished, cut):
    (finished.folder / "run.json").write_text(cut)
    assert not is_finished(finished.folder)
    again = train(recipe, base, few, finished.folder, say=lambda _: None)
    assert again.info["recipe"] == finished.info["recipe"]
    assert is_finished(finished.folder)


def test_a_checkpoint_that_was_cut_off_is_passed_over(tmp_path):
    for step, state in ((4, '{"global_step": 4}'), (8, '{"global_st'), (12, None)):
        place = tmp_path / f"checkpoints/checkpoint-{step}"
        place.mkdir(parents=True)
        if state is not None:
            (place / "trainer_state.json").write_text(state)
    assert last_checkpoint(tmp_path) == str(tmp_path / "checkpoints/checkpoint-4")


def test_two_processes_do_not_train_in_one_folder(base, recipe, few, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    with (folder / OWN_LOCK).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(PluralignError, match="PA097.*another process trains"):
            train(recipe, base, few, folder, say=lambda _: None)
    assert not (folder / "recipe.yaml").exists()
    assert train(recipe, base, few, folder, say=lambda _: None).info["steps"] == recipe.steps
    assert not (folder / OWN_LOCK).exists()


def test_a_run_that_was_begun_goes_on_with_smaller_micro_batches(base, recipe, few, tmp_path):
    folder = tmp_path / "run"
    recipe = recipe.changed(batch=2, micro_batch=2)
    whole = train(recipe, base, few, tmp_path / "other", say=lambda _: None)
    stale = folder / "checkpoints" / "checkpoint-1"
    stale.mkdir(parents=True)
    (folder / "recipe.yaml").write_text((whole.folder / "recipe.yaml").read_text())
    (stale / "trainer_state.json").write_text("{}")  # of the larger ones: it would not be understood
    smaller = train(recipe.changed(micro_batch=1), base, few, folder, say=lambda _: None)
    assert smaller.info["micro_batch"] == 1
    assert "micro_batch: 1\n" in (folder / "recipe.yaml").read_text()
    assert smaller.info["data_sha256"] == whole.info["data_sha256"]


def test_a_finished_run_is_kept_whatever_the_micro_batch(base, recipe, few, finished, heard):
    before = (finished.folder / "recipe.yaml").read_text()
    again = train(recipe.changed(micro_batch=1), base, few, finished.folder, say=heard.append)
    assert again.info == finished.info
    assert (finished.folder / "recipe.yaml").read_text() == before


@pytest.mark.parametrize(
    ("processes", "fix"), [(2, "micro_batch to 4 or what divides it"), (3, "batch to a multiple of 3")]
)
def test_a_batch_that_does_not_divide_is_refused_before_the_folder_is_taken(
    base, recipe, few, tmp_path, monkeypatch, processes, fix
):
    monkeypatch.setattr("pluralign.training.run.n_ranks", lambda: processes)
    with pytest.raises(PluralignError, match=f"PA095.*batch 8 does not divide.*{fix}"):
        train(recipe.changed(batch=8, micro_batch=8), base, few, tmp_path / "run", say=lambda _: None)
    assert not (tmp_path / "run").exists()


def test_it_is_said_which_values_of_a_recipe_differ(base, recipe, few, finished):
    other = recipe.changed(beta=0.2, lora={**recipe.lora.model_dump(), "r": 3})
    with pytest.raises(PluralignError) as caught:
        train(other, base, few, finished.folder, say=lambda _: None)
    assert f"beta: {recipe.beta} there, 0.2 now" in str(caught.value)
    assert f"lora.r: {recipe.lora.r} there, 3 now" in str(caught.value)


def test_what_is_not_defined_is_null_and_not_nan(base, recipe, few, tmp_path):
    folder = train(recipe.changed(probe_prompts=1), base, few, tmp_path / "run", say=lambda _: None).folder
    told = json.loads((folder / "run.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert told["end"]["kl_se"] is None, "one answer has no standard error"


def test_a_layer_that_the_model_does_not_have_is_named(base, recipe, few, tmp_path):
    far = recipe.changed(lora={**recipe.lora.model_dump(), "first_layer": 99})
    with pytest.raises(PluralignError, match=r"PA095.*lora\.first_layer: got 99"):
        train(far, base, few, tmp_path / "run", say=lambda _: None)


def test_a_run_that_was_begun_before_there_were_weights_of_kto_goes_on(base, recipe, few, finished, heard):
    place = finished.folder / "recipe.yaml"
    now = place.read_text()
    head, _, values = now.partition("\n")
    old = yaml.safe_load(values)
    del old["kto"]
    place.write_text(f"{head}\n{yaml.safe_dump(old, sort_keys=False, allow_unicode=True)}")
    train(recipe, base, few, finished.folder, say=heard.append)
    assert any("nothing is trained again" in line for line in heard)
    assert place.read_text() == now
    place.write_text(f"{head}\n{yaml.safe_dump(old, sort_keys=False, allow_unicode=True)}")
    other = recipe.changed(kto={"desirable_weight": 2.0, "undesirable_weight": 1.0})
    with pytest.raises(PluralignError, match=r"PA097.*: kto.desirable_weight: 1.0 there, 2.0 now\."):
        train(other, base, few, finished.folder, say=heard.append)


def test_a_recipe_of_a_run_that_is_none_is_refused(base, recipe, few, finished):
    place = finished.folder / "recipe.yaml"
    head = place.read_text().partition("\n")[0]
    for broken in ("a: [1", "- 1"):
        place.write_text(f"{head}\n{broken}")
        with pytest.raises(PluralignError, match=r"PA097.*cannot be read"):
            train(recipe, base, few, finished.folder, say=lambda _: None)


def test_a_model_is_known_by_its_weights_and_not_by_its_path(base, recipe, few, finished, heard):
    (finished.folder / "run.json").unlink()
    again = train(recipe, replace(base, name="elsewhere/the-same"), few, finished.folder, say=heard.append)
    assert again.info["weights"] == finished.info["weights"]
    other = replace(base, digest="0" * 16)
    with pytest.raises(PluralignError, match="PA097.*begun with"):
        train(recipe, other, few, finished.folder, say=heard.append)
