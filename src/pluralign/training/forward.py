"""Log-probabilities of packed answers: the vocabulary only where an answer is, and nothing twice that never changes.

Three things that a plain forward pass does and this does not:
- project every position on the vocabulary and keep the logits for the gradient: here only answer tokens are, a chunk at a time, and the
  gradient with respect to the states is formed on the way (frozen head), so that no more than a chunk of logits ever exists;
- compute a prompt once an answer (`packing`);
- compute layers below the lowest adapter again and again (`lower`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import nn

from pluralign.errors import PluralignError
from pluralign.training.packing import Packed, Tree, pack

CHUNK = 256
"""Answer tokens whose logits exist at a time."""


class _TokenLogProbs(torch.autograd.Function):
    """log softmax(states · weightᵀ)[target] for a frozen head, with the gradient formed in the forward pass."""

    @staticmethod
    def forward(ctx: Any, states: torch.Tensor, weight: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        logps = torch.empty(len(target), dtype=torch.float32, device=states.device)
        keeps = states.requires_grad
        gradient = torch.empty_like(states) if keeps else None
        for start in range(0, len(target), CHUNK):
            part, ids = states[start : start + CHUNK], target[start : start + CHUNK, None]
            logits = (part @ weight.T).float()
            top = logits.amax(1, keepdim=True)
            chosen = logits.gather(1, ids) - top
            exponentials = logits.sub_(top).exp_()
            total = exponentials.sum(1, keepdim=True)
            logps[start : start + CHUNK] = (chosen - total.log()).squeeze(1)
            if gradient is not None:
                # d logp / d state = weight[target] − Σ p · weight
                expected = (exponentials / total).to(states.dtype) @ weight
                gradient[start : start + CHUNK] = weight[ids.squeeze(1)] - expected
        if gradient is not None:
            ctx.save_for_backward(gradient)
        return logps

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        (gradient,) = ctx.saved_tensors
        return gradient * grads[0][:, None].to(gradient.dtype), None, None


def causal_lm(model: nn.Module) -> Any:
    """The causal language model inside what peft, accelerate and torch wrap around it."""
    inner = getattr(model, "module", model)
    base = getattr(inner, "get_base_model", None)
    return base() if base else inner


@contextmanager
def headless(model: nn.Module) -> Iterator[nn.Module]:
    """Take the vocabulary projection off, so that the model's `logits` are its last states; yields the projection.

    The call still goes through every wrapper, so that gradients are synchronised over devices as ever.
    """
    inner = causal_lm(model)
    head = inner.get_output_embeddings()
    inner.set_output_embeddings(nn.Identity())
    try:
        yield head
    finally:
        inner.set_output_embeddings(head)


def layers_of(model: nn.Module) -> tuple[Any, nn.ModuleList]:
    """The decoder and its list of layers.

    Raises:
        PluralignError: PA083 for an architecture without one.
    """
    decoder = causal_lm(model).get_decoder()
    if not isinstance(getattr(decoder, "layers", None), nn.ModuleList):
        raise PluralignError(
            "PA083", f"{type(decoder).__name__} has no list of layers.", "Take a decoder-only transformer."
        )
    return decoder, decoder.layers


def check_first_layer(model: nn.Module, first: int) -> None:
    """Refuse a lowest layer that the model does not have.

    Raises:
        PluralignError: PA095; PA083 for an architecture without a list of layers.
    """
    _, layers = layers_of(model)
    if first >= len(layers):
        raise PluralignError(
            "PA095", f"lora.first_layer: got {first}; the model has {len(layers)} layers, 0 to {len(layers) - 1}.",
            "Name a layer of it; half of them is usual on CPUs.",
        )  # fmt: skip


@contextmanager
def only_layers_from(model: nn.Module, first: int) -> Iterator[None]:
    """Run a model without its first layers, on what they gave, passed as `inputs_embeds`."""
    decoder, layers = layers_of(model)
    decoder.layers = layers[first:]
    try:
        yield
    finally:
        decoder.layers = layers


def autocast(model: nn.Module) -> Any:
    """bfloat16 autocast where the base is bfloat16: adapters are float32 and multiplied in bfloat16."""
    weight = causal_lm(model).get_input_embeddings().weight
    if weight.dtype != torch.bfloat16:
        return nullcontext()
    return torch.autocast(weight.device.type, dtype=torch.bfloat16)


def answer_states(
    model: nn.Module, batch: Packed, lower: torch.Tensor | None = None, first: int = 0
) -> tuple[Any, Any]:
    """The last states of a batch, flattened (rows · width, d), and the head that is to project them.

    Args:
        model: with whatever wrappers.
        batch: on the model's device.
        lower: (rows, width, d) what the layers below `first` gave, or None to run all of them.
        first: lowest layer that is run.
    """
    inner = causal_lm(model)
    dtype = inner.get_input_embeddings().weight.dtype
    entry = {"input_ids": batch.input_ids} if lower is None else {"inputs_embeds": lower}
    with headless(model) as head, only_layers_from(model, first) if lower is not None else nullcontext():
        out = model(**entry, attention_mask=batch.mask(dtype), position_ids=batch.position_ids, use_cache=False)
    return out.logits.reshape(-1, out.logits.shape[-1]), head


def answer_logps(model: nn.Module, batch: Packed, lower: torch.Tensor | None = None, first: int = 0) -> torch.Tensor:
    """Log-probabilities of answers, summed over their tokens.

    Returns:
        (n,) float32, nats, in the order of the batch; with gradients for adapters below the head where they are enabled.
    """
    return logps_and_states(model, batch, lower, first)[0]


def logps_and_states(
    model: nn.Module, batch: Packed, lower: torch.Tensor | None = None, first: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """The same, and the state after each prompt: (rows, d) float32 without gradients."""
    logps, ends = token_logps(model, batch, lower, first)
    total = torch.zeros(len(batch.n_tokens), dtype=torch.float32, device=logps.device)
    return total.index_add(0, batch.owner, logps), ends


def token_logps(
    model: nn.Module, batch: Packed, lower: torch.Tensor | None = None, first: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """The same token by token: (k,) float32 of all answers' tokens, and the state after each prompt."""
    with autocast(model):
        states, head = answer_states(model, batch, lower, first)
        logps: torch.Tensor = _TokenLogProbs.apply(states[batch.source], head.weight, batch.target)  # type: ignore[no-untyped-call]
    return logps, states[batch.prompt_end].detach().float()


def plain_logps(model: nn.Module, tree: Tree) -> torch.Tensor:
    """The same one answer at a time through the model as it comes: slow, and what the fast way is checked against."""
    device = causal_lm(model).get_input_embeddings().weight.device
    out = []
    for answer in tree.answers:
        ids = torch.tensor([[*tree.prompt, *answer]], device=device)
        with autocast(model):
            logits = model(input_ids=ids, use_cache=False).logits[0, len(tree.prompt) - 1 : -1].float()
        out.append(logits.log_softmax(-1).gather(1, ids[0, len(tree.prompt) :, None]).sum())
    return torch.stack(out)


def check_packing(model: nn.Module, trees: Sequence[Tree], lower: torch.Tensor | None = None, first: int = 0) -> None:
    """Make sure that a packed row gives what separate rows give with this architecture, by the path that will be used.

    Args:
        model: with whatever wrappers.
        trees: a few.
        lower: (rows, width, d) what the layers below `first` gave, as in `answer_states`; None to run all layers.
        first: lowest layer that is run.

    Raises:
        PluralignError: PA083 where it does not: another scaling of embeddings or logits, a head with a bias, a mask that is ignored.
    """
    weight = causal_lm(model).get_input_embeddings().weight
    device = weight.device
    with torch.inference_mode():
        fast = answer_logps(model, pack(trees).to(device), lower, first).cpu()
        plain = torch.cat([plain_logps(model, tree).cpu() for tree in trees])
    # bfloat16 has three digits: of a sum of −500 two answers' difference was seen to move by half a nat. In float32 paths that are right
    # agree within 1e-3 nats of −1,700, and one that scales embeddings twice was seen to be off by no more than 5.
    rtol, atol = (5e-3, 0.5) if weight.dtype == torch.bfloat16 else (1e-4, 0.05)
    if not torch.allclose(fast, plain, rtol=rtol, atol=atol):
        raise PluralignError(
            "PA083", f"{type(causal_lm(model)).__name__}: packed rows{f' from layer {first} on' if first else ''} give log-probabilities "
            f"{fast.tolist()}; separate rows {plain.tolist()}.",
            "This architecture scales embeddings or logits, or ignores masks; take another model family.",
        )  # fmt: skip
