"""Losses of preference optimisation on log-ratios, log π(y|x) − log π_ref(y|x) summed over the tokens of an answer.

All are in nats, one value an example, before weights. Soft labels p = P(chosen is better) enter as the expectation over which of the two
is chosen; trl 1.16 has none under `sigmoid` and drops `label_smoothing` there.

Sources: Rafailov et al. 2023, arXiv 2305.18290 (DPO); Azar et al. 2023, arXiv 2310.12036 (IPO, on log-ratios per token, as its authors
told trl); Ethayarajh et al. 2024, arXiv 2402.01306 (KTO); Zhou et al. 2023, arXiv 2310.03708 (MODPO); Richemond et al. 2024,
arXiv 2405.19107 (DRO).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional as F  # noqa: N812 - what torch calls it

if TYPE_CHECKING:
    from torch import Tensor


def dpo(chosen: Tensor, rejected: Tensor, p_chosen: Tensor, beta: float, offset: Tensor | float = 0.0) -> Tensor:
    """Cross-entropy of p against σ(β(chosen − rejected) − offset).

    Args:
        chosen, rejected: (n,) log-ratios.
        p_chosen: (n,) soft labels, 0–1; 1 is plain DPO.
        beta: per nat.
        offset: (n,) what other rewards prefer already (MODPO), in nats.

    >>> import torch
    >>> one = torch.tensor([0.0])
    >>> round(dpo(one, one, torch.tensor([0.7]), 0.1).item(), 6)  # log 2, whatever p
    0.693147
    """
    logits = beta * (chosen - rejected) - offset
    return -(p_chosen * F.logsigmoid(logits) + (1 - p_chosen) * F.logsigmoid(-logits))


def ipo(chosen: Tensor, rejected: Tensor, p_chosen: Tensor, beta: float) -> Tensor:
    """(δ − 1/2β)² where chosen is better and (δ + 1/2β)² where it is not; δ of log-ratios per token.

    Args:
        chosen, rejected: (n,) log-ratios divided by their number of tokens.
        p_chosen: (n,) soft labels.
        beta: the paper's τ.
    """
    delta, target = chosen - rejected, 1 / (2 * beta)
    return p_chosen * (delta - target) ** 2 + (1 - p_chosen) * (delta + target) ** 2


def kto(
    ratio: Tensor, is_good: Tensor, kl: Tensor, beta: float, desirable_weight: float = 1.0, undesirable_weight: float = 1.0
) -> Tensor:  # fmt: skip
    """1 − σ(β(ratio − kl)) for good answers, 1 − σ(β(kl − ratio)) for bad ones, each times its side's weight.

    Args:
        ratio: (n,) log-ratios.
        is_good: (n,) booleans.
        kl: scalar, the mean log-ratio of answers to other prompts, at least 0 and without a gradient.
        beta: per nat.
        desirable_weight, undesirable_weight: the paper's λ of good and of bad answers, above 0.
    """
    sign = is_good.to(ratio.dtype) * 2 - 1
    weight = is_good * desirable_weight + ~is_good * undesirable_weight
    return weight * (1 - F.sigmoid(beta * sign * (ratio - kl)))


def dro(ratio: Tensor, score: Tensor, value: Tensor, beta: float) -> Tensor:
    """½ (score − value − β ratio)²: the reward is regressed on the log-ratio, no pair needed.

    Args:
        ratio: (n,) log-ratios.
        score: (n,) ratings on 0–1, higher is better.
        value: (n,) the prompt's value, learnt beside the policy.
        beta: per nat; the paper's τ.
    """
    return 0.5 * (score - value - beta * ratio) ** 2


def sft(logp: Tensor, n_tokens: Tensor) -> Tensor:
    """Minus log-probability a token of each answer.

    Args:
        logp: (n,) summed log-probabilities.
        n_tokens: (n,).
    """
    return -logp / n_tokens
