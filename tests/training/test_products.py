"""Products of bfloat16 matrices in float32: the numbers are those of the instructions, whatever the CPU has."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn

from pluralign.training import products
from pluralign.training.products import WideProducts, wide_products

BARE = {"architecture": "x86_64", "avx512_f": True, "amx_bf16": False, "avx512_bf16": False}


def tensors(dtype=torch.bfloat16):
    generator = torch.Generator().manual_seed(0)
    x, w = (torch.randn(*shape, generator=generator) for shape in ((3, 40, 64), (48, 64)))
    return x.to(dtype), w.to(dtype)


def exact(x, w):
    """The product of the same numbers, in float64."""
    return x.double() @ w.double().T


@pytest.mark.parametrize("context", [nullcontext, torch.no_grad, torch.inference_mode], ids=lambda c: c.__name__)
def test_a_linear_layer_is_rounded_once(context):
    x, w = tensors()
    with WideProducts(), context():
        found = nn.functional.linear(x, w)
    assert found.dtype == torch.bfloat16
    # Rounded to the nearest of 8 bits: off by half a unit in the last place, and by nothing else that counts.
    assert ((found.double() - exact(x, w)).abs() <= exact(x, w).abs() * 2**-8 + 1e-5).all()


def test_gradients_are_products_too():
    x, w = tensors()
    x.requires_grad_()
    upstream = torch.ones(3, 40, 48, dtype=torch.bfloat16)
    with WideProducts():
        nn.functional.linear(x, w).backward(upstream)
    expected = upstream.double() @ w.double()
    assert x.grad.dtype == torch.bfloat16
    assert ((x.grad.double() - expected).abs() <= expected.abs() * 2**-8 + 1e-5).all()


def test_what_is_not_bfloat16_is_left_as_it_is():
    x, w = tensors(torch.float32)
    with WideProducts():
        assert torch.equal(nn.functional.linear(x, w), nn.functional.linear(x, w))
        assert (x @ w.T).dtype == torch.float32
        assert ((x > 0).sum() + 1).dtype == torch.int64


def test_autocast_and_a_bias_go_through_it(monkeypatch):
    taken = []
    monkeypatch.setattr(products, "_is_narrow", lambda one, was=products._is_narrow: taken.append(was(one)) or was(one))
    layer, x = nn.Linear(64, 8), tensors(torch.float32)[0]
    with WideProducts(), torch.autocast("cpu", torch.bfloat16):
        found = layer(x)
    assert found.dtype == torch.bfloat16
    assert any(taken)
    expected = x.bfloat16().double() @ layer.weight.bfloat16().double().T + layer.bias.bfloat16().double()
    assert ((found.double() - expected).abs() <= expected.abs() * 2**-8 + 1e-5).all()


def frozen(shape=(48, 64), seed=1):
    values = torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).bfloat16()
    return nn.Parameter(values, requires_grad=False)


def widenings(monkeypatch):
    """Shapes of what is widened from now on."""
    seen, was = [], torch.Tensor.float
    monkeypatch.setattr(torch.Tensor, "float", lambda one, *rest: seen.append(tuple(one.shape)) or was(one, *rest))
    return seen


@pytest.mark.parametrize("context", [nullcontext, torch.inference_mode], ids=lambda c: c.__name__)
def test_a_frozen_weight_is_widened_once(monkeypatch, context):
    x, w = tensors()[0], frozen()
    with WideProducts(), context():
        first = nn.functional.linear(x, w)
        seen = widenings(monkeypatch)
        assert torch.equal(nn.functional.linear(x, w), first)
        assert torch.equal(x @ w.T, first)
        assert (x[..., :48] @ w).shape == (3, 40, 64)
    assert (48, 64) not in seen
    assert (64, 48) not in seen


def test_a_weight_that_is_written_to_is_widened_again():
    x, w = tensors()[0], frozen()
    with WideProducts(), torch.no_grad():
        nn.functional.linear(x, w)
        w.mul_(2)
        assert torch.equal(nn.functional.linear(x, w), nn.functional.linear(x, frozen() * 2))


def test_what_lies_in_a_weight_is_not_taken_for_it():
    x, w = tensors()[0], frozen()
    with WideProducts(), torch.no_grad():
        nn.functional.linear(x, w)
        part = nn.functional.linear(x, w[:16])
        assert torch.equal(part, nn.functional.linear(x, w[:16].clone()))
        square = w[:, :48]
        assert torch.equal(x[..., :48] @ square, x[..., :48] @ square.clone())


def test_weights_that_come_and_go_at_one_address_are_told_apart():
    x = tensors()[0]
    with WideProducts(), torch.no_grad():
        for seed in range(20):
            w = frozen(seed=seed)
            assert torch.equal(nn.functional.linear(x, w), nn.functional.linear(x, w.detach().clone()))
            del w


@pytest.mark.parametrize("context", [nullcontext, torch.inference_mode], ids=lambda c: c.__name__)
def test_one_new_token_against_its_keys_is_left_as_it_is(monkeypatch, context):
    generator = torch.Generator().manual_seed(0)
    query, keys = (torch.randn(*shape, generator=generator).bfloat16() for shape in ((6, 1, 64), (6, 30, 64)))
    expected, w = query @ keys.transpose(1, 2), frozen()
    with WideProducts(), context():
        seen = widenings(monkeypatch)
        assert torch.equal(query @ keys.transpose(1, 2), expected)
        assert not seen
        assert (keys @ keys.transpose(1, 2)).shape == (6, 30, 30)
        assert len(seen) == 2
        assert nn.functional.linear(query, w).shape == (6, 1, 48)
        assert len(seen) > 2


def test_a_weight_that_was_made_in_inference_mode_is_widened_each_time():
    x = tensors()[0]
    with WideProducts(), torch.inference_mode():
        w = frozen()
        first = nn.functional.linear(x, w)
        w.mul_(2)
        assert torch.equal(nn.functional.linear(x, w), first * 2)


def test_a_weight_that_is_trained_is_not_kept():
    x, w = tensors()[0], nn.Parameter(frozen().detach())
    with WideProducts() as mode:
        nn.functional.linear(x, w).sum().backward()
        assert not mode._kept
    assert w.grad.shape == w.shape


@pytest.mark.parametrize(
    ("told", "cuda", "wide"),
    [
        (BARE, False, True), (BARE, True, False), ({**BARE, "amx_bf16": True}, False, False), ({"architecture": "aarch64"}, False, False), ({}, False, False),
    ],
    ids=["none", "a GPU", "AMX", "another architecture", "an older torch"],
)  # fmt: skip
def test_products_are_widened_where_there_are_no_instructions(monkeypatch, told, cuda, wide):
    monkeypatch.setattr(products, "_capabilities", lambda: told)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    assert isinstance(wide_products(), WideProducts) == wide


def test_a_torch_that_tells_nothing_of_the_cpu_is_left_alone(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert products._capabilities() == {}
