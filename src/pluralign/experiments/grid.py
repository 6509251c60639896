"""One cell from recipe to scores. Every stage leaves a file; what is there is not done again, what is half-written does not count."""

from __future__ import annotations

import fcntl
import json
import shutil
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import pluralign
from pluralign.errors import PluralignError
from pluralign.experiments.answers import generated, judged
from pluralign.experiments.cells import BASE, CELL, HELD_OUT, Cell
from pluralign.experiments.overlap import Grams, n_grams
from pluralign.experiments.settings import Settings, recipe_of
from pluralign.ratings import Ratings
from pluralign.ratings.tables import write_parquet, write_text
from pluralign.schema import split_of
from pluralign.training.base import Base, check_changed
from pluralign.training.examples import modpo_dimensions, named
from pluralign.training.heldout import FRESH, held_out, log_ratios
from pluralign.training.margins import margins
from pluralign.training.probe import drift
from pluralign.training.recipe import Recipe
from pluralign.training.run import ADAPTER, RUN, is_finished, train, versions

FAILED, LOCK, FRONTIER = "failed.json", ".lock", "frontier.parquet"
Say = Callable[[str], None]


class BusyError(Exception):
    """Another process works on this cell."""


def run_cell(cell: Cell, base: Base, settings: Settings, results: Path, say: Say = print) -> Path:
    """Bring a cell to its end, from wherever it was.

    Args:
        cell: what to do.
        base: its model.
        settings: of the grid.
        results: the grid's folder.
        say: told what happens.

    Returns:
        The cell's folder.

    Raises:
        BusyError: another process has it.
        PluralignError: as the stages raise; the reason is kept in `failed.json` too.
    """
    folder = cell.folder(results)
    if cell.is_finished(results):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        (folder / FAILED).unlink(missing_ok=True)
        try:
            _stages(cell, base, settings, folder, say)
        except Exception as error:
            told = {"error": type(error).__name__, "message": str(error), "traceback": traceback.format_exc()}
            write_text(json.dumps(told, indent=1) + "\n", folder / FAILED)
            raise
    (folder / LOCK).unlink(missing_ok=True)
    return folder


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / LOCK).open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BusyError(str(folder)) from error
        yield


def _stages(cell: Cell, base: Base, settings: Settings, folder: Path, say: Say) -> None:
    began = time.perf_counter()
    ratings = ratings_of(settings.ratings, cell.control == "null")
    info: dict[str, Any] = {}
    if cell.condition != BASE:
        recipe = recipe_of(cell, settings.changes)
        if not is_finished(folder) or not (folder / ADAPTER).is_dir():  # a clone has results and no adapters
            say("training")
            _train(cell, recipe, base, ratings, settings.judging.judge, folder, say)
        info = json.loads((folder / RUN).read_text("utf-8"))
    trained = time.perf_counter()
    told = _measure(cell, base, settings, ratings, folder, say)
    write_text(
        json.dumps(
            {
                "cell": cell.to_json(), "judges": told, "ratings": ratings.provenance.label, "weights": base.digest,
                "data_sha256": info.get("data_sha256"), "versions": versions(),
                "seconds": {"train": trained - began, "measure": time.perf_counter() - trained},
            },
            indent=1, sort_keys=True,
        ) + "\n",
        folder / CELL,
    )  # fmt: skip


def _train(cell: Cell, recipe: Recipe, base: Base, ratings: Ratings, judge: str, folder: Path, say: Say) -> None:
    command = f"pluralign experiment run {' '.join(_experiments_with(cell))} --models {cell.model} --seeds {cell.seed}"
    if recipe.method == "grpo":
        from pluralign.training.grpo import train_grpo

        train_grpo(recipe, base, ratings, folder, command=command, evaluating=judge, say=say)
        return
    offset = modpo_offset(cell, recipe, base, ratings, folder) if recipe.method == "modpo" else None
    train(recipe, base, ratings, folder, command=command, offset=offset, say=say)


def _experiments_with(cell: Cell) -> list[str]:
    from pluralign.experiments.cells import EXPERIMENTS, cells_of

    return [name for name in EXPERIMENTS if cell in cells_of(name, cell.model, cell.seed, protocol=cell.protocol)]


def modpo_offset(cell: Cell, recipe: Recipe, base: Base, ratings: Ratings, folder: Path) -> np.ndarray:
    """MODPO's margin from the grid's own policy for the other dimension.

    Raises:
        PluralignError: PA097 where that policy is not there.
    """
    _, other = modpo_dimensions(named(recipe.condition))
    teacher = replace(
        cell, condition={"toxicity": "exp3-individual-toxicity"}.get(other, f"exp4-{other}"), method="dpo", variant=""
    )
    place = folder.parents[1] / teacher.name / f"seed{cell.seed}" / ADAPTER
    if not place.is_dir():
        raise PluralignError(
            "PA097", f"modpo needs the adapter of {teacher.name}, seed {cell.seed}, which is not at {place}.",
            "Train it first: remove that cell's folder and run exp4 again (adapters are not committed).",
        )  # fmt: skip
    return margins(recipe, base, ratings, place)


def _measure(cell: Cell, base: Base, settings: Settings, ratings: Ratings, folder: Path, say: Say) -> dict[str, Any]:
    """Implicit rewards, answers, judgements."""
    adapter = folder / ADAPTER
    missing = [lang for lang in settings.languages if not (folder / f"generations_{lang}.jsonl").is_file()]
    wants_rewards = cell.condition != BASE and not (folder / HELD_OUT).is_file()
    frontier = settings.frontier and not (folder / FRONTIER).is_file() and any(folder.glob(f"{ADAPTER}-at-*"))
    if missing or wants_rewards:
        with base.with_adapter(adapter) if cell.condition != BASE else nullcontext(base.model) as model:
            if wants_rewards:
                say("held-out pairs")
                _held_out(cell, base, model, settings, ratings, folder)
            for language in missing:
                say(f"answers ({language})")
                generated(base, model, language, settings.generation_batch, folder, settings.limit)
    known = training_phrases(settings.ratings)
    told: dict[str, Any] = {}
    for language in settings.languages:
        say(f"judging ({language})")
        rows = generated(base, base.model, language, settings.generation_batch, folder, settings.limit)
        told[language] = judged(rows, language, settings.judging, known, folder / f"answers_{language}.parquet")
    if frontier:
        say("frontier")
        _frontier(base, settings, folder)
    for language in settings.languages:  # the answers are in the Parquet file now
        (folder / f"generations_{language}.jsonl").unlink()
    return told


def _held_out(cell: Cell, base: Base, model: Any, settings: Settings, ratings: Ratings, folder: Path) -> None:
    recipe = recipe_of(cell, settings.changes)
    chat = base.chat(recipe.max_length)
    sets = [held_out(ratings, chat, recipe.language, name, settings.held_out_a_template) for name in (FRESH, "test")]
    tables = [log_ratios(base, model, one, recipe.lora.first_layer) for one in sets if one is not None and one.trees]
    whole = pa.concat_tables(tables)
    check_changed(whole.column("logp").to_numpy(), whole.column("reference").to_numpy(), cell.name)
    write_parquet(whole, folder / HELD_OUT)


def _frontier(base: Base, settings: Settings, folder: Path) -> None:
    """Scores and KL of the adapters that were kept on the way."""
    from pluralign.evaluation.prompts import load_prompts

    language = settings.languages[0]
    prompts = [row["prompt"] for row in load_prompts(language)][::6]
    points = []
    for place in sorted(folder.glob(f"{ADAPTER}-at-*"), key=lambda one: float(one.name.rsplit("-", 1)[1])):
        scratch = folder / f".{place.name}"
        scratch.mkdir(exist_ok=True)
        with base.with_adapter(place) as model:
            rows = generated(base, model, language, settings.generation_batch, scratch, settings.limit)
            kl = drift(base, model, prompts)
        judged(rows, language, replace(settings.judging, jury=(), besides=()), frozenset(), scratch / "answers.parquet")
        table = pq.read_table(scratch / "answers.parquet")
        means = {name: float(np.nanmean(table.column(name).to_numpy())) for name in ("toxicity", "emotional_awareness")}
        points.append({"share": float(place.name.rsplit("-", 1)[1]), "kl": kl.kl, "kl_se": kl.kl_se, **means})
        shutil.rmtree(scratch)
    write_parquet(pa.Table.from_pylist(points), folder / FRONTIER)


@cache
def ratings_of(folder: str | None, null: bool) -> Ratings:
    """The rating set of a grid, or its null: the same simulation with no group weighing anything differently.

    Raises:
        PluralignError: PA097 where ratings by people are asked for their null.
    """
    own = pluralign.load(folder) if folder else pluralign.load()
    if not null:
        return own
    from pluralign.simulate import simulate
    from pluralign.simulate.parameters import Parameters

    tagged = own.provenance.details.get("parameters")
    if tagged is None:
        raise PluralignError(
            "PA097", f"{own.provenance.label} is not simulated: it has no κ to set to 0.", "Leave the null control out."
        )
    return simulate(Parameters.from_tagged(tagged).with_kappa(0), int(own.provenance.details["seed"]))


@cache
def training_phrases(folder: str | None) -> Grams:
    """Runs of five words of everything that is trained on."""
    items = ratings_of(folder, False).items.to_pylist()
    texts = [
        item[f"response_{lang}"] for item in items if split_of(item["prompt_id"]) == "train" for lang in ("en", "de")
    ]
    return n_grams(text for text in texts if text)
