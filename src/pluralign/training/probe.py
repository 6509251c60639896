"""How far a policy has gone from its base: KL and entropy on its own samples, and what it prefers on pairs that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pluralign.training.base import Base
from pluralign.training.chat import question
from pluralign.training.forward import CHUNK, answer_states, autocast
from pluralign.training.memory import Batches
from pluralign.training.packing import Packed, Tree, pack

ROWS = 36
NEW_TOKENS = 64


@dataclass(frozen=True)
class Drift:
    """A policy's distance from its base on answers that it samples itself at temperature 1.

    Attributes:
        kl: nats an answer: sum over its tokens of the exact KL(policy ‖ base) given what came before, mean over answers. Unbiased for
            the KL of answers cut at `max_tokens`, and far less noisy than the log-ratio of the samples.
        kl_se: its standard error over answers.
        entropy: nats a token, mean over tokens.
        mean_tokens: of an answer.
        n_answers: sampled.
        max_tokens: where answers are cut.
    """

    kl: float
    kl_se: float
    entropy: float
    mean_tokens: float
    n_answers: int
    max_tokens: int


def drift(base: Base, model: Any, prompts: Sequence[str], *, seed: int = 0, max_tokens: int = NEW_TOKENS) -> Drift:
    """Sample an answer to each prompt and compare the policy with its base on it.

    Samples are those of batches of `ROWS`; where memory asks for smaller ones, they are others of the same distribution.

    Args:
        base: the base model, adapted.
        model: it with its adapter.
        prompts: what is asked.
        seed: of the sampling.
        max_tokens: where answers are cut.

    Raises:
        PluralignError: PA083 where packed rows are wrong for this architecture; PA096 where memory does not suffice for one answer.
    """
    chat = base.chat(1024)
    asked = [chat.tree(question(prompt), ()).prompt for prompt in prompts]
    was_training = model.training
    model.eval()

    def measure(rows: Sequence[int]) -> tuple[Any, Any, list[int]]:
        trees = sampled(base, model, [asked[k] for k in rows], seed + rows[0], max_tokens)
        base.check_packing_once(trees)
        kl, entropy = _token_divergence(base, model, pack(trees).to(base.device))
        n_tokens = [len(tree.answers[0]) for tree in trees]
        return np.bincount(np.repeat(np.arange(len(trees)), n_tokens), kl, len(trees)), entropy, n_tokens

    sums, entropies, counts = zip(*Batches(ROWS).of(range(len(asked)), measure), strict=True)
    model.train(was_training)
    total, lengths = np.concatenate(sums), [n for some in counts for n in some]
    return Drift(
        float(total.mean()), float(total.std(ddof=1) / np.sqrt(len(total))) if len(total) > 1 else float("nan"),
        float(np.concatenate(entropies).mean()), float(np.mean(lengths)), len(total), max_tokens,
    )  # fmt: skip


@torch.no_grad()
def sampled(base: Base, model: Any, prompts: Sequence[tuple[int, ...]], seed: int, max_tokens: int) -> list[Tree]:
    """One answer to each prompt at temperature 1 from the whole vocabulary; ends with the model's end of turn, or cut."""
    width = max(map(len, prompts))
    pad = base.tokenizer.pad_token_id
    ids = torch.tensor([[pad] * (width - len(p)) + list(p) for p in prompts], device=base.device)
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=base.device)
    # The seed goes to every generator: also the GPU's, which training goes on with (dropout, GRPO's own answers).
    with torch.random.fork_rng([base.device] if base.device.type == "cuda" else []):
        torch.manual_seed(seed)
        out = model.generate(
            input_ids=ids, attention_mask=mask, do_sample=True, temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=max_tokens,
            pad_token_id=pad,
        )[:, width:].tolist()  # fmt: skip
    ends = _end_tokens(model, base)
    return [Tree(prompt, (_until(answer, ends),)) for prompt, answer in zip(prompts, out, strict=True)]


def _end_tokens(model: Any, base: Base) -> set[int]:
    ends = model.generation_config.eos_token_id
    found = set(ends if isinstance(ends, list) else [ends])
    return found | {base.tokenizer.eos_token_id}


def _until(answer: Sequence[int], ends: set[int]) -> tuple[int, ...]:
    """The answer up to and with its first end token; what was generated after it is padding."""
    for at, token in enumerate(answer):
        if token in ends:
            return tuple(answer[: at + 1])
    return tuple(answer)


@torch.no_grad()
def _token_divergence(base: Base, model: Any, batch: Packed) -> tuple[Any, Any]:
    """(k,) KL(policy ‖ base) and entropy of the policy at each answer token, nats."""
    with autocast(model):
        policy, head = answer_states(model, batch)
        with base.without_adapter(model):
            origin, _ = answer_states(model, batch)
        kl, entropy = [], []
        for start in range(0, len(batch.source), CHUNK):
            rows = batch.source[start : start + CHUNK]
            p = (policy[rows] @ head.weight.T).float().log_softmax(-1)
            q = (origin[rows] @ head.weight.T).float().log_softmax(-1)
            weight = p.exp()
            kl.append((weight * (p - q)).sum(-1))
            entropy.append(-(weight * p).sum(-1))
    return torch.cat(kl).cpu().numpy(), torch.cat(entropy).cpu().numpy()
