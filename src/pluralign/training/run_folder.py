"""A run's folder: whose it is, whether it is finished, where it goes on, and that one process at a time works in it.

A folder that holds `run.json` is a finished run; it is written last, and checkpoints are there until it is. A run that was
stopped goes on from the trainer's last checkpoint.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pluralign.errors import PluralignError
from pluralign.ratings import Ratings
from pluralign.ratings.tables import write_text
from pluralign.training import probing
from pluralign.training.base import Base
from pluralign.training.examples import Floats
from pluralign.training.ranks import is_main_process
from pluralign.training.recipe import Recipe, recipe_from

RUN, RECIPE, CURVES, CARD, ADAPTER = "run.json", "recipe.yaml", "curves.csv", "README.md", probing.ADAPTER
CHECKPOINTS, SMALLER = "checkpoints", ".micro_batch"
"""What only a run that goes on needs: the trainer's states, and that memory sufficed for a smaller micro-batch only."""
LOCK, OWN_LOCK = ".lock", ".training"
"""Files that are locked: by who works on a cell of a grid, and by who trains, in a grid or not."""
WEIGHTS = ", weights "
"""Between a model's name and what it is, in the first line of `recipe.yaml`."""
MICRO_BATCH = re.compile(r"^micro_batch: .*\n", re.MULTILINE)
"""Its line in `recipe.yaml`."""
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


class BusyError(Exception):
    """Another process works in this folder."""


@contextmanager
def locked(folder: Path, name: str = LOCK) -> Iterator[None]:
    """Have a folder for oneself; the lock of a process that was killed does not hold.

    Args:
        folder: which.
        name: of the file that is locked.

    Raises:
        BusyError: another process has it.
    """
    place = folder / name
    with place.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BusyError(str(folder)) from error
        yield
    place.unlink(missing_ok=True)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Train in a folder, which is made, and have it for oneself; the first of several processes of one run has it for all.

    Raises:
        PluralignError: PA097 where another run is at work there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with locked(folder, OWN_LOCK) if is_main_process() else nullcontext():
            yield
    except BusyError as error:
        raise PluralignError(
            "PA097", f"another process trains in {folder}.", "Wait for it, or name another folder."
        ) from error


def finished_run(folder: Path) -> dict[str, Any] | None:
    """What `run.json` of a finished run says; None where there is none, or where it was cut off in writing, which makes the run unfinished."""
    try:
        found = json.loads((folder / RUN).read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def is_finished(folder: Path) -> bool:
    """Whether a folder holds a finished run."""
    return finished_run(folder) is not None


def kept_run(folder: Path, say: Say) -> Trained | None:
    """The run that is finished in a folder, which is not done again; None where there is none, or its adapter is gone.

    Args:
        folder: of a run of this very recipe, model and ratings, see `own_folder`.
        say: told.
    """
    info = finished_run(folder)
    if info is None or not (folder / ADAPTER).is_dir():
        return None
    say(f"{folder} holds this run, finished: nothing is trained again")
    forget_checkpoints(folder)
    return Trained(folder, info)


def forget_checkpoints(folder: Path) -> None:
    """Remove what only a run that goes on needs."""
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    for name in (probing.PROBES, SMALLER):
        (folder / name).unlink(missing_ok=True)


def own_folder(folder: Path, recipe: Recipe, base: Base, ratings: Ratings, offset: Floats | None = None) -> None:
    """Write the recipe down under a line of what else the run depends on, or refuse a folder that another one was begun in.

    `micro_batch` decides nothing but memory: a run that was begun with another one begins anew with this one, and one that is finished is kept.

    Args:
        folder: of the run.
        recipe: of it; everything that can be set.
        base: by its weights.
        ratings: by their checksum.
        offset: margins, of modpo.

    Raises:
        PluralignError: PA097.
    """
    place = folder / RECIPE
    margins = f", offset {offset_sha256(offset)[:16]}" if recipe.method == "modpo" and offset is not None else ""
    head = f"# {base.name}{WEIGHTS}{base.digest}, ratings {ratings.provenance.checksum[:16]}{margins}"
    text = f"{head}\n{recipe.to_yaml()}"
    before = _as_now(place.read_text("utf-8"), base.name) if place.is_file() else text
    if MICRO_BATCH.sub("", before) != MICRO_BATCH.sub("", text):
        raise PluralignError(
            "PA097", f"{folder} holds a run of another recipe, model or ratings: {_differences(before, text)}.",
            "Name another folder, or remove it.",
        )  # fmt: skip
    if before != text:
        if is_finished(folder):
            return
        forget_checkpoints(folder)
    write_text(text, place)


def _as_now(text: str, name: str) -> str:
    """A `recipe.yaml` as it would be written now: groups that recipes have got since are added, at what was meant without them.

    The model is the one of these weights, whatever it was called: a folder may be named by another path, or from another machine.
    """
    head, _, values = text.partition("\n")
    _, known, rest = head.partition(WEIGHTS)
    head = f"# {name}{known}{rest}" if known else head
    try:
        return f"{head}\n{recipe_from(yaml.safe_load(values), RECIPE).to_yaml()}"
    except (PluralignError, yaml.YAMLError):  # no recipe: `_differences` says so
        return text


def _differences(before: str, now: str) -> str:
    """What two `recipe.yaml` differ in: the line on top, or keys."""
    told, tells = (one.partition("\n")[0].lstrip("# ") for one in (before, now))
    if told != tells:
        return f"it was begun with {told!r}, got {tells!r}"
    try:
        former, own = _flat(yaml.safe_load(before)), _flat(yaml.safe_load(now))
    except (yaml.YAMLError, AttributeError):
        return f"its {RECIPE} cannot be read"
    keys = [key for key in {**former, **own} if former.get(key) != own.get(key)]
    return (
        "; ".join(f"{key}: {former.get(key)!r} there, {own.get(key)!r} now" for key in keys) or f"its {RECIPE} differs"
    )


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Keys of mappings inside as `lora.r`."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def offset_sha256(offset: Floats) -> str:
    """sha256 over margins, bit by bit."""
    return hashlib.sha256(np.ascontiguousarray(offset, "<f8").tobytes()).hexdigest()


def last_checkpoint(folder: Path) -> str | None:
    """The checkpoint that a run which was stopped goes on from."""
    found = sorted((folder / CHECKPOINTS).glob("checkpoint-*"), key=lambda one: int(one.name.split("-")[1]))
    whole = [one for one in found if _is_whole(one)]
    return str(whole[-1]) if whole else None


def _is_whole(checkpoint: Path) -> bool:
    """Whether the trainer's state, which is written last, is there and not cut off."""
    try:
        return isinstance(json.loads((checkpoint / "trainer_state.json").read_text("utf-8")), dict)
    except (FileNotFoundError, ValueError):
        return False
