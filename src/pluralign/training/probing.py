"""Probes on the way: how far a run has gone from its base, when it has gone far enough, and adapters kept for frontiers."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from pluralign.evaluation.prompts import load_prompts
from pluralign.evaluation.ranks import of_all_ranks
from pluralign.ratings import Ratings
from pluralign.ratings.tables import write_text
from pluralign.training.base import FEW, Base, check_changed
from pluralign.training.heldout import FRESH, held_out, held_out_pairs
from pluralign.training.probe import drift
from pluralign.training.ranks import is_main_process
from pluralign.training.recipe import Recipe

ADAPTER = "adapter"
PROBES = "probes.jsonl"
"""What was measured so far, a row a line: a run that goes on from a checkpoint reads it; a finished one has it in its curves."""


class Probes(TrainerCallback):
    """Measures drift from the base on the way, keeps adapters for frontiers, and stops at a KL.

    Args:
        base: the base model.
        recipe: how often, on how many prompts, where to stop.
        ratings: of its held-out pairs.
        folder: of the run.
        steps: of the run.
    """

    def __init__(self, base: Base, recipe: Recipe, ratings: Ratings, folder: Path, steps: int) -> None:
        self.base, self.recipe, self.ratings, self.folder = base, recipe, ratings, folder
        self.rows: list[dict[str, Any]] = []
        self.keep_at = {max(1, round(share * steps)): share for share in recipe.checkpoints}
        rows = load_prompts(recipe.language)
        self.prompts = [row["prompt"] for row in rows[:: max(1, len(rows) // max(recipe.probe_prompts, 1))]][
            : recipe.probe_prompts
        ]
        chat = base.chat(recipe.max_length)
        self.pairs = held_out_pairs(recipe, ratings, chat, recipe.probe_prompts)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Read what was measured up to the checkpoint that the run goes on from; what came after it will be measured again."""
        self.rows = read_probes(self.folder / PROBES, state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Probe every so many steps."""
        step, model = state.global_step, kwargs["model"]
        due = bool(self.recipe.probe_every) and step % self.recipe.probe_every == 0
        if step in self.keep_at:
            save_adapter(model, self.folder / f"{ADAPTER}-at-{self.keep_at[step]:g}")
        if (due or step in self.keep_at) and self.prompts:
            measured = self.measure(model, step)
            if self.recipe.protocol == "kl" and measured["kl"] >= self.recipe.kl_target:
                control.should_training_stop = True
                # The trainer does not keep that it was told to stop: from a checkpoint of this step it would go on beyond the target.
                control.should_save = False

    def measure(self, model: Any, step: int) -> dict[str, Any]:
        """One row of the curves; what the first of several processes finds, so that all of them stop at one step."""
        found = asdict(drift(self.base, model, self.prompts, seed=self.recipe.seed))
        if self.pairs is not None:
            was_training = model.training
            model.eval()
            found["held_out_accuracy"] = self.pairs.accuracy(self.base, model, self.recipe.lora.first_layer)
            model.train(was_training)
        found = of_all_ranks(found)[0]
        self.rows.append({"step": step, **found})
        if is_main_process():
            write_text("".join(f"{json.dumps(row)}\n" for row in self.rows), self.folder / PROBES)
        return found

    def last(self, model: Any, step: int) -> dict[str, Any]:
        """What `run.json` says of the end, having made sure that the adapter does anything at all.

        Returns:
            `end`, drift there (nothing without probe prompts), and of protocol kl `kl_reached`: whether that is at its target, or the
            steps ran out first.
        """
        chat, language = self.base.chat(self.recipe.max_length), self.recipe.language
        some = held_out(self.ratings, chat, language, FRESH, 1, FEW) or held_out(
            self.ratings, chat, language, "test", 1, FEW
        )
        if some is not None and some.trees:
            check_changed(self.base, model, some.trees, str(self.folder))
        if self.rows and self.rows[-1]["step"] == step:
            end = {key: value for key, value in self.rows[-1].items() if key != "step"}
        else:
            end = self.measure(model, step) if self.prompts else {}
        return {"end": end} | (
            {"kl_reached": end["kl"] >= self.recipe.kl_target} if self.recipe.protocol == "kl" else {}
        )


def save_adapter(model: Any, folder: Path) -> None:
    """Write an adapter, once where several processes have it.

    Args:
        model: a peft model.
        folder: made where it is not there.
    """
    model.save_pretrained(str(folder), is_main_process=is_main_process())


def read_probes(path: Path, step: int) -> list[dict[str, Any]]:
    """Rows of `probes.jsonl` up to a step; none where there is no such file.

    Args:
        path: the file.
        step: of the checkpoint that a run goes on from; 0 for a run that begins.
    """
    if not path.is_file():
        return []
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [row for row in rows if row["step"] <= step]
