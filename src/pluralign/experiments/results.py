"""A grid's folder, read and checked: every finished cell, what is half-written, and whether the cells may be compared at all.

Cells may be compared where the same judge scored answers to the same prompts, and where they were trained on the same ratings; cells of one
model where weights, dtype and kind of device are the same; cells of one method where their recipes are, but for what a cell is about.
All that is wrong is reported at once.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import yaml

from pluralign.errors import PluralignError, Problem, ProblemsFoundError
from pluralign.experiments.cells import ANSWER_COLUMNS, BASE, CELL, GENERATED, HELD_OUT, Cell
from pluralign.experiments.checks import AGAIN, CODE, problem, same, summary, table_problems
from pluralign.experiments.comparable import recipe_problems, system_problems
from pluralign.schema import LANGUAGES

GRID, RUN, FAILED, FRONTIER, CURVES = "grid.json", "run.json", "failed.json", "frontier.parquet", "curves.csv"
RECIPE = "recipe.yaml"
HELD_OUT_COLUMNS = ("set", "item_id", "prompt_id", "template_id", "logp", "reference")
FRONTIER_COLUMNS = ("kl", "toxicity", "emotional_awareness")
SCORES = ("toxicity", "emotional_awareness")


@dataclass(frozen=True, eq=False)
class Finished:
    """A finished cell with all that was measured of it.

    Attributes:
        cell: which it is.
        where: its folder below the results.
        info: `cell.json`.
        run: `run.json`; empty for the base.
        answers: language -> scored answers (`cells.ANSWER_COLUMNS` and more).
        held_out: implicit rewards; None for the base, whose own are 0.
        frontier: scores and KL on the way, where they were measured.
        curves: what was logged, a row a step; None for the base.
        recipe: `recipe.yaml`; empty for the base.
    """

    cell: Cell
    where: str
    info: Mapping[str, Any]
    run: Mapping[str, Any]
    answers: Mapping[str, pa.Table]
    held_out: pa.Table | None
    frontier: pa.Table | None
    curves: pa.Table | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)

    @property
    def model(self) -> str:
        """The model's short name, that of its folder."""
        return Path(self.cell.model).name

    @property
    def is_null(self) -> bool:
        """Whether it was trained on the release in which no group weighs anything differently."""
        return self.cell.control == "null"

    @property
    def kl(self) -> float:
        """KL from the base at the end, nats an answer; NaN where it was not measured."""
        found = self.run.get("end", {}).get("kl")
        return math.nan if found is None else float(found)

    @property
    def missed_kl(self) -> bool:
        """Whether it was to stop at a KL and its steps ended first."""
        return self.run.get("kl_reached") is False


@dataclass(frozen=True, eq=False)
class Results:
    """The finished cells of a grid.

    Attributes:
        folder: of the grid.
        settings: `grid.json`; empty where there is none.
        cells: the finished ones, in the order of their folders.
        unfinished: folder below the results -> why it does not count.
        judges: language -> name and identity of the judge whose scores are compared.
    """

    folder: Path
    settings: Mapping[str, Any]
    cells: tuple[Finished, ...]
    unfinished: Mapping[str, str]
    judges: Mapping[str, tuple[str, Mapping[str, Any]]]

    @property
    def models(self) -> tuple[str, ...]:
        """The models' short names, sorted."""
        return tuple(sorted({one.model for one in self.cells}))

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages in which every cell was asked; in others cells cannot be compared."""
        return tuple(name for name in LANGUAGES if all(name in one.answers for one in self.cells))

    @property
    def further_judges(self) -> tuple[str, ...]:
        """Names of judges beside the evaluation judge whose scores every cell has, in every language that is compared."""
        told = [further_judges(one, language) for one in self.cells for language in self.languages]
        return tuple(sorted(set.intersection(*told))) if told else ()

    def of(self, model: str, name: str) -> tuple[Finished, ...]:
        """The seeds of a model's cell, by seed."""
        return self._by_name.get((model, name), ())

    @cached_property
    def _by_name(self) -> Mapping[tuple[str, str], tuple[Finished, ...]]:
        found: dict[tuple[str, str], list[Finished]] = {}
        for one in self.cells:
            found.setdefault((one.model, one.cell.name), []).append(one)
        return {name: tuple(sorted(of, key=lambda one: one.cell.seed)) for name, of in found.items()}


def read_results(folder: Path) -> Results:
    """Read every finished cell below a folder.

    Args:
        folder: of the grid, `RESULTS` of the layout in `cells`.

    Returns:
        The results; cells without `cell.json` are listed, not read.

    Raises:
        ProblemsFoundError: PA099 with everything that is broken or cannot be compared.
        PluralignError: PA099 where no cell is finished.
    """
    places = sorted(path for path in folder.glob("*/*/seed*") if path.is_dir() and not path.name.startswith("."))
    whole = [path for path in places if (path / CELL).is_file()]
    unfinished = {str(path.relative_to(folder)): _why(path) for path in places if path not in set(whole)}
    if not whole:
        raise PluralignError(
            CODE, f"no finished cell below {folder} ({len(unfinished)} begun): none has a {CELL}.", "Run `pluralign experiment run` first."
        )  # fmt: skip
    problems: list[Problem] = []
    read = [_read(folder, path, problems) for path in whole]
    cells = [one for one in read if one is not None]
    judges: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for language in LANGUAGES:
        asked = [one for one in cells if language in one.answers]
        if asked:
            problems += same(asked, partial(_prompts, language), f"answers_{language}.parquet", "prompts")
            problems += same(asked, partial(_identity, language), CELL, f"judge ({language})")
            for name in sorted({name for one in asked for name in further_judges(one, language)}):
                beside = [one for one in asked if name in further_judges(one, language)]
                problems += same(beside, partial(_further_identity, language, name), CELL, f"judge {name} ({language})")
            judges[language] = _judge(asked[0], language)
            problems += [
                problem(f"{one.where}/{CELL}", f"no judge of {language}", "judges: language -> name -> identity", AGAIN)
                for one in asked if not _judge(one, language)[0]
            ]  # fmt: skip
    trained = [one for one in cells if one.held_out is not None]
    problems += same(trained, _items, HELD_OUT, "held-out items")
    for null in (False, True):
        told = [one for one in trained if one.run.get("ratings_sha256") and one.is_null == null]
        problems += same(told, lambda one: str(one.run["ratings_sha256"]), RUN, "ratings")
    problems += system_problems(cells) + recipe_problems(cells)
    if problems:
        raise ProblemsFoundError(problems)
    settings = _json(folder / GRID) if (folder / GRID).is_file() else {}
    return Results(folder, settings, tuple(cells), unfinished, judges)


def _why(path: Path) -> str:
    """Why a begun cell does not count."""
    try:
        told = _json(path / FAILED)
        return f"failed: {told.get('error', '')}: {str(told.get('message', '')).splitlines()[0]}"
    except (OSError, ValueError, TypeError, IndexError):
        if (path / GENERATED).is_file():
            return f"no {CELL}: answered and not judged (`pluralign experiment run` without --answers-only judges), or still at work"
        return f"no {CELL}: stopped, or still at work"


def _json(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text("utf-8"))
    if not isinstance(found, dict):
        raise TypeError(f"expected a mapping, got {type(found).__name__}")
    return found


def _yaml(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text("utf-8"))
    if not isinstance(found, dict):
        raise TypeError(f"{path.name}: expected keys and values, got {type(found).__name__}")
    return found


def _read(folder: Path, path: Path, problems: list[Problem]) -> Finished | None:
    """One cell; None and a problem where it cannot be read."""
    where = str(path.relative_to(folder))
    try:
        info = _json(path / CELL)
        cell = Cell(**info["cell"])
        run = _json(path / RUN) if cell.condition != BASE else {}
        answers = {
            language: pq.read_table(path / f"answers_{language}.parquet")
            for language in LANGUAGES
            if (path / f"answers_{language}.parquet").is_file()
        }
        recipe = _yaml(path / RECIPE) if cell.condition != BASE else {}
        held_out = pq.read_table(path / HELD_OUT) if cell.condition != BASE else None
        frontier = pq.read_table(path / FRONTIER) if (path / FRONTIER).is_file() else None
        curves = pacsv.read_csv(path / CURVES) if (path / CURVES).is_file() else None
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError, pa.ArrowException) as error:
        text = f"{type(error).__name__}: {error}".splitlines()[0]
        problems.append(problem(where, text, "a whole cell"))
        return None
    if cell.folder(folder) != path:
        own = str(cell.folder(folder).relative_to(folder))
        problems.append(problem(f"{where}/{CELL}", own, where, "Move it to its own place."))
        return None
    if not answers:
        problems.append(problem(where, "no answers", "answers_<language>.parquet"))
    for language, table in answers.items():
        place = f"{where}/answers_{language}.parquet"
        problems += table_problems(table, ANSWER_COLUMNS, place, key=("prompt_id",), scores=SCORES)
    if held_out is not None:
        problems += table_problems(held_out, HELD_OUT_COLUMNS, f"{where}/{HELD_OUT}", key=("set", "item_id"))
    if frontier is not None:
        problems += table_problems(frontier, FRONTIER_COLUMNS, f"{where}/{FRONTIER}")
    return Finished(cell, where, info, run, answers, held_out, frontier, curves, recipe)


def _prompts(language: str, one: Finished) -> str:
    table = one.answers[language]
    return summary(zip(*(table.column(name).to_pylist() for name in ("prompt_id", "template_id")), strict=True))


def _items(one: Finished) -> str:
    if one.held_out is None:
        return ""
    columns = (one.held_out.column(name).to_pylist() for name in ("set", "item_id", "template_id"))
    return summary(zip(*columns, strict=True))


def _judge(one: Finished, language: str) -> tuple[str, Mapping[str, Any]]:
    """Name and identity of the judge whose scores stand in the columns without a prefix; no name where the cell does not tell."""
    own = one.answers[language].column_names
    try:
        judges: Mapping[str, Any] = one.info["judges"][language]
        besides = {name for name in judges if any(column.startswith(f"judge.{name}.") for column in own)}
        name = next(name for name in judges if name not in besides)
        return name, judges[name]["identity"]
    except (KeyError, TypeError, StopIteration):
        return "", {}


def further_judges(one: Finished, language: str) -> set[str]:
    """Names of judges whose scores of a cell stand beside those of the evaluation judge."""
    told, columns = one.info.get("judges", {}).get(language, {}), one.answers[language].column_names
    return {name for name in told if all(f"judge.{name}.{score}" in columns for score in SCORES)}


def _further_identity(language: str, name: str, one: Finished) -> str:
    return json.dumps(one.info["judges"][language][name]["identity"], sort_keys=True)


def _identity(language: str, one: Finished) -> str:
    name, identity = _judge(one, language)
    return f"{name} {json.dumps(identity, sort_keys=True)}"


def n_failed(one: Finished, language: str) -> int:
    """Scores of the evaluation judge that are missing."""
    return sum(int(np.isnan(one.answers[language].column(name).to_numpy()).sum()) for name in SCORES)
