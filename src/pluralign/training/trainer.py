"""The `transformers` trainer with our losses: packed rows, kept reference log-probabilities, weights and soft labels.

Everything else, from accumulation over devices to resuming, is the trainer's own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file, save_file
from torch.utils.data import DataLoader
from transformers import PrinterCallback, Trainer, TrainerCallback

from pluralign.errors import PluralignError
from pluralign.evaluation.ranks import of_all_ranks
from pluralign.training import losses
from pluralign.training.base import Base
from pluralign.training.batches import LengthBatches
from pluralign.training.examples import Examples, modpo_dimensions, named
from pluralign.training.forward import causal_lm, logps_and_states
from pluralign.training.packing import Packed, pack
from pluralign.training.recipe import Recipe

PER_ROW = {"dpo": 2, "ipo": 2, "modpo": 2, "kto": 2, "dro": 1, "sft": 1}
"""Answers in a row, by method."""
VALUE = "dro_value"
VALUE_FILE = f"{VALUE}.safetensors"
"""In a checkpoint of dro: peft saves its adapter alone."""


@dataclass
class Batch:
    """A micro-batch of n rows of m answers.

    Attributes:
        packed: their tokens.
        lower: states below the lowest adapter, or None.
        reference: (n, m) log-probabilities under the base, nats.
        p_chosen, score, weight, offset: (n,), as in `Examples`.
    """

    packed: Packed
    lower: torch.Tensor | None
    reference: torch.Tensor
    p_chosen: torch.Tensor
    score: torch.Tensor
    weight: torch.Tensor
    offset: torch.Tensor

    def to(self, device: Any, **_: Any) -> Batch:
        """The same on a device."""
        moved: dict[str, Any] = {name: None if one is None else one.to(device) for name, one in vars(self).items()}
        return Batch(**moved)


def check_finite(loss: float, step: int, fix: str) -> None:
    """A loss that is not finite ends a run.

    Raises:
        PluralignError: PA096.
    """
    if not math.isfinite(loss):
        raise PluralignError(
            "PA096", f"the loss of step {step} is {loss}.", f"{fix} What was saved before this step is still there."
        )


def order(delta: torch.Tensor, p_chosen: torch.Tensor, beta: float) -> dict[str, float]:
    """How far a policy puts the answer first that the votes prefer.

    Args:
        delta: (n,) log-ratio of the first answer − of the second, nats.
        p_chosen: (n,) share of the votes for the first; pairs at .5 say nothing and are left out.
        beta: per nat.

    Returns:
        `accuracy`, where no difference counts half, and `margin`, β · difference; nothing where no pair says anything.

    >>> order(torch.tensor([2.0, 0.0, 9.0]), torch.tensor([1.0, 0.25, 0.5]), 0.5)
    {'accuracy': 0.75, 'margin': 0.5}
    >>> order(torch.tensor([2.0]), torch.tensor([0.5]), 0.5)
    {}
    """
    said = p_chosen != 0.5
    if not said.any():
        return {}
    right = delta[said] * (p_chosen[said] - 0.5).sign()
    return {"accuracy": (0.5 * (1 + right.sign())).mean().item(), "margin": (beta * right).mean().item()}


class PairTrainer(Trainer):
    """Trains an adapter on a recipe's examples.

    Args:
        base: the base model, adapted.
        model: it with its adapter.
        recipe: method, beta, batch.
        examples: what to train on.
        steps: optimiser steps.
        args: the trainer's own.
        callbacks: the trainer's own.
    """

    def __init__(
        self, base: Base, model: Any, recipe: Recipe, examples: Examples, steps: int, args: Any, callbacks: Sequence[TrainerCallback]
    ) -> None:  # fmt: skip
        self.base, self.recipe, self.examples, self.steps = base, recipe, examples, steps
        self.first = recipe.lora.first_layer
        self._measured: list[dict[str, float]] = []
        if recipe.method == "dro":
            # The value of a prompt is linear in the state before its answer; it is learnt beside the policy.
            model.add_module(VALUE, torch.nn.Linear(causal_lm(model).config.hidden_size, 1).to(base.device))
        with base.without_adapter(model):
            self._reference = base.reference_logps(examples.trees, self.first).reshape(-1, PER_ROW[recipe.method])
        super().__init__(model=model, args=args, train_dataset=list(range(len(examples))), callbacks=list(callbacks))
        self.model_accepts_loss_kwargs = False
        self.remove_callback(PrinterCallback)

    def get_train_dataloader(self) -> Any:
        """Batches of like length; accelerate deals the micro-batches out over devices."""
        lengths = [tree.n_tokens for tree in self.examples.trees]
        sampler = LengthBatches(
            lengths, self.recipe.batch, self.args.per_device_train_batch_size, self.steps, self.recipe.seed
        )
        return self.accelerator.prepare(
            DataLoader(cast(Any, self.train_dataset), batch_sampler=sampler, collate_fn=self._collate)
        )

    def _collate(self, rows: list[int]) -> Batch:
        trees = [self.examples.trees[k] for k in rows]
        lower = self.base.lower(self.first)
        of = self.examples
        columns = (of.p_chosen, of.score, of.weight, of.offset)
        return Batch(
            pack(trees), lower(trees) if lower else None, torch.from_numpy(self._reference[rows]).float(),
            *(torch.from_numpy(column[rows]).float() for column in columns),
        )  # fmt: skip

    def _prepare_inputs(self, inputs: Any) -> Any:
        return inputs.to(self.args.device)

    def floating_point_ops(self, inputs: Any) -> int:  # noqa: ARG002
        """Not counted: the trainer's formula takes rows that are not packed."""
        return 0

    def _get_num_items_in_batch(self, _batches: Any, _device: Any) -> None:
        """Losses are means over examples, not over tokens."""

    def compute_loss(
        self,
        model: Any,
        inputs: Any,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,  # noqa: ARG002 - ours is a mean over examples
    ) -> Any:
        """The weighted mean loss of a micro-batch."""
        n = len(inputs.weight)
        logps, states = logps_and_states(model, inputs.packed, inputs.lower, self.first)
        logps = logps.view(n, -1)
        ratios = logps - inputs.reference
        each = self._each(inputs, logps, ratios, states)
        loss = (each * inputs.weight).mean()
        check_finite(loss.item(), self.state.global_step + 1, "Lower learning_rate or beta, or take dtype float32.")
        self._measure(inputs, logps.detach(), ratios.detach())
        return (loss, {}) if return_outputs else loss

    def _each(self, inputs: Batch, logps: torch.Tensor, ratios: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        beta, p = self.recipe.beta, inputs.p_chosen
        lengths = inputs.packed.n_tokens.view(len(p), -1)
        match self.recipe.method:
            case "dpo":
                return losses.dpo(ratios[:, 0], ratios[:, 1], p, beta)
            case "modpo":
                own, _ = modpo_dimensions(named(self.recipe.condition))
                share = self.recipe.dimension_weights.get(own, 0.5)
                return losses.dpo(ratios[:, 0], ratios[:, 1], p, beta / share, inputs.offset)
            case "ipo":
                rates = ratios / lengths
                return losses.ipo(rates[:, 0], rates[:, 1], p, beta)
            case "kto":
                kl = self.accelerator.gather(ratios[:, 1].detach()).mean().clamp(min=0)
                return losses.kto(ratios[:, 0], p > 0.5, kl, beta, **self.recipe.kto.model_dump())
            case "sft":
                return losses.sft(logps[:, 0], lengths[:, 0])
            case _:
                value = self._value_head()(states)[:, 0]
                return losses.dro(ratios[:, 0], inputs.score, value, beta)

    def _measure(self, inputs: Batch, logps: torch.Tensor, ratios: torch.Tensor) -> None:
        """Note what a curve is drawn of."""
        found = {"chosen_logratio": ratios[:, 0].mean().item(), "logp": logps[:, 0].mean().item()}
        if self.recipe.method in ("dpo", "ipo", "modpo"):
            found["rejected_logratio"] = ratios[:, 1].mean().item()
            found |= order(ratios[:, 0] - ratios[:, 1], inputs.p_chosen, self.recipe.beta)
        self._measured.append(found)

    def _value_head(self) -> Any:
        """What dro learns beside the policy; None of other methods."""
        return getattr(self.accelerator.unwrap_model(self.model), VALUE) if self.recipe.method == "dro" else None

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        super()._save(output_dir, state_dict)
        head = self._value_head()
        if head is not None and self.args.should_save:
            save_file(head.state_dict(), Path(output_dir or str(self.args.output_dir)) / VALUE_FILE)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        if (head := self._value_head()) is not None:
            head.load_state_dict(load_file(Path(resume_from_checkpoint) / VALUE_FILE))

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Add the means of what was noted since the last time, by all processes."""
        if "loss" in logs:
            measured = [one for noted in of_all_ranks(self._measured) for one in noted]
            for name in sorted({name for one in measured for name in one}):
                values = [one[name] for one in measured if name in one]
                logs[name] = sum(values) / len(values)
            self._measured.clear()
        super().log(logs, *args, **kwargs)
