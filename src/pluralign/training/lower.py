"""What the layers below the lowest adapter give, computed once: for every condition, seed and step it is the same.

Each process of a run computes its own: they cost less than a forward pass, once, and whoever writes last keeps them.

With `lora.first_layer` at half of the layers, a step costs little more than half. States are kept in memory and in a file, in the base's
dtype: 200,000 tokens of a model of width 576 are 230 MB.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from pluralign.errors import PluralignError
from pluralign.training.forward import autocast, causal_lm, check_first_layer, layers_of
from pluralign.training.memory import Batches
from pluralign.training.packing import Packed, Tree, grouped, key_of, pack

ROWS = 8


class _ReachedError(Exception):
    """Carries the states out of a forward pass that goes no further."""

    def __init__(self, states: torch.Tensor) -> None:
        self.states = states


class LowerStates:
    """States of a base model after its first layers.

    Args:
        model: the base, with or without an adapter above.
        first: the layer whose input is kept.
        path: a file that keeps them between runs; None for none.

    Raises:
        PluralignError: PA095 for a layer that the model does not have; PA055 for a file that is broken.
    """

    def __init__(self, model: nn.Module, first: int, path: Path | None = None) -> None:
        check_first_layer(model, first)
        self.model, self.first, self.path = model, first, path
        self._kept: dict[str, torch.Tensor] = {}
        self._batches = Batches(ROWS)
        if path is not None and path.is_file():
            try:
                self._kept = load_file(path)
            except SafetensorError as error:
                raise PluralignError("PA055", f"{path} is broken ({error}).", "Remove it; it is made again.") from error

    def add(self, trees: Sequence[Tree]) -> None:
        """Compute what is not kept yet, and write it down.

        Raises:
            PluralignError: PA096 where memory does not suffice for one tree; PA055 where it cannot be written.
        """
        missing = grouped(trees, lambda tree: [key_of(tree.prompt, answer) in self._kept for answer in tree.answers])
        for _ in self._batches.of(missing, self._compute):
            pass
        if missing and self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            beside = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
            try:
                save_file(self._kept, beside)
                beside.replace(self.path)
            except (OSError, SafetensorError) as error:
                raise PluralignError(
                    "PA055", f"cannot write {self.path}: {error}.", "Set PLURALIGN_CACHE to a folder with room."
                ) from error
            finally:
                beside.unlink(missing_ok=True)

    @torch.no_grad()
    def _compute(self, trees: Sequence[Tree]) -> None:
        embedding = causal_lm(self.model).get_input_embeddings().weight
        batch = pack(trees).to(embedding.device)
        states = self._run(batch, embedding.dtype).cpu()
        for row, tree in enumerate(trees):
            at = len(tree.prompt)
            self._kept.setdefault(key_of(tree.prompt, ()), states[row, :at].clone())
            for answer in tree.answers:
                self._kept.setdefault(key_of(tree.prompt, answer), states[row, at : at + len(answer)].clone())
                at += len(answer)

    def _run(self, batch: Packed, dtype: torch.dtype) -> torch.Tensor:
        def stop(_module: nn.Module, args: tuple[torch.Tensor, ...], kwargs: dict[str, torch.Tensor]) -> None:
            raise _ReachedError(args[0] if args else kwargs["hidden_states"])

        _, layers = layers_of(self.model)
        handle = layers[self.first].register_forward_pre_hook(stop, with_kwargs=True)
        try:
            with autocast(self.model):
                causal_lm(self.model)(
                    input_ids=batch.input_ids, attention_mask=batch.mask(dtype), position_ids=batch.position_ids, use_cache=False
                )  # fmt: skip
        except _ReachedError as reached:
            return reached.states
        finally:
            handle.remove()
        raise RuntimeError("the model never reached its own layer")  # pragma: no cover

    def __call__(self, trees: Sequence[Tree]) -> torch.Tensor:
        """(rows, width, d), padded with 0, in the layout of `pack(trees)`; what is not kept is computed."""
        self.add(trees)
        width = max(tree.n_tokens for tree in trees)
        some = self._kept[key_of(trees[0].prompt, ())]
        out = torch.zeros(len(trees), width, some.shape[1], dtype=some.dtype)
        for row, tree in enumerate(trees):
            out[row, : tree.n_tokens] = torch.cat(
                [self._kept[key_of(tree.prompt, part)] for part in ((), *tree.answers)]
            )
        return out
