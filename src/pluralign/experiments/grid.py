"""One cell from recipe to scores. Every stage leaves a file; what is there is not done again, what is half-written does not count."""

from __future__ import annotations

import json
import shutil
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from pluralign.errors import PluralignError
from pluralign.experiments.asked import FRONTIER, Lacking, lacking
from pluralign.experiments.cells import BASE, CELL, GENERATED, HELD_OUT, Cell, generations, teacher_of
from pluralign.experiments.command import command_of
from pluralign.experiments.comparable import deciding_values
from pluralign.experiments.generated import are_generated, forget_generations, generators
from pluralign.experiments.measure import Place, generate, measured, no_adapter, ratings_of, to_generate
from pluralign.experiments.settings import Settings, probed, recipe_of
from pluralign.ratings import Ratings
from pluralign.ratings.tables import write_text
from pluralign.schema import LANGUAGES
from pluralign.training.base import Base
from pluralign.training.examples import rows_of
from pluralign.training.margins import margins
from pluralign.training.recipe import Recipe, read_recipe
from pluralign.training.run import optimiser_steps, train, versions
from pluralign.training.run_folder import ADAPTER, LOCK, RECIPE, RUN, BusyError, finished_run, is_finished, locked

FAILED = "failed.json"
MEASURED = (HELD_OUT, "answers_*.parquet", generations("*"), GENERATED, FRONTIER, f".{ADAPTER}-at-*")
"""Files, and folders in progress, that are of one adapter."""
Say = Callable[[str], None]


def run_cell(cell: Cell, base: Callable[[], Base], settings: Settings, results: Path, say: Say = print) -> Path:
    """Bring a cell to its end, from wherever it was; to a finished one is added what is asked now and was not then.

    Args:
        cell: what to do.
        base: opens its model.
        settings: of the grid.
        results: the grid's folder.
        say: told what happens.

    Returns:
        The cell's folder.

    Raises:
        BusyError: another process has it, or its teacher.
        PluralignError: as the stages raise; the reason is kept in `failed.json` too.
    """
    place = Place(cell, results, settings, base)
    folder = place.folder
    if not lacking(cell, settings, results):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        (folder / FAILED).unlink(missing_ok=True)
        try:
            if lacks := lacking(cell, settings, results):
                _stages(place, lacks, say)
        except BusyError:
            raise
        except Exception as error:
            told = {"error": type(error).__name__, "message": str(error), "traceback": traceback.format_exc()}
            with suppress(OSError):  # a disk that is full takes no word of it either; what is raised is what went wrong
                write_text(json.dumps(told, indent=1) + "\n", folder / FAILED)
            raise
    return folder


def _stages(place: Place, lacks: Lacking, say: Say) -> None:
    began = time.perf_counter()
    if lacks.begun and place.cell.condition != BASE:
        _trained(place, lacks, say)
    if place.settings.answers_only:
        generate(place, lacks, say)
        return
    ended = time.perf_counter()
    told = measured(place, lacks, say)
    seconds = {"train": ended - began, "measure": time.perf_counter() - ended}
    info = _new(place, told, seconds) if lacks.begun else _extended(place, lacks, told, seconds)
    write_text(json.dumps(info, indent=1, sort_keys=True) + "\n", place.folder / CELL)
    forget_generations(place.folder, lacks.languages)


def _new(place: Place, told: dict[str, Any], seconds: dict[str, float]) -> dict[str, Any]:
    """What `cell.json` tells of a cell that was brought to its end."""
    cell, run = place.cell, finished_run(place.folder) or {}
    made = generators(place.folder)
    own = made[next(iter(told))]
    return {
        "cell": cell.to_json(), "judges": told, "ratings": ratings_of(place.settings.ratings, cell.control == "null").provenance.label,
        "weights": own["weights"], "dtype": run.get("dtype") or base_dtype(place.settings),
        "devices": {language: made[language]["device"] for language in told}, "data_sha256": run.get("data_sha256"),
        "versions": own["versions"], "judged_with": versions(), "seconds": seconds,
    }  # fmt: skip


def _extended(place: Place, lacks: Lacking, told: dict[str, Any], seconds: dict[str, float]) -> dict[str, Any]:
    """The same of a finished one to which something was added."""
    former = json.loads((place.folder / CELL).read_text("utf-8"))
    judges = {
        language: former["judges"].get(language, {}) | told.get(language, {})
        for language in {**former["judges"], **told}
    }
    made = generators(place.folder)
    devices = {language: made[language]["device"] for language in lacks.languages}
    later = {
        "languages": list(lacks.languages), "judges": [list(one) for one in lacks.judges], "frontier": lacks.frontier,
        "seconds": seconds["measure"], "versions": versions(),
    }  # fmt: skip
    return {
        **former, "judges": judges, "devices": former.get("devices", {}) | devices, "later": [*former.get("later", []), later],
    }  # fmt: skip


def base_dtype(settings: Settings) -> str:
    """The dtype of a base model that is not fine-tuned."""
    return str(settings.changes.get("dtype", "bfloat16"))


def _trained(place: Place, lacks: Lacking, say: Say) -> None:
    """Train a cell unless it is trained; a clone has results and no adapters, and what was answered elsewhere needs none."""
    cell, folder, settings = place.cell, place.folder, place.settings
    ratings = ratings_of(settings.ratings, cell.control == "null")
    if is_finished(folder):
        missing, wants_rewards = to_generate(place, lacks, say)
        if (folder / ADAPTER).is_dir() or not (missing or wants_rewards or lacks.frontier):
            check_run(place, ratings)
            return
        if any(are_generated(folder, language) for language in LANGUAGES):  # another adapter would not be who gave them
            raise no_adapter(place, missing)
    recipe, base = _as_begun(recipe_in_full(place, ratings), folder, say), place.base()
    forget(folder)
    say("training")
    command = command_of(cell, settings, folder)
    if recipe.method == "grpo":
        from pluralign.training.grpo import train_grpo

        # The reward is held against every judge that evaluates: names with commas between them are a jury.
        judges = ",".join((settings.judging.judge, *settings.judging.besides))
        train_grpo(recipe, base, ratings, folder, command=command, evaluating=judges, say=say)
        return
    offset = modpo_offset(place, recipe, base, ratings) if recipe.method == "modpo" else None
    train(recipe, base, ratings, folder, command=command, offset=offset, say=say)


def check_run(place: Place, ratings: Ratings) -> None:
    """That a run which is finished in a cell's folder is this cell's: a script may have trained it there, or the grid with other settings.

    Raises:
        PluralignError: PA097 where its recipe or its ratings are others; PA095 where a judge that evaluates rewarded it.
    """
    folder, run, settings = place.folder, finished_run(place.folder) or {}, place.settings
    recipe = recipe_in_full(place, ratings)
    own = deciding_values(recipe.model_dump(mode="json"))
    former = deciding_values(read_recipe(folder / RECIPE).model_dump(mode="json"))
    differ = [
        f"{key}: {former.get(key)!r} there, {own.get(key)!r} now"
        for key in {**former, **own}
        if former.get(key) != own.get(key)
    ]
    if run.get("ratings_sha256", ratings.provenance.checksum) != ratings.provenance.checksum:
        differ.append(f"ratings: {run.get('ratings')} there, {ratings.provenance.label} now, or another version")
    if differ:
        raise PluralignError(
            "PA097", f"{folder} holds a run of another recipe or other ratings: {'; '.join(differ)}.",
            "Remove it, or train it as the grid would: with the same --set, seed, ties and protocol.",
        )  # fmt: skip
    if recipe.method == "grpo" and not settings.answers_only:  # the judge may not be installed where models are trained
        from pluralign.training.reward import check_apart

        check_apart(recipe.grpo.reward, ratings, ",".join((settings.judging.judge, *settings.judging.besides)))


def recipe_in_full(place: Place, ratings: Ratings) -> Recipe:
    """The recipe of a cell, with the probes of one of protocol epochs, whose steps depend on the ratings.

    Raises:
        PluralignError: PA090–PA095 for recipe and condition.
    """
    settings = place.settings
    recipe = recipe_of(place.cell, settings.changes, settings.frontier)
    if recipe.protocol != "epochs":
        return recipe
    n_votes = float(np.sum(rows_of(recipe, ratings).column("weight").to_numpy()))
    return probed(recipe, settings.changes, optimiser_steps(recipe, n_votes))


def forget(folder: Path) -> None:
    """Remove what was measured of a former adapter, and its run where that was finished: a new adapter is not its own former answers."""
    former = (*MEASURED, f"{ADAPTER}-at-*", ADAPTER, RECIPE, "checkpoints", RUN) if is_finished(folder) else MEASURED
    for pattern in former:
        for path in folder.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _as_begun(recipe: Recipe, folder: Path, say: Say) -> Recipe:
    """The recipe with the probes and checkpoints that a run was begun with; a run that keeps none begins anew where some are asked for."""
    if is_finished(folder) or not (folder / RECIPE).is_file():
        return recipe
    begun = read_recipe(folder / RECIPE)
    if recipe.protocol != "kl":  # whose run ends by its probes
        recipe = recipe.changed(probe_every=begun.probe_every)
    if begun.checkpoints and not recipe.checkpoints:
        return recipe.changed(checkpoints=list(begun.checkpoints))
    if recipe.checkpoints and not begun.checkpoints and begun == recipe.changed(checkpoints=[]):
        say("the run that was begun keeps no adapters on the way: it begins anew")
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        (folder / RECIPE).unlink()
    return recipe


def modpo_offset(place: Place, recipe: Recipe, base: Base, ratings: Ratings) -> np.ndarray:
    """MODPO's margin from the grid's own policy for the other dimension.

    Raises:
        BusyError: another process works on that policy.
        PluralignError: PA097 where it is not there.
    """
    teacher = teacher_of(place.cell)
    assert teacher is not None
    folder, named = teacher.folder(place.results), f"modpo needs the adapter of {teacher.name}, seed {teacher.seed}"
    if not is_finished(folder):
        if (folder / LOCK).is_file():
            with locked(folder):  # raises where another process has it
                pass
        raise PluralignError(
            "PA097", f"{named}, and that cell is not trained.", "Run exp4, which has it, or see why it failed."
        )
    if not (folder / ADAPTER).is_dir():
        raise PluralignError(
            "PA097", f"{named}, which is not at {folder / ADAPTER}.",
            "Train it first: remove that cell's folder and run exp4 again (adapters are not committed).",
        )  # fmt: skip
    return margins(recipe, base, ratings, folder / ADAPTER)
