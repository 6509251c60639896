"""An adapter that does nothing is an error in bfloat16 too, where equal weights give other log-probabilities in other batches."""

import json

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from pluralign.errors import PluralignError
from pluralign.training.base import Base, check_changed
from pluralign.training.heldout import FRESH, HeldOutPairs, held_out, log_ratios
from pluralign.training.packing import Tree
from pluralign.training.probing import Probes
from pluralign.training.reference import ReferenceStore


@pytest.fixture
def base(tiny_folder, own_cache):
    return Base.open(str(tiny_folder), "bfloat16", "cpu")


@pytest.fixture
def held(base, few):
    """Some prompts with all of their answers, whose references are kept as pairs gave them.

    SmolLM2's differ by up to half a nat from those of whole rows. A model this small rounds alike, so that is put on.
    """
    sets = [held_out(few, base.chat(2048), "en", name, 1, 4) for name in (FRESH, "test")]
    trees = [tree for one in sets for tree in one.trees]
    pairs = [Tree(tree.prompt, tree.answers[k : k + 2]) for tree in trees for k in range(0, len(tree.answers), 2)]
    base.references.logps(pairs, lambda part: base.logps(base.model, part) + 0.035)
    return sets[1]


def moved(model, by):
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.add_(by)
    return model


def test_kept_references_differ_by_rounding_from_what_the_very_base_gives_now(base, held):
    difference = np.abs(base.logps(base.model, held.trees) - base.reference_logps(held.trees))
    assert difference.min() > 0, "without it the tests below show nothing"


@pytest.mark.parametrize("first_layer", [0, 1])
def test_a_fresh_adapter_is_refused_and_one_that_moved_is_not(base, held, recipe, first_layer):
    lora = recipe.lora.model_copy(update={"first_layer": first_layer})
    with base.adapted(lora, 0) as model:
        with pytest.raises(PluralignError, match=r"PA098 .*cell: \d+ held-out answers"):
            check_changed(base, model, held.trees, "cell", first_layer)
        model.train()
        check_changed(base, moved(model, 1e-2), held.trees, "cell", first_layer)
        assert model.training, "it was left in another mode"


def test_an_adapter_that_was_not_loaded_is_refused(base, held, recipe, tmp_path):
    with base.adapted(recipe.lora, 0) as model:
        moved(model, 1e-2).save_pretrained(str(tmp_path))
    with base.with_adapter(tmp_path) as model:
        check_changed(base, model, held.trees, "whole")
    place = tmp_path / "adapter_model.safetensors"
    save_file({name.replace("layers.", "blocks."): value for name, value in load_file(place).items()}, place)
    assert json.loads((tmp_path / "adapter_config.json").read_text())["init_lora_weights"] is True
    with (
        pytest.warns(UserWarning, match="missing adapter keys"),
        base.with_adapter(tmp_path) as model,
        pytest.raises(PluralignError, match="PA098 .*renamed"),
    ):
        check_changed(base, model, held.trees, "renamed")


def test_the_end_of_a_run_looks_whatever_the_store_holds(base, held, recipe, few, tmp_path):
    probes = Probes(base, recipe.changed(dtype="bfloat16"), few, tmp_path, 3)
    with base.adapted(recipe.lora, 0) as model:
        with pytest.raises(PluralignError, match="PA098"):
            probes.last(model, 3)
        assert probes.last(moved(model, 1e-2), 3) == {"end": {}}


def test_held_out_rewards_of_an_adapter_that_does_nothing_are_0_whatever_other_batches_gave(base, held, recipe):
    with base.adapted(recipe.lora, 0) as model:
        found = log_ratios(base, model, held)
        pairs = HeldOutPairs(
            tuple(Tree(tree.prompt, tree.answers[:2]) for tree in held.trees), np.ones(len(held.trees))
        )
        assert pairs.accuracy(base, model) == 0.5, "a coin"
    assert found.column("logp").to_pylist() == found.column("reference").to_pylist()


def test_references_of_a_batch_are_computed_once_and_of_another_batch_anew(base, held):
    calls = []

    def compute(part):
        calls.append(len(part))
        return base.logps(base.model, part)

    first = base.references.of_batch(held.trees, compute)
    again = ReferenceStore(base.references.path).of_batch(held.trees, compute)
    base.references.of_batch(held.trees[:2], compute)
    assert first.tolist() == again.tolist()
    assert calls == [len(held.trees), 2]
