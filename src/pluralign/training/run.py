"""One fine-tune from a recipe: examples, adapter, curves, and all that says how it came about.

A folder that holds `run.json` is a finished run; it is written last. A run that was stopped goes on from the trainer's last checkpoint.
"""

from __future__ import annotations

import json
import math
import os
import platform
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import torch
from transformers import TrainerCallback, TrainingArguments

from pluralign import __version__
from pluralign.errors import PluralignError
from pluralign.evaluation.prompts import load_prompts
from pluralign.ratings import Ratings
from pluralign.ratings.tables import write_text
from pluralign.training.base import Base, check_changed
from pluralign.training.card import model_card
from pluralign.training.examples import Examples, Floats, examples_of
from pluralign.training.forward import check_packing
from pluralign.training.heldout import FRESH, held_out, held_out_pairs, log_ratios
from pluralign.training.probe import drift
from pluralign.training.recipe import Recipe
from pluralign.training.trainer import PairTrainer

RUN, RECIPE, CURVES, CARD, ADAPTER = "run.json", "recipe.yaml", "curves.csv", "README.md", "adapter"
PACKAGES = ("pluralign", "torch", "transformers", "peft", "trl", "accelerate", "datasets")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Trained:
    """A finished run.

    Attributes:
        folder: with adapter, recipe, curves, card and `run.json`.
        info: what `run.json` holds.
    """

    folder: Path
    info: dict[str, Any]


def is_finished(folder: Path) -> bool:
    """Whether a folder holds a finished run."""
    return (folder / RUN).is_file()


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
            where the folder holds a run of another recipe, PA098 where nothing changed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    own_folder(folder, recipe, base)
    chat = base.chat(recipe.max_length)
    examples = examples_of(recipe, ratings, chat, offset)
    began = time.perf_counter()
    half = max(1, recipe.micro_batch // 2)
    return within_memory(
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
        PluralignError: PA096 where the second try, or the first with micro-batches of 1, does not fit.
    """
    try:
        return attempt(recipe)
    except (torch.OutOfMemoryError, MemoryError) as error:
        if recipe.micro_batch == 1:
            raise _no_memory(recipe) from error
        say(f"out of memory: micro_batch {recipe.micro_batch} -> {smaller}, {stays}")
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    halved = recipe.changed(micro_batch=smaller)
    try:
        return attempt(halved)
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _no_memory(halved) from error


def _no_memory(recipe: Recipe) -> PluralignError:
    return PluralignError(
        "PA096", f"out of memory with micro_batch {recipe.micro_batch}.", "Take a smaller model or max_length, or a larger device."
    )  # fmt: skip


def own_folder(folder: Path, recipe: Recipe, base: Base) -> None:
    """Write the recipe down, or refuse a folder that another one was begun in."""
    place = folder / RECIPE
    text = f"# {base.name}, weights {base.digest}\n{recipe.to_yaml()}"
    if place.is_file() and place.read_text("utf-8") != text:
        raise PluralignError(
            "PA097", f"{folder} holds a run of another recipe or model.", "Name another folder, or remove it."
        )
    write_text(text, place)


def _train(
    recipe: Recipe, base: Base, ratings: Ratings, folder: Path, examples: Examples, command: str, say: Say, began: float
) -> Trained:
    steps = optimiser_steps(recipe, examples.n_votes)
    say(f"{len(examples)} examples ({examples.n_votes:g} votes), {steps} steps of {recipe.batch}")
    check_packing(base.model, examples.trees[:1])
    if (lower := base.lower(recipe.lora.first_layer)) is not None:
        lower.add(examples.trees)
    prepared = time.perf_counter()
    with base.adapted(recipe.lora, recipe.seed) as model:
        probes = Probes(base, recipe, ratings, folder, steps)
        trainer = PairTrainer(
            base, model, recipe, examples, steps, arguments(recipe, folder, steps, base), [probes, Saying(say, steps)]
        )
        started = time.perf_counter()
        trainer.train(resume_from_checkpoint=last_checkpoint(folder))
        ended = time.perf_counter()
        last = probes.last(model, trainer.state.global_step)
        model.save_pretrained(str(folder / ADAPTER))
        curves = trainer.state.log_history + probes.rows
        info = {
            **circumstances(recipe, base, ratings), "steps": trainer.state.global_step, "n_examples": len(examples),
            "n_votes": examples.n_votes, "data_sha256": examples.data_sha256, "end": last,
            "seconds": {"prepare": prepared - began, "reference": started - prepared, "train": ended - started, "all": time.perf_counter() - began},
        }  # fmt: skip
    write_curves(curves, folder / CURVES)
    return finish(folder, info, recipe, ratings, command)


def circumstances(recipe: Recipe, base: Base, ratings: Ratings) -> dict[str, Any]:
    """What `run.json` says of any run, however it trains."""
    return {
        "method": recipe.method, "condition": recipe.condition, "model": base.name, "weights": base.digest, "dtype": recipe.dtype,
        "device": device_name(base.device), "seed": recipe.seed, "recipe": recipe.digest, "micro_batch": recipe.micro_batch,
        "ratings": ratings.provenance.label, "ratings_sha256": ratings.provenance.checksum, "kappa": kappas(ratings),
        "versions": versions(),
    }  # fmt: skip


def finish(folder: Path, info: dict[str, Any], recipe: Recipe, ratings: Ratings, command: str) -> Trained:
    """Write the card, remove what only resuming needs, and mark the run as finished."""
    write_text(model_card(info, recipe, ratings, command), folder / CARD)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    write_text(json.dumps(info, indent=1, sort_keys=True) + "\n", folder / RUN)
    return Trained(folder, info)


def arguments(recipe: Recipe, folder: Path, steps: int, base: Base) -> TrainingArguments:
    """The trainer's own settings; autocast is ours, so that both of its halves are the same everywhere."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if recipe.batch % (recipe.micro_batch * world):
        raise PluralignError(
            "PA095", f"batch {recipe.batch} does not divide into {world} device(s) × micro_batch {recipe.micro_batch}.",
            "Set batch or micro_batch.",
        )  # fmt: skip
    return TrainingArguments(
        **shared_arguments(recipe, folder, steps, base), remove_unused_columns=False,
        gradient_accumulation_steps=recipe.batch // (recipe.micro_batch * world),
    )  # fmt: skip


def shared_arguments(recipe: Recipe, folder: Path, steps: int, base: Base) -> dict[str, Any]:
    """Settings that our trainer and trl's share."""
    return {
        "output_dir": str(folder / "checkpoints"), "max_steps": steps, "per_device_train_batch_size": recipe.micro_batch,
        "learning_rate": recipe.learning_rate, "lr_scheduler_type": recipe.schedule, "warmup_steps": recipe.warmup,
        "max_grad_norm": recipe.max_grad_norm, "weight_decay": recipe.weight_decay, "seed": recipe.seed,
        "use_cpu": base.device.type == "cpu", "bf16": False, "logging_steps": 1, "report_to": [], "disable_tqdm": True,
        "save_strategy": "steps", "save_steps": max(1, min(steps // 4, 200)), "save_total_limit": 1,
        "dataloader_pin_memory": False, "optim": "adamw_torch",
    }  # fmt: skip


def last_checkpoint(folder: Path) -> str | None:
    """The checkpoint that a run which was stopped goes on from."""
    found = sorted((folder / "checkpoints").glob("checkpoint-*"), key=lambda one: int(one.name.split("-")[1]))
    whole = [one for one in found if (one / "trainer_state.json").is_file()]
    return str(whole[-1]) if whole else None


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

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Probe every so many steps."""
        step, model = state.global_step, kwargs["model"]
        due = bool(self.recipe.probe_every) and step % self.recipe.probe_every == 0
        if step in self.keep_at:
            model.save_pretrained(str(self.folder / f"{ADAPTER}-at-{self.keep_at[step]:g}"))
        if (due or step in self.keep_at) and self.prompts:
            measured = self.measure(model, step)
            if self.recipe.protocol == "kl" and measured["kl"] >= self.recipe.kl_target:
                control.should_training_stop = True

    def measure(self, model: Any, step: int) -> dict[str, Any]:
        """One row of the curves."""
        found = asdict(drift(self.base, model, self.prompts, seed=self.recipe.seed))
        if self.pairs is not None:
            was_training = model.training
            model.eval()
            found["held_out_accuracy"] = self.pairs.accuracy(self.base, model, self.recipe.lora.first_layer)
            model.train(was_training)
        self.rows.append({"step": step, **found})
        return found

    def last(self, model: Any, step: int) -> dict[str, Any]:
        """Drift at the end, and that the adapter does anything at all."""
        chat = self.base.chat(self.recipe.max_length)
        some = held_out(self.ratings, chat, self.recipe.language, FRESH, 1) or held_out(
            self.ratings, chat, self.recipe.language, "test", 1
        )
        if some is not None and some.trees:
            few = type(some)(some.name, some.ratings, *_first(some, 4))
            table = log_ratios(self.base, model, few)
            check_changed(table.column("logp").to_numpy(), table.column("reference").to_numpy(), str(self.folder))
        if self.rows and self.rows[-1]["step"] == step:
            return {key: value for key, value in self.rows[-1].items() if key != "step"}
        return self.measure(model, step) if self.prompts else {}


def _first(held: Any, n: int) -> tuple[Any, ...]:
    """The columns and trees of the first prompts."""
    trees = held.trees[:n]
    k = sum(len(tree.answers) for tree in trees)
    return held.item_ids[:k], held.prompt_ids[:k], held.template_ids[:k], trees


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
