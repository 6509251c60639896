"""Memory that does not suffice is recognised whatever device lacks it, and forward passes fall to smaller batches."""

import numpy as np
import pytest
import torch

from pluralign.errors import PluralignError
from pluralign.training.examples import examples_of
from pluralign.training.heldout import held_out, log_ratios
from pluralign.training.lower import LowerStates
from pluralign.training.memory import Batches, is_out_of_memory
from pluralign.training.packing import Tree
from pluralign.training.probe import drift
from pluralign.training.reference import ReferenceStore

ON_CPU = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."
TREES = [Tree((1, 2, prompt), ((3, 4), (5, 6))) for prompt in range(20)]


def by_ids(trees):
    return np.array([-float(tree.prompt[-1] + sum(answer)) for tree in trees for answer in tree.answers])


def test_what_torch_says_on_a_cpu_is_recognised():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert type(caught.value) is RuntimeError, "torch has got an error of its own for it"
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (RuntimeError(ON_CPU), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (MemoryError(), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError(ON_CPU), False),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_memory_and_what_is_not(error, is_one):
    assert is_out_of_memory(error) is is_one


def fitting(most, usual, error=RuntimeError):
    """The same, on a device that takes no more than so many rows; with it, how many each try had."""
    tried = []

    def work(rows, *args):
        tried.append(len(rows))
        if len(rows) > most:
            raise error(ON_CPU)
        return usual(rows, *args)

    return work, tried


def test_a_batch_that_does_not_fit_is_halved_and_stays_so():
    work, tried = fitting(3, list)
    batches = Batches(8)
    assert [row for part in batches.of(range(11), work) for row in part] == list(range(11))
    assert tried == [8, 4, 2, 2, 2, 2, 2, 1]
    assert list(batches.of(range(2), work)) == [[0, 1]]


def test_one_row_that_does_not_fit_is_an_error_and_another_error_is_itself():
    with pytest.raises(PluralignError, match="PA096.*one row.*Take a smaller model"):
        list(Batches(8).of(range(8), fitting(0, list)[0]))

    def broken(rows):
        raise RuntimeError("shapes")

    with pytest.raises(RuntimeError, match="shapes"):
        list(Batches(8).of(range(8), broken))


def test_references_fall_to_smaller_batches_and_what_was_computed_is_kept(tmp_path):
    work, tried = fitting(2, by_ids)
    store = ReferenceStore(tmp_path / "references.sqlite")
    assert np.array_equal(store.logps(TREES[:12], work), by_ids(TREES[:12]))
    assert tried[:3] == [8, 4, 2]
    assert max(tried[3:]) == 2
    with pytest.raises(PluralignError, match="PA096"):
        store.logps(TREES, fitting(0, by_ids)[0])
    again = ReferenceStore(store.path)
    assert np.array_equal(again.logps(TREES[:12], lambda _: pytest.fail("computed again")), by_ids(TREES[:12]))


def test_lower_states_fall_to_smaller_batches(base, monkeypatch):
    whole = LowerStates(base.model, 1)(TREES)
    usual, tried = LowerStates._compute, []

    def small_device(self, trees):
        tried.append(len(trees))
        if len(trees) > 3:
            raise RuntimeError(ON_CPU)
        usual(self, trees)

    monkeypatch.setattr(LowerStates, "_compute", small_device)
    assert torch.allclose(LowerStates(base.model, 1)(TREES), whole, atol=1e-5)
    assert tried[:3] == [8, 4, 2]


def test_held_out_answers_and_probes_fall_to_smaller_batches(base, recipe, few, monkeypatch):
    held = held_out(few, base.chat(2048), "en", "test", 1, 5)
    prompts = [f"What is {k}?" for k in range(3)]
    with base.adapted(recipe.lora, 0) as model:
        table = log_ratios(base, model, held)
        usual = type(base).logps

        def small_device(self, model, trees, first_layer=0):
            if len(trees) > 1:
                raise RuntimeError(ON_CPU)
            return usual(self, model, trees, first_layer)

        monkeypatch.setattr(type(base), "logps", small_device)
        np.testing.assert_allclose(log_ratios(base, model, held).column("logp"), table.column("logp"), atol=1e-3)
        generate = model.generate

        def small_generate(input_ids, **kwargs):
            if len(input_ids) > 1:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return generate(input_ids=input_ids, **kwargs)

        monkeypatch.setattr(model, "generate", small_generate)
        assert drift(base, model, prompts, max_tokens=4).n_answers == 3


def test_references_of_a_run_are_the_same_in_whatever_batches(base, recipe, few):
    trees = examples_of(recipe, few, base.chat(2048)).trees[:6]
    whole = base.reference_logps(trees)
    base.references = ReferenceStore(base.references.path.with_name("other.sqlite"))
    base.references._batches = Batches(1)
    np.testing.assert_allclose(base.reference_logps(trees), whole, atol=1e-3)
