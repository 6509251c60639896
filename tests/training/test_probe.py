"""A probe samples with a seed of its own, and training goes on as if there had been none."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch

from pluralign.training.base import Base
from pluralign.training.probe import drift, sampled

PROMPTS = ["What is one?", "What is two?"]


def after(base, model, device, probed):
    torch.manual_seed(7)
    torch.rand(3, device=device)
    if probed:
        drift(base, model, PROMPTS, seed=3, max_tokens=4)
    return torch.rand(5, device=device)


def test_the_stream_of_random_numbers_goes_on_as_if_there_had_been_no_probe(base, recipe):
    with base.adapted(recipe.lora, 0) as model:
        assert torch.equal(after(base, model, "cpu", True), after(base, model, "cpu", False))
        one, again, other = (drift(base, model, PROMPTS, seed=seed, max_tokens=4) for seed in (3, 3, 4))
    assert one == again
    assert one != other


def test_the_state_of_the_gpu_that_a_base_is_on_is_put_back_too(base, monkeypatch):
    kept, usual, seeded = [], torch.tensor, []

    @contextmanager
    def fork_rng(devices):
        kept.extend(devices)
        yield
        assert seeded == [5]

    monkeypatch.setattr(torch.random, "fork_rng", fork_rng)
    monkeypatch.setattr(torch, "manual_seed", seeded.append)
    monkeypatch.setattr(torch, "tensor", lambda values, device=None, **kwargs: usual(values, **kwargs))
    elsewhere = SimpleNamespace(device=torch.device("cuda", 1), tokenizer=base.tokenizer)
    assert len(sampled(elsewhere, base.model, [(1, 2), (3,)], 5, 3)) == 2
    assert kept == [torch.device("cuda", 1)]


@pytest.mark.gpu
def test_the_stream_of_a_gpu_goes_on_too(tiny_folder, own_cache, recipe):
    if not torch.cuda.is_available():
        pytest.skip("no GPU here: its random numbers cannot be looked at")
    base = Base.open(str(tiny_folder), "float32", "cuda")
    with base.adapted(recipe.lora, 0) as model:
        for device in ("cpu", "cuda"):
            assert torch.equal(after(base, model, device, True), after(base, model, device, False))
