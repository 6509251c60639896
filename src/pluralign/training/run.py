"""One fine-tune from a recipe: examples, adapter, curves, and all that says how it came about."""

from __future__ import annotations

import json
import math
import platform
import shutil
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import torch
from transformers import TrainerCallback, TrainingArguments

from pluralign import __version__
from pluralign.analysis.numbers import plain
from pluralign.errors import PluralignError
from pluralign.evaluation.ranks import n_ranks
from pluralign.ratings import Ratings
from pluralign.ratings.tables import write_text
from pluralign.training.base import Base
from pluralign.training.card import model_card
from pluralign.training.disk import room_needed
from pluralign.training.examples import Examples, Floats, examples_of
from pluralign.training.heap import GivingBack
from pluralign.training.memory import FIX, forget_memory, is_out_of_memory
from pluralign.training.probing import Probes, save_adapter
from pluralign.training.ranks import is_main_process
from pluralign.training.recipe import Recipe
from pluralign.training.run_folder import (
    ADAPTER,
    CARD,
    CHECKPOINTS,
    CURVES,
    RUN,
    SMALLER,
    Say,
    Trained,
    alone,
    forget_checkpoints,
    kept_run,
    last_checkpoint,
    offset_sha256,
    own_folder,
)
from pluralign.training.trainer import PairTrainer

PACKAGES = ("pluralign", "torch", "transformers", "peft", "trl", "accelerate", "datasets")


def optimiser_steps(recipe: Recipe, n_votes: float) -> int:
    """How many steps a recipe takes: as many as it says, or what its epochs over vote rows come to.

    Args:
        recipe: protocol, steps, epochs, batch.
        n_votes: vote rows of the condition, however they are collapsed.
    """
    return math.ceil(recipe.epochs * n_votes / recipe.batch) if recipe.protocol == "epochs" else recipe.steps


def train(
    recipe: Recipe, base: Base, ratings: Ratings, folder: Path, *, command: str = "", offset: Floats | None = None, say: Say = print
) -> Trained:  # fmt: skip
    """Train an adapter on pairs or single answers.

    Args:
        recipe: what to do; not of method `grpo`.
        base: the model, which has no adapter before nor after.
        ratings: the three tables.
        folder: where to; a run that was stopped there goes on.
        command: what the card says to type.
        offset: (n,) margins of modpo, see `margins`.
        say: told what happens.

    Raises:
        PluralignError: PA090–PA095 for recipe and condition, PA096 for a loss that is not finite or memory that does not suffice, PA097
            where the folder holds a run of another recipe, model, ratings or margins, PA098 where nothing changed, PA055 on a full disk.
    """
    began = time.perf_counter()
    accumulation(recipe)  # what it refuses is refused before the folder is taken
    examples = examples_of(recipe, ratings, base.chat(recipe.max_length), offset)
    half = max(1, recipe.micro_batch // 2)
    with alone(folder), room_needed(folder):
        own_folder(folder, recipe, base, ratings, examples.offset)
        return kept_run(folder, say) or within_memory(
            lambda one: _train(one, base, ratings, folder, examples, command, say, began),
            recipe, half if recipe.batch % half == 0 else 1, folder, f"the batch stays {recipe.batch}", say,
        )  # fmt: skip


def within_memory(
    attempt: Callable[[Recipe], Trained], recipe: Recipe, smaller: int, folder: Path, stays: str, say: Say
) -> Trained:
    """Run, and once more with smaller micro-batches where memory does not suffice; what a step learns from is the same.

    Args:
        attempt: the run.
        recipe: of it.
        smaller: the micro-batch of the second try.
        folder: whose checkpoints are of the first.
        stays: what does not change, in words.
        say: told.

    Raises:
        PluralignError: PA096 where the second try, or the first with micro-batches of 1, does not fit; with several processes at the first,
            and the next run of the same makes the second.
    """
    halved, known = recipe.changed(micro_batch=smaller), folder / SMALLER
    if known.is_file():  # a run that goes on: its checkpoints are of the smaller one
        say(f"memory did not suffice before: micro_batch {smaller}, {stays}")
    else:
        try:
            return attempt(recipe)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if recipe.micro_batch == 1:
                raise _no_memory(recipe) from error
            say(f"out of memory: micro_batch {recipe.micro_batch} -> {smaller}, {stays}")
        forget_memory()
        shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
        write_text(f"{smaller}\n", known)
        if n_ranks() > 1:  # the others wait for this one in a step that it would not come back to
            raise PluralignError(
                "PA096", f"out of memory with micro_batch {recipe.micro_batch} in one of {n_ranks()} processes.",
                f"Run the same again: it takes micro_batch {smaller}, {stays}.",
            )  # fmt: skip
    try:
        return attempt(halved)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise _no_memory(halved) from error


def _no_memory(recipe: Recipe) -> PluralignError:
    smaller = (
        f"Set micro_batch={max(1, recipe.micro_batch // 4)}: fewer at once, the same batch. Or: "
        if recipe.micro_batch > 1
        else ""
    )
    return PluralignError("PA096", f"out of memory with micro_batch {recipe.micro_batch}.", smaller + FIX)


def _train(
    recipe: Recipe, base: Base, ratings: Ratings, folder: Path, examples: Examples, command: str, say: Say, began: float
) -> Trained:
    steps = optimiser_steps(recipe, examples.n_votes)
    say(f"{len(examples)} examples ({examples.n_votes:g} votes), {steps} steps of {recipe.batch}")
    base.check_packing(examples.trees[:1], recipe.lora.first_layer)
    if (lower := base.lower(recipe.lora.first_layer)) is not None:
        lower.add(examples.trees)
    prepared = time.perf_counter()
    with base.adapted(recipe.lora, recipe.seed) as model:
        probes = Probes(base, recipe, ratings, folder, steps)
        trainer = PairTrainer(
            base,
            model,
            recipe,
            examples,
            steps,
            arguments(recipe, folder, steps, base),
            [probes, Saying(say, steps), GivingBack()],
        )
        started = time.perf_counter()
        trainer.train(resume_from_checkpoint=last_checkpoint(folder))
        ended = time.perf_counter()
        last = probes.last(model, trainer.state.global_step)
        save_adapter(model, folder / ADAPTER)
        curves = trainer.state.log_history + probes.rows
        info = {
            **circumstances(recipe, base, ratings), "steps": trainer.state.global_step, "n_examples": len(examples),
            "n_votes": examples.n_votes, "data_sha256": examples.data_sha256, **last,
            **({"offset_sha256": offset_sha256(examples.offset)} if recipe.method == "modpo" else {}),
            "seconds": {"prepare": prepared - began, "reference": started - prepared, "train": ended - started, "all": time.perf_counter() - began},
        }  # fmt: skip
    return finish(folder, info, curves, recipe, ratings, command)


def circumstances(recipe: Recipe, base: Base, ratings: Ratings) -> dict[str, Any]:
    """What `run.json` says of any run, however it trains."""
    return {
        "method": recipe.method, "condition": recipe.condition, "model": base.name, "weights": base.digest, "dtype": recipe.dtype,
        "device": device_name(base.device), "processes": n_ranks(), "seed": recipe.seed, "recipe": recipe.digest, "micro_batch": recipe.micro_batch,
        "ratings": ratings.provenance.label, "ratings_sha256": ratings.provenance.checksum, "kappa": kappas(ratings),
        "versions": versions(),
    }  # fmt: skip


def finish(
    folder: Path, info: dict[str, Any], curves: list[dict[str, Any]], recipe: Recipe, ratings: Ratings, command: str
) -> Trained:
    """Write curves and card, mark the run as finished, and remove what only resuming needs; a number that is not defined is null.

    Of several processes the first one writes for all.
    """
    info = plain(info)
    if not is_main_process():
        return Trained(folder, info)
    write_curves(curves, folder / CURVES)
    write_text(model_card(info, recipe, ratings, command), folder / CARD)
    write_text(json.dumps(info, indent=1, sort_keys=True) + "\n", folder / RUN)
    forget_checkpoints(folder)
    return Trained(folder, info)


def accumulation(recipe: Recipe) -> int:
    """Micro-batches that a device adds up for a step.

    Raises:
        PluralignError: PA095 where a batch does not divide into devices and micro-batches.
    """
    world = n_ranks()
    if recipe.batch % (recipe.micro_batch * world):
        share, rest = divmod(recipe.batch, world)
        fix = (
            f"Set batch to a multiple of {world}"
            if rest or not share
            else f"Set micro_batch to {share} or what divides it"
        )
        raise PluralignError(
            "PA095", f"batch {recipe.batch} does not divide into {world} device(s) × micro_batch {recipe.micro_batch}.",
            f"{fix}, or start fewer processes (accelerate launch --num_processes 1).",
        )  # fmt: skip
    return recipe.batch // (recipe.micro_batch * world)


def arguments(recipe: Recipe, folder: Path, steps: int, base: Base) -> TrainingArguments:
    """The trainer's own settings; autocast is ours, so that both of its halves are the same everywhere."""
    return TrainingArguments(
        **shared_arguments(recipe, folder, steps, base), remove_unused_columns=False, gradient_accumulation_steps=accumulation(recipe)
    )  # fmt: skip


def shared_arguments(recipe: Recipe, folder: Path, steps: int, base: Base) -> dict[str, Any]:
    """Settings that our trainer and trl's share."""
    return {
        "output_dir": str(folder / CHECKPOINTS), "max_steps": steps, "per_device_train_batch_size": recipe.micro_batch,
        "learning_rate": recipe.learning_rate, "lr_scheduler_type": recipe.schedule, "warmup_steps": recipe.warmup_steps(steps),
        "max_grad_norm": recipe.max_grad_norm, "weight_decay": recipe.weight_decay, "seed": recipe.seed,
        "use_cpu": base.device.type == "cpu", "bf16": False, "logging_steps": 1, "report_to": [], "disable_tqdm": True,
        "save_strategy": "steps", "save_steps": max(1, min(steps // 4, 200)), "save_total_limit": 1,
        "dataloader_pin_memory": False, "optim": "adamw_torch",
        # Every adapter is used, and so is dro's value of a prompt: that is no part of what is called, and would be taken for unused.
        "ddp_find_unused_parameters": False,
    }  # fmt: skip


class Saying(TrainerCallback):
    """Says every few steps where a run is.

    Args:
        say: told.
        steps: of the run.
    """

    def __init__(self, say: Say, steps: int) -> None:
        self.say, self.steps, self.every = say, steps, max(1, steps // 10)

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Say step and loss."""
        loss = kwargs["logs"].get("loss")
        if loss is not None and state.global_step % self.every == 0:
            self.say(f"step {state.global_step} of {self.steps}, loss {loss:.3f}")


def write_curves(rows: list[dict[str, Any]], path: Path) -> None:
    """What was logged as CSV: a row a step, empty where nothing was measured."""
    merged: dict[int, dict[str, Any]] = {}
    for row in rows:
        if "step" in row and "train_runtime" not in row:
            merged.setdefault(int(row["step"]), {}).update(row)
    names = ["step", *sorted({name for row in merged.values() for name in row} - {"step", "epoch"})]
    table = pa.table({name: pa.array([merged[k].get(name) for k in sorted(merged)], pa.float64()) for name in names})
    with pa.BufferOutputStream() as stream:
        pacsv.write_csv(table, stream)
        write_text(stream.getvalue().to_pybytes().decode(), path)


def versions() -> dict[str, str]:
    """Versions of the packages that decide the result, and of Python."""
    found = {"python": platform.python_version(), "pluralign": __version__}
    for package in PACKAGES[1:]:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def device_name(device: torch.device) -> str:
    """What computed it."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu ({torch.get_num_threads()} threads)"


def kappas(ratings: Ratings) -> dict[str, Any]:
    """Every κ of simulated ratings that is above 0."""
    tagged = ratings.provenance.details.get("parameters") or {}
    values = {name: entry["value"] for name, entry in tagged.items() if name.endswith(".kappa")}
    return {
        name.removesuffix(".kappa"): {g: k for g, k in value.items() if k}
        for name, value in values.items()
        if any(value.values())
    }
