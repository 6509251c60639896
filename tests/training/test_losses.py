"""Losses by hand, against trl's formulas, and soft labels against rows a vote."""

import math

import pytest
import torch

from pluralign.training import losses


def t(*values: float) -> torch.Tensor:
    return torch.tensor(values)


def test_dpo_is_the_cross_entropy_of_the_soft_label():
    # β (2 − 1) = .5; σ(.5) = .6225
    loss = losses.dpo(t(2.0), t(1.0), t(0.75), 0.5)
    assert loss.item() == pytest.approx(-0.75 * math.log(0.62245933) - 0.25 * math.log(1 - 0.62245933), rel=1e-5)


def test_dpo_is_least_where_the_model_says_the_soft_label():
    p, beta = 0.8, 0.1
    delta = torch.tensor([math.log(p / (1 - p)) / beta], requires_grad=True)
    losses.dpo(delta, t(0.0), t(p), beta).sum().backward()
    assert delta.grad.item() == pytest.approx(0, abs=1e-7)


def test_opposing_votes_and_one_soft_row_have_the_same_gradient():
    delta = torch.tensor([1.3], requires_grad=True)
    votes = 3 * losses.dpo(delta, t(0.0), t(1.0), 0.1) + 2 * losses.dpo(t(0.0), delta, t(1.0), 0.1)
    soft = 5 * losses.dpo(delta, t(0.0), t(0.6), 0.1)
    grads = [torch.autograd.grad(loss.sum(), delta, retain_graph=True)[0].item() for loss in (votes, soft)]
    assert grads[0] == pytest.approx(grads[1], rel=1e-6)


def test_modpo_without_a_margin_is_dpo():
    args = (t(1.0, -2.0), t(0.5, 0.0), t(1.0, 0.5))
    assert torch.equal(losses.dpo(*args, 0.2, t(0.0, 0.0)), losses.dpo(*args, 0.2))


def test_a_margin_of_what_is_learnt_already_leaves_nothing_to_learn_beyond_it():
    # β Δ = 1 and the other reward prefers it by 1 already: σ(0)
    assert losses.dpo(t(10.0), t(0.0), t(1.0), 0.1, t(1.0)).item() == pytest.approx(math.log(2))


def test_ipo_wants_a_margin_of_half_of_one_over_beta():
    assert losses.ipo(t(5.0), t(0.0), t(1.0), 0.1).item() == 0
    assert losses.ipo(t(0.0), t(0.0), t(0.5), 0.1).item() == pytest.approx(25)


def test_kto_by_hand():
    good, bad = losses.kto(t(2.0, 2.0), torch.tensor([True, False]), torch.tensor(1.0), 1.0).tolist()
    assert good == pytest.approx(1 - 0.7310586, rel=1e-5)
    assert bad == pytest.approx(0.7310586, rel=1e-5)


def test_kto_weighs_good_and_bad_answers():
    ratio, is_good, kl = t(2.0, 2.0, 0.5), torch.tensor([True, False, False]), torch.tensor(1.0)
    plain, weighed = losses.kto(ratio, is_good, kl, 1.0), losses.kto(ratio, is_good, kl, 1.0, 0.5, 4.0)
    assert weighed.tolist() == pytest.approx([0.5 * (1 - 0.7310586), 4 * 0.7310586, 4 * plain[2].item()], rel=1e-5)
    assert torch.equal(losses.kto(ratio, is_good, kl, 1.0, 1.0, 1.0), plain)


def test_dro_by_hand():
    assert losses.dro(t(2.0), t(0.9), t(0.5), 0.1).item() == pytest.approx(0.5 * (0.9 - 0.5 - 0.2) ** 2)


def test_sft_is_a_mean_over_tokens():
    assert losses.sft(t(-6.0), t(3.0)).item() == 2
